//! Parts of other crates on the loop: a thermostat reads a stream of async-stream, takes wishes from a channel of
//! flume, selects between them with `select!` of futures, and publishes its state in a `watch` of tokio.
//!
//! ```text
//! somebody wishes 21 degrees
//! heating: on
//! somebody wishes 10 degrees
//! heating: off
//! the lamp is out
//! ```

use std::time::Duration;

use async_stream::stream;
use futures::{Stream, StreamExt, pin_mut, select};
use looplet::{sleep, spawn};
use tokio::sync::watch;

fn main() {
    looplet::run(thermostat());
}

pub(crate) async fn thermostat() {
    let (heating, display) = watch::channel(false);
    let (wishes, wished) = flume::unbounded();
    let control = spawn(control(wished, heating));
    let lamp = spawn(lamp(display));

    for degrees in [21, 10] {
        sleep(Duration::from_millis(230)).await;
        println!("somebody wishes {degrees} degrees");
        wishes.send(degrees).unwrap();
    }
    sleep(Duration::from_millis(150)).await;
    // Without a sender of wishes the thermostat ends, and with it the lamp.
    drop(wishes);
    control.await.unwrap();
    lamp.await.unwrap();
}

/// Measures ten times a second; the room gets colder all the time.
fn thermometer() -> impl Stream<Item = i32> {
    stream! {
        for degrees in (0..=20).rev() {
            yield degrees;
            sleep(Duration::from_millis(100)).await;
        }
    }
}

async fn control(wished: flume::Receiver<i32>, heating: watch::Sender<bool>) {
    let measured = thermometer().fuse();
    let mut wished = wished.into_stream().fuse();
    pin_mut!(measured);
    let (mut goal, mut now) = (18, 18);
    loop {
        select! {
            degrees = measured.select_next_some() => now = degrees,
            wish = wished.next() => match wish {
                Some(degrees) => goal = degrees,
                None => break,
            },
        }
        heating.send_replace(now < goal);
    }
}

/// Shows when the heating goes on or off.
async fn lamp(mut display: watch::Receiver<bool>) {
    let mut was_on = false;
    while display.changed().await.is_ok() {
        let is_on = *display.borrow_and_update();
        if is_on != was_on {
            println!("heating: {}", if is_on { "on" } else { "off" });
        }
        was_on = is_on;
    }
    println!("the lamp is out");
}
