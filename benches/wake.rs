//! The cost of waking and polling a task: by itself, by another task, by another thread.
//!
//! `cargo bench --bench wake`

mod support;

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use looplet::spawn;
use support::{Slot, Yields, area, case};

fn main() {
    area("wake", |group| {
        case(group, "yield", 1, 1, yields);
        for size in [1_000, 100_000] {
            case(group, "yield_many", size, size, move |n| {
                yield_many(size, n)
            });
        }
        case(group, "ping_pong", 2, 2, ping_pong);
        case(group, "chain", 1_000, 1_000, |n| chain(1_000, n));
        case(group, "thread_round_trip", 1, 1, thread_round_trip);
    });
}

/// One task wakes itself `n` times.
async fn yields(n: u64) -> Duration {
    let start = Instant::now();
    Yields(n).await;
    start.elapsed()
}

/// `size` tasks wake themselves `n` times each. The spawns are not measured.
async fn yield_many(size: usize, n: u64) -> Duration {
    let handles: Vec<_> = (0..size).map(|_| spawn(Yields(n))).collect();
    let start = Instant::now();
    for handle in handles {
        handle.await.expect("a task that only yields");
    }
    start.elapsed()
}

/// Two tasks hand a value to and fro `n` times: two hops each time.
async fn ping_pong(n: u64) -> Duration {
    let (there, back) = (Rc::new(Slot::default()), Rc::new(Slot::default()));
    let start = Instant::now();
    let pong = {
        let (there, back) = (there.clone(), back.clone());
        spawn(async move {
            for _ in 0..n {
                back.put(there.take().await);
            }
        })
    };
    for i in 0..n {
        there.put(i);
        back.take().await;
    }
    pong.await.expect("a task that only answers");
    start.elapsed()
}

/// A ring of `size` tasks passes a token on, `n` times around.
async fn chain(size: usize, n: u64) -> Duration {
    let slots: Vec<Rc<Slot>> = (0..size).map(|_| Rc::default()).collect();
    let link = |i: usize| {
        let (own, next) = (slots[i].clone(), slots[(i + 1) % size].clone());
        spawn(async move {
            for _ in 0..n {
                next.put(own.take().await);
            }
        })
    };
    let handles: Vec<_> = (0..size).map(link).collect();
    let start = Instant::now();
    slots[0].put(1);
    for handle in handles {
        handle.await.expect("a task that only passes on");
    }
    start.elapsed()
}

/// A task sends its waker to another thread and waits until that has used it, `n` times.
async fn thread_round_trip(n: u64) -> Duration {
    let (helper, requests) = mpsc::channel::<Waker>();
    let answered = Arc::new(AtomicBool::new(false));
    let answer = answered.clone();
    let thread = thread::spawn(move || {
        for waker in requests {
            answer.store(true, Ordering::Release);
            waker.wake();
        }
    });
    let start = Instant::now();
    for _ in 0..n {
        let mut asked = false;
        poll_fn(|cx| {
            if !asked {
                asked = true;
                let waker = cx.waker().clone();
                helper.send(waker).expect("the helper listens");
            } else if answered.swap(false, Ordering::Acquire) {
                return Poll::Ready(());
            }
            Poll::Pending
        })
        .await;
    }
    let elapsed = start.elapsed();
    drop(helper);
    thread.join().expect("the helper does not panic");
    elapsed
}
