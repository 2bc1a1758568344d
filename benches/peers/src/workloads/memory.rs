//! How many bytes a waiting task and a pending sleep hold.
//!
//! Executors keep vectors that double; just before one doubles it holds no slack. So the bytes per task are read after
//! every chunk over several doublings, and the smallest figure is the one without slack.

use std::time::Duration;

use super::leaf::{WaitForEver, YieldTimes};
use super::pinned::PinnedVec;
use super::timers::poll_once;
use crate::alloc;
use crate::runtime::Runtime;

/// Tasks or sleeps between two readings: few enough that a queue of ready tasks stays small.
const CHUNK: usize = 64;
/// From so many on the readings count: the fixed part of the executor is then spread thin.
const FROM: usize = 8_192;
/// Up to so many: nearly two doublings. glommio's wakers count no further than 32,767.
const UP_TO: usize = 30_000;

/// Bytes per waiting task with a future of 32 bytes. Its join handle is not counted.
pub async fn per_task<R: Runtime>(rt: &R) -> f64 {
    let mut handles = Vec::with_capacity(UP_TO + CHUNK);
    let mut smallest = f64::INFINITY;
    let baseline = alloc::start_counting();
    while handles.len() < UP_TO {
        handles.extend((0..CHUNK).map(|_| rt.spawn(WaitForEver([1; 4]))));
        // Lets the executor poll them: what a task allocates at its first poll counts too.
        rt.spawn(YieldTimes(2)).await;
        smallest = reading(smallest, baseline, handles.len());
    }
    alloc::stop_counting();
    smallest
}

/// Bytes per pending sleep: the sleep itself and what the executor keeps for it.
pub async fn per_sleep<R: Runtime>(rt: &R) -> f64 {
    let mut sleeps = PinnedVec::with_capacity(UP_TO + CHUNK);
    let mut smallest = f64::INFINITY;
    let baseline = alloc::start_counting();
    while sleeps.len() < UP_TO {
        for i in sleeps.len()..sleeps.len() + CHUNK {
            let deadline = Duration::from_secs(10) + Duration::from_millis(i as u64);
            poll_once(sleeps.push(rt.sleep(deadline))).await;
        }
        rt.spawn(YieldTimes(2)).await;
        smallest = reading(smallest, baseline, sleeps.len());
    }
    alloc::stop_counting();
    smallest + sleeps.size_of_each() as f64
}

fn reading(smallest: f64, baseline: isize, alive: usize) -> f64 {
    if alive < FROM {
        return smallest;
    }
    let held = alloc::held_bytes() - baseline;
    smallest.min(held as f64 / alive as f64)
}
