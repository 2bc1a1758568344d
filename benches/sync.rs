//! The cost of locks and signals without long waits, and of `as_completed`.
//!
//! `cargo bench --bench sync`

mod support;

use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use looplet::{Event, Mutex, Semaphore, as_completed, oneshot, spawn};
use support::{Yields, area, case};

fn main() {
    area("sync", |group| {
        case(group, "mutex_lock", 1, 1, mutex_lock);
        case(group, "semaphore_acquire", 1, 1, semaphore_acquire);
        case(group, "event_set_wait", 1, 1, event_set_wait);
        case(group, "event_ping_pong", 2, 2, event_ping_pong);
        case(group, "oneshot_send_receive", 1, 1, oneshot_send_receive);
        case(group, "oneshot_round", 2, 1, oneshot_round);
    });
    area("future", |group| {
        case(group, "as_completed", 1_000, 1_000, |n| completed(1_000, n));
    });
}

/// Locks and unlocks a mutex without contention.
async fn mutex_lock(n: u64) -> Duration {
    let count = Mutex::new(0u64);
    let start = Instant::now();
    for _ in 0..n {
        *count.lock().await += 1;
    }
    let elapsed = start.elapsed();
    assert_eq!(black_box(count.into_inner()), n);
    elapsed
}

/// Acquires and releases one of eight permits.
async fn semaphore_acquire(n: u64) -> Duration {
    let desks = Semaphore::new(8);
    let start = Instant::now();
    for _ in 0..n {
        let _ = black_box(desks.acquire().await);
    }
    start.elapsed()
}

/// Sets an event, waits for it, which does not suspend, and clears it.
async fn event_set_wait(n: u64) -> Duration {
    let event = Event::new();
    let start = Instant::now();
    for _ in 0..n {
        event.set();
        event.wait().await;
        event.clear();
    }
    start.elapsed()
}

/// Two tasks wake each other with an event each, `n` times: two hops each time.
async fn event_ping_pong(n: u64) -> Duration {
    let (there, back) = (Rc::new(Event::new()), Rc::new(Event::new()));
    let start = Instant::now();
    let pong = {
        let (there, back) = (there.clone(), back.clone());
        spawn(async move {
            for _ in 0..n {
                there.wait().await;
                there.clear();
                back.set();
            }
        })
    };
    for _ in 0..n {
        there.set();
        back.wait().await;
        back.clear();
    }
    pong.await.expect("a task that only answers");
    start.elapsed()
}

/// Creates a channel for one value, and sends and receives it in one task.
async fn oneshot_send_receive(n: u64) -> Duration {
    let start = Instant::now();
    for i in 0..n {
        let (sender, receiver) = oneshot();
        sender.send(i).expect("the receiver is here");
        let _ = black_box(receiver.await);
    }
    start.elapsed()
}

/// Waits for the value that a new task sends.
async fn oneshot_round(n: u64) -> Duration {
    let start = Instant::now();
    for i in 0..n {
        let (sender, receiver) = oneshot();
        spawn(async move { sender.send(i) }).detach();
        let _ = black_box(receiver.await);
    }
    start.elapsed()
}

/// Spawns `size` tasks that yield once each, and takes their results as they come.
async fn completed(size: usize, n: u64) -> Duration {
    let start = Instant::now();
    for _ in 0..n {
        let mut results = as_completed((0..size).map(|_| spawn(Yields(1))));
        while let Some(result) = results.next().await {
            result.expect("a task that only yields");
        }
    }
    start.elapsed()
}
