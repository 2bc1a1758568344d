//! A frame loop, as in a game or a window, drives the event loop, and sleeps while both are idle.
//!
//! ```text
//! started
//! frame: a key was pressed
//! frame: the clock has struck 1
//! frame: the clock has struck 2
//! frame: loaded 5 bytes
//! the window was closed
//! ```
//!
//! A host needs three calls: `run_until_stalled` once per frame, `next_deadline` to limit its sleep, and `on_wake` to
//! be woken when another thread has sent something to the loop.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use looplet::{EventLoop, sleep, spawn_blocking};

/// What the window system sends to the frame loop.
enum Message {
    Key,
    /// The event loop wants to be run.
    Wake,
}

fn main() {
    let (window, messages) = mpsc::channel();
    let waker = window.clone();
    let mut event_loop = EventLoop::builder()
        .on_wake(move || drop(waker.send(Message::Wake)))
        .build();
    let (screen, is_open) = (Rc::new(RefCell::new(Vec::new())), Rc::new(Cell::new(true)));
    event_loop
        .spawn(app(Rc::clone(&screen), Rc::clone(&is_open)))
        .detach();
    println!("started");
    window.send(Message::Key).unwrap();

    while is_open.get() {
        if let Some(Message::Key) = next(&messages, event_loop.next_deadline()) {
            screen.borrow_mut().push("a key was pressed".to_string());
        }
        event_loop.run_until_stalled();
        for line in screen.borrow_mut().drain(..) {
            println!("frame: {line}");
        }
    }
    println!("the window was closed");
}

/// Sleeps until there is a message, or until a timer of the event loop is due.
fn next(messages: &mpsc::Receiver<Message>, deadline: Option<Instant>) -> Option<Message> {
    let Some(deadline) = deadline else {
        return messages.recv().ok();
    };
    messages
        .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        .ok()
}

async fn app(screen: Rc<RefCell<Vec<String>>>, is_open: Rc<Cell<bool>>) {
    for n in 1..=2 {
        sleep(Duration::from_millis(20)).await;
        screen
            .borrow_mut()
            .push(format!("the clock has struck {n}"));
    }
    let file = spawn_blocking(|| "level".len()).await.unwrap();
    screen.borrow_mut().push(format!("loaded {file} bytes"));
    is_open.set(false);
}
