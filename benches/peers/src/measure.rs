//! How one sample measures: repetitions of a workload until they make up a fair time, and their median.

use std::time::{Duration, Instant};

/// How a sample is taken.
#[derive(Clone, Copy)]
pub enum Mode {
    /// One repetition to warm up, then as many as fit into this time.
    Timed(Duration),
    /// Exactly one repetition, for an instruction counter that watches from outside.
    Once,
}

/// A sample takes at most so many repetitions.
const MOST_REPETITIONS: usize = 10_000;
/// And at least so many, however long they take.
const FEWEST_REPETITIONS: usize = 3;

/// Repeats a workload that reports its own time; the median of nanoseconds per operation.
pub async fn repeat(mode: Mode, n: usize, mut once: impl AsyncFnMut() -> Duration) -> f64 {
    let mut times = vec![once().await];
    if let Mode::Timed(budget) = mode {
        times.clear();
        let start = Instant::now();
        while wants_more(times.len(), start, budget) {
            times.push(once().await);
        }
    }
    median_per_operation(times, n)
}

/// As [`repeat`], for what runs outside of an executor.
pub fn repeat_outside(mode: Mode, n: usize, mut once: impl FnMut() -> Duration) -> f64 {
    let mut times = vec![once()];
    if let Mode::Timed(budget) = mode {
        times.clear();
        let start = Instant::now();
        while wants_more(times.len(), start, budget) {
            times.push(once());
        }
    }
    median_per_operation(times, n)
}

fn wants_more(taken: usize, start: Instant, budget: Duration) -> bool {
    taken < FEWEST_REPETITIONS || (taken < MOST_REPETITIONS && start.elapsed() < budget)
}

fn median_per_operation(mut times: Vec<Duration>, n: usize) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_nanos() as f64 / n as f64
}
