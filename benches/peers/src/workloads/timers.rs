//! What timers cost: armed and dropped, held, fired, and how late one sleep returns.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use super::leaf::YieldTimes;
use super::pinned::PinnedVec;
use crate::clock::cpu_time;
use crate::runtime::Runtime;

/// Far enough away that nothing fires while it is measured.
const FAR: Duration = Duration::from_secs(10);
/// The deadlines of held timers are spread over this time.
const SPREAD: Duration = Duration::from_secs(50);
/// Timers created and dropped before the executor continues.
const PER_POLL: usize = 1_000;
/// The sleeps of `timers_fire` end within this time.
const FIRE_WITHIN: Duration = Duration::from_millis(200);
/// The sleep whose lateness is measured.
const SHORT: Duration = Duration::from_millis(1);

/// Spreads `i` over `range`: the same scattered order for every executor.
pub fn scattered(i: usize, range: Duration) -> Duration {
    let hash = (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    Duration::from_nanos(((range.as_nanos() * u128::from(hash)) >> 32) as u64)
}

/// Polls a future once and leaves it pending.
pub async fn poll_once<F: Future>(mut future: Pin<&mut F>) {
    poll_fn(|cx| {
        let _ = future.as_mut().poll(cx);
        std::task::Poll::Ready(())
    })
    .await;
}

/// Creates a sleep, polls it once and drops it, `n` times.
pub async fn create_drop<R: Runtime>(rt: &R, n: usize) -> Duration {
    let rt2 = rt.clone();
    let driver = async move {
        let start = Instant::now();
        for i in 1..=n {
            poll_once(pin!(rt2.sleep(FAR))).await;
            if i % PER_POLL == 0 {
                YieldTimes(1).await;
            }
        }
        start.elapsed()
    };
    rt.spawn(driver).await
}

/// Arms `n` sleeps, holds them all, then drops them.
pub async fn hold_drop<R: Runtime>(rt: &R, n: usize) -> Duration {
    let rt2 = rt.clone();
    let driver = async move {
        let start = Instant::now();
        let held = hold(&rt2, n).await;
        drop(held);
        start.elapsed()
    };
    rt.spawn(driver).await
}

/// Arms `n` scattered sleeps, side by side in one allocation.
async fn hold<R: Runtime>(rt: &R, n: usize) -> PinnedVec<impl Future<Output = ()> + use<R>> {
    let mut sleeps = PinnedVec::with_capacity(n);
    for i in 0..n {
        let sleep = rt.sleep(FAR + scattered(i, SPREAD));
        poll_once(sleeps.push(sleep)).await;
    }
    sleeps
}

/// `n` tasks sleep between 0 and 200 ms each; the processor time of the whole.
pub async fn fire<R: Runtime>(rt: &R, n: usize) -> Duration {
    let rt2 = rt.clone();
    let driver = async move {
        let before = cpu_time();
        let mut handles = Vec::with_capacity(n);
        for i in 0..n {
            let sleep = rt2.sleep(scattered(i, FIRE_WITHIN));
            handles.push(rt2.spawn(sleep));
        }
        for handle in handles {
            handle.await;
        }
        cpu_time() - before
    };
    rt.spawn(driver).await
}

/// Sleeps 1 ms `n` times, one after the other; the median lateness.
pub async fn lateness<R: Runtime>(rt: &R, n: usize) -> Duration {
    let rt2 = rt.clone();
    let driver = async move {
        let mut late = Vec::with_capacity(n);
        for _ in 0..n {
            let start = Instant::now();
            rt2.sleep(SHORT).await;
            late.push(start.elapsed().saturating_sub(SHORT));
        }
        late.sort_unstable();
        late[n / 2]
    };
    rt.spawn(driver).await
}
