//! Tasks that yield, in the order in which they were spawned and in a random one.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use super::leaf::YieldTimes;
use crate::runtime::Runtime;

/// In which order the tasks wake.
#[derive(Clone, Copy, PartialEq)]
pub enum Order {
    Spawned,
    Shuffled,
}

/// `tasks` tasks begin and wait; then they are woken in this order, and yield `yields` times each. A task that wakes
/// itself goes behind all others, so the order stays.
pub async fn yields<R: Runtime>(rt: &R, tasks: usize, yields: usize, order: Order) -> Duration {
    let rt2 = rt.clone();
    let driver = async move {
        let gates: Rc<[Cell<Option<Waker>>]> = (0..tasks).map(|_| Cell::new(None)).collect();
        let mut handles = Vec::with_capacity(tasks);
        handles.extend((0..tasks).map(|i| {
            let gates = gates.clone();
            rt2.spawn(async move {
                gate(&gates[i]).await;
                YieldTimes(yields).await;
            })
        }));
        // A task that is spawned now runs after all of them have begun to wait.
        rt2.spawn(std::future::ready(())).await;
        let wakers = permutation(tasks, order)
            .into_iter()
            .map(|i| gates[i].take());
        let wakers: Vec<Waker> = wakers.flatten().collect();
        assert_eq!(wakers.len(), tasks);
        let start = Instant::now();
        wakers.into_iter().for_each(Waker::wake);
        for handle in handles {
            handle.await;
        }
        start.elapsed()
    };
    rt.spawn(driver).await
}

async fn gate(cell: &Cell<Option<Waker>>) {
    let mut waits = true;
    poll_fn(|cx| {
        if !waits {
            return Poll::Ready(());
        }
        waits = false;
        cell.set(Some(cx.waker().clone()));
        Poll::Pending
    })
    .await;
}

/// The numbers below `n`; shuffled always in the same way.
pub fn permutation(n: usize, order: Order) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..n).collect();
    if order == Order::Shuffled {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        for last in (1..n).rev() {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            numbers.swap(last, ((state >> 33) % (last as u64 + 1)) as usize);
        }
    }
    numbers
}
