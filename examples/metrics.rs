//! The loop's counters once a second, and how long its polls took.
//!
//! ```text
//! cargo run --example metrics               for three seconds
//! cargo run --example metrics -- --polls    with a histogram of poll times at the end
//! ```
//!
//! The counters are plain numbers that the loop keeps anyway. Poll times are counted by an observer, which has a cost,
//! so they are counted on request only.

use std::env;
use std::time::Duration;

use looplet::{EventLoop, PollTimes, Queue, interval, sleep};

fn main() {
    let times = env::args().any(|arg| arg == "--polls").then(PollTimes::new);
    let mut builder = EventLoop::builder();
    if let Some(times) = &times {
        builder = builder.observer(times.clone());
    }
    let mut event_loop = builder.build();
    event_loop.spawn(work()).detach();

    // The host looks at the loop from outside: it needs no task for that.
    let mut before = event_loop.metrics();
    for second in 1..=3 {
        event_loop.block_on(sleep_for(Duration::from_secs(1)));
        let now = event_loop.metrics();
        println!(
            "{second} s: {} polls, {} wakes, {} spawned, {} live, {} timers, asleep for {:.2?}",
            now.polls - before.polls,
            now.wakes - before.wakes,
            now.spawned - before.spawned,
            now.live_tasks,
            now.armed_timers,
            now.parked - before.parked,
        );
        before = now;
    }
    if let Some(times) = times {
        println!("{times}");
    }
}

async fn sleep_for(duration: Duration) {
    sleep(duration).await;
}

/// A hundred items each ten milliseconds, through a queue.
async fn work() {
    let queue = Queue::bounded(10);
    let eater = queue.clone();
    looplet::spawn(async move { while eater.get().await.is_ok() {} }).detach();
    let mut tick = interval(Duration::from_millis(10));
    loop {
        tick.tick().await;
        for n in 0..100 {
            queue.put(n).await.expect("the queue is never shut down");
        }
    }
}
