//! The cost of timers: armed and dropped, held, fired; and the lateness of a sleep.
//!
//! `cargo bench --bench timers`

mod support;

use std::time::{Duration, Instant};

use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;
use looplet::{EventLoop, sleep, spawn, yield_now};
use support::{area, case, outside, poll_once};

/// A distant deadline, so that no timer fires during the measurement.
const FAR: Duration = Duration::from_secs(10);
/// The deadlines of held timers are spread over this time.
const SPREAD: Duration = Duration::from_secs(50);
/// Timers that are created and dropped before the loop runs again.
const PER_POLL: u64 = 1_000;
/// The sleeps of `fire` end within this time.
const FIRE_WITHIN: Duration = Duration::from_millis(200);
/// The number of sleeps of `fire`; each round of it takes at least `FIRE_WITHIN`.
const FIRED: usize = 100_000;
/// The sleep whose lateness is measured.
const SHORT: Duration = Duration::from_millis(1);

fn main() {
    area("timers", |group| {
        case(group, "create_drop", 1, 1, create_drop);
        for size in [10_000, 100_000] {
            case(group, "hold_drop", size, size, move |n| hold_drop(size, n));
        }
        case(group, "lateness", 1, 1, lateness);
        group.sample_size(10);
        let event_loop = EventLoop::builder().virtual_time().build();
        fire(group, "fire_virtual", event_loop);
        fire(group, "fire", EventLoop::new());
    });
}

/// Spreads `i` over `range`, in a scattered order that is always the same.
fn scattered(i: usize, range: Duration) -> Duration {
    let hash = (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    Duration::from_nanos(((range.as_nanos() * u128::from(hash)) >> 32) as u64)
}

/// Creates a sleep, polls it once and drops it, `n` times.
async fn create_drop(n: u64) -> Duration {
    let start = Instant::now();
    for i in 1..=n {
        poll_once(&mut sleep(FAR)).await;
        if i % PER_POLL == 0 {
            yield_now().await;
        }
    }
    start.elapsed()
}

/// Arms `size` scattered sleeps, holds them all, then drops them.
async fn hold_drop(size: usize, n: u64) -> Duration {
    let mut sleeps = Vec::with_capacity(size);
    let start = Instant::now();
    for _ in 0..n {
        for i in 0..size {
            let mut sleep = sleep(FAR + scattered(i, SPREAD));
            poll_once(&mut sleep).await;
            sleeps.push(sleep);
        }
        sleeps.clear();
    }
    start.elapsed()
}

/// Sleeps a millisecond `n` times, one after the other, and returns the time beyond that.
async fn lateness(n: u64) -> Duration {
    let mut late = Duration::ZERO;
    for _ in 0..n {
        let start = Instant::now();
        sleep(SHORT).await;
        late += start.elapsed().saturating_sub(SHORT);
    }
    late
}

/// Many tasks sleep for up to `FIRE_WITHIN`; measures the time per timer in which the loop does not sleep.
fn fire(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut event_loop: EventLoop) {
    outside(group, name, FIRED, FIRED, |n| {
        let mut awake = Duration::ZERO;
        for _ in 0..n {
            let parked = event_loop.metrics().parked;
            let start = Instant::now();
            event_loop.block_on(sleepers());
            awake += start.elapsed() - (event_loop.metrics().parked - parked);
        }
        awake
    });
}

async fn sleepers() {
    let nap = |i| spawn(sleep(scattered(i, FIRE_WITHIN)));
    let handles: Vec<_> = (0..FIRED).map(nap).collect();
    for handle in handles {
        handle.await.expect("a task that only sleeps");
    }
}
