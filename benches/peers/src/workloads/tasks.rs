//! What it costs to poll, to spawn and to join.
//!
//! Each workload is itself a task, so that the measured code runs where a program's code runs.

use std::cell::Cell;
use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::leaf::{Answer, Slot, YieldTimes};
use crate::runtime::Runtime;

/// So many detached tasks are alive at once.
const DETACHED_AT_ONCE: usize = 1_000;

/// One task wakes itself `n` times.
pub async fn yield_one<R: Runtime>(rt: &R, n: usize) -> Duration {
    let start = Instant::now();
    rt.spawn(YieldTimes(n)).await;
    start.elapsed()
}

/// `tasks` tasks wake themselves `yields` times each. Their spawning does not count.
pub async fn yield_many<R: Runtime>(rt: &R, tasks: usize, yields: usize) -> Duration {
    let rt2 = rt.clone();
    let driver = async move {
        let mut handles = Vec::with_capacity(tasks);
        handles.extend((0..tasks).map(|_| rt2.spawn(YieldTimes(yields))));
        let start = Instant::now();
        for handle in handles {
            handle.await;
        }
        start.elapsed()
    };
    rt.spawn(driver).await
}

/// Spawns one task and awaits it, `n` times.
pub async fn spawn_join<R: Runtime>(rt: &R, n: usize) -> Duration {
    let rt2 = rt.clone();
    let driver = async move {
        let start = Instant::now();
        for i in 0..n {
            black_box(rt2.spawn(Answer(i as u64)).await);
        }
        start.elapsed()
    };
    rt.spawn(driver).await
}

/// Spawns `n` tasks, then awaits them all.
pub async fn spawn_batch<R: Runtime>(rt: &R, n: usize) -> Duration {
    let rt2 = rt.clone();
    let driver = async move {
        let mut handles = Vec::with_capacity(n);
        let start = Instant::now();
        handles.extend((0..n).map(|i| rt2.spawn(Answer(i as u64))));
        for handle in handles {
            black_box(handle.await);
        }
        start.elapsed()
    };
    rt.spawn(driver).await
}

/// Spawns `n` tasks that are not joined; the last of each thousand wakes the spawner.
pub async fn spawn_detached<R: Runtime>(rt: &R, n: usize) -> Duration {
    let rt2 = rt.clone();
    let driver = async move {
        let left = Rc::new(Cell::new(0));
        let done = Rc::new(Slot::default());
        let start = Instant::now();
        for _ in 0..n.div_ceil(DETACHED_AT_ONCE) {
            left.set(DETACHED_AT_ONCE);
            for _ in 0..DETACHED_AT_ONCE {
                let (left, done) = (left.clone(), done.clone());
                rt2.spawn_detached(async move {
                    left.set(left.get() - 1);
                    if left.get() == 0 {
                        done.put(0);
                    }
                });
            }
            done.take().await;
        }
        start.elapsed()
    };
    rt.spawn(driver).await
}

/// Gathers `n` futures that yield once each.
pub async fn gather<R: Runtime>(rt: &R, n: usize) -> Duration {
    let rt2 = rt.clone();
    let driver = async move {
        let start = Instant::now();
        let mut futures = Vec::with_capacity(n);
        futures.extend((0..n).map(|_| YieldTimes(1)));
        black_box(rt2.gather(futures).await);
        start.elapsed()
    };
    rt.spawn(driver).await
}
