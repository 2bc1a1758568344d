//! Intervals of 1 to 20 ms: how late they are, and what processor time they take.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::timers::scattered;
use crate::clock::cpu_time;
use crate::runtime::Runtime;

/// The period of a single interval, and the range of many.
const ONE: Duration = Duration::from_millis(10);
const SHORTEST: Duration = Duration::from_millis(1);
const RANGE: Duration = Duration::from_millis(19);
/// The intervals run so long before they are measured, and so long while they are.
const WARM_UP: Duration = Duration::from_millis(100);
const MEASURED: Duration = Duration::from_secs(1);

/// What is reported of the intervals.
#[derive(Clone, Copy)]
pub enum Wanted {
    /// Processor time per second.
    Processor,
    /// The lateness that so many of a hundred ticks do not exceed.
    Percentile(usize),
}

/// Runs `n` intervals for a second.
///
/// Each is a loop of sleeps to the next multiple of its period, the same for every executor.
pub async fn run<R: Runtime>(rt: &R, n: usize, wanted: Wanted) -> Duration {
    let late = Rc::new(RefCell::new(Vec::new()));
    for i in 0..n {
        let period = if n == 1 {
            ONE
        } else {
            SHORTEST + scattered(i, RANGE)
        };
        rt.spawn_detached(tick(rt.clone(), period, late.clone()));
    }
    rt.sleep(WARM_UP).await;
    late.borrow_mut().clear();
    let (before, start) = (cpu_time(), Instant::now());
    rt.sleep(MEASURED).await;
    let (used, passed) = (cpu_time() - before, start.elapsed());
    let mut late: Vec<Duration> = late.take();
    late.sort_unstable();
    match wanted {
        Wanted::Processor => used.div_f64(passed.as_secs_f64()),
        Wanted::Percentile(percent) => late[late.len() * percent / 100],
    }
}

async fn tick<R: Runtime>(rt: R, period: Duration, late: Rc<RefCell<Vec<Duration>>>) {
    let mut next = Instant::now();
    loop {
        next += period;
        rt.sleep(next.saturating_duration_since(Instant::now()))
            .await;
        late.borrow_mut().push(next.elapsed());
    }
}
