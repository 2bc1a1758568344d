//! Many wakeups from other threads.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::task::{Poll, Waker};
use std::thread;

use looplet::{EventLoop, gather};

use crate::gauge::Gauge;

const THREADS: u64 = 2;
/// Tasks that each of them wakes, one after another.
const TASKS: u64 = 10;

/// Threads wake tasks as fast as they can, and the loop takes what comes. Each task goes on until it has seen all that
/// was done for it before a wakeup, so it ends if and only if the last wakeup is not lost.
pub(crate) fn in_a_flood(size: u64, gauge: &Gauge) -> (u64, &'static str) {
    let total = 100_000 * size;
    let each = total / (THREADS * TASKS);
    let mut event_loop = EventLoop::new();
    thread::scope(|scope| {
        let threads = [(); THREADS as usize].map(|()| {
            let (sender, targets) = channel();
            let thread = scope.spawn(move || {
                let targets: Vec<(Arc<AtomicU64>, Waker)> = targets.into_iter().collect();
                for _ in 0..each {
                    for (count, waker) in &targets {
                        count.fetch_add(1, Ordering::Release);
                        waker.wake_by_ref();
                    }
                }
            });
            (sender, thread)
        });
        let (senders, threads): (Vec<_>, Vec<_>) = threads.into_iter().unzip();
        let tasks: Vec<_> = (0..THREADS * TASKS)
            .map(|number| counted(each, senders[(number % THREADS) as usize].clone()))
            .collect();
        drop(senders);
        event_loop.block_on(async { gather(tasks).await });
        gauge.note_most();
        threads.into_iter().for_each(|it| it.join().unwrap());
    });
    let metrics = event_loop.metrics();
    assert!(metrics.remote_wakes <= total && metrics.live_tasks == 0);
    gauge.note_idle();
    (total, "wakeups")
}

/// Waits until its count, which another thread raises before each wakeup, is at `last`.
async fn counted(last: u64, thread: Sender<(Arc<AtomicU64>, Waker)>) {
    let count = Arc::new(AtomicU64::new(0));
    let mut thread = Some(thread);
    poll_fn(|cx| {
        if let Some(thread) = thread.take() {
            thread.send((count.clone(), cx.waker().clone())).unwrap();
        }
        if count.load(Ordering::Acquire) == last {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// A thread wakes a task, and waits for an answer before it does so again: each wakeup is a poll.
pub(crate) fn one_by_one(size: u64, gauge: &Gauge) -> (u64, &'static str) {
    let total = 1_000 * size;
    let mut event_loop = EventLoop::new();
    let (sender, wakers) = channel::<Waker>();
    let thread = thread::spawn(move || wakers.into_iter().for_each(Waker::wake));
    let mut polls = 0;
    event_loop.block_on(poll_fn(move |cx| {
        if polls == total {
            return Poll::Ready(());
        }
        polls += 1;
        sender.send(cx.waker().clone()).unwrap();
        Poll::Pending
    }));
    gauge.note_most();
    thread.join().unwrap();
    let metrics = event_loop.metrics();
    assert_eq!((metrics.remote_wakes, metrics.polls), (total, total + 1));
    gauge.note_idle();
    (total, "wakeups")
}
