//! The workloads: which one a row stands for, and how it is repeated.

mod floors;
mod intervals;
mod leaf;
mod memory;
mod order;
mod pinned;
mod queues;
mod tasks;
mod threads;
mod timers;
mod tools;

pub use floors::floor;

use crate::tools::Tools;
use intervals::Wanted;
use order::Order;
mod wakes;

use std::time::Instant;

use crate::channels::{Channel, FromThread};
use crate::measure::{Mode, repeat, repeat_outside};
use crate::runtime::Runtime;

/// Polls per task in `yield_many`, as long as the tasks are few.
const POLLS: usize = 1_000_000;
/// Tasks in `yield_many` and in the ring of `chain_wake`.
const TASKS: usize = 1_000;
/// Polls per task in `yield_many` when there are a great many tasks.
const FEWEST_POLLS: usize = 5;
/// Tasks that sleep while `timers_fire` warms up.
const FEW_TIMERS: usize = 1_000;

/// One sample of a row that compares executors.
pub fn on_executor<R: Runtime>(row: &str, n: usize, mode: Mode) -> f64 {
    if row == "start_end" {
        return start_end::<R>(n, mode);
    }
    let row = row.to_owned();
    R::run(move |rt| async move { measure_tasks(&rt, &row, n, mode).await })
}

async fn measure_tasks<R: Runtime>(rt: &R, row: &str, n: usize, mode: Mode) -> f64 {
    match row {
        "yield" => repeat(mode, n, async || tasks::yield_one(rt, n).await).await,
        "yield_many" => {
            repeat(mode, n, async || {
                tasks::yield_many(rt, TASKS, n / TASKS).await
            })
            .await
        }
        "spawn_join" => repeat(mode, n, async || tasks::spawn_join(rt, n).await).await,
        "spawn_batch" => repeat(mode, n, async || tasks::spawn_batch(rt, n).await).await,
        "spawn_detached" => repeat(mode, n, async || tasks::spawn_detached(rt, n).await).await,
        "spawn_batch_cold" => repeat(Mode::Once, n, async || tasks::spawn_batch(rt, n).await).await,
        "gather" => repeat(mode, n, async || tasks::gather(rt, n).await).await,
        "ping_pong" => repeat(mode, n, async || wakes::ping_pong(rt, n).await).await,
        "chain_wake" => repeat(mode, n, async || wakes::chain_wake(rt, TASKS, n).await).await,
        _ => match crowd(row) {
            Some((tasks, order)) => {
                repeat(mode, n, async || {
                    order::yields(rt, tasks, n / tasks, order).await
                })
                .await
            }
            None => measure_timers(rt, row, n, mode).await,
        },
    }
}

/// How many tasks yield in a row, and in which order.
fn crowd(row: &str) -> Option<(usize, Order)> {
    Some(match row {
        "yield_many" => (TASKS, Order::Spawned),
        "yield_10k" => (10_000, Order::Spawned),
        "yield_10k_shuffled" => (10_000, Order::Shuffled),
        "yield_100k" => (100_000, Order::Spawned),
        "yield_100k_shuffled" => (100_000, Order::Shuffled),
        "yield_1m" => (1_000_000, Order::Spawned),
        "yield_1m_shuffled" => (1_000_000, Order::Shuffled),
        _ => return None,
    })
}

/// What is wanted of the intervals in a row.
fn of_intervals(row: &str) -> Option<Wanted> {
    let (_, wanted) = row.strip_prefix("interval")?.rsplit_once('_')?;
    Some(match wanted {
        "processor" => Wanted::Processor,
        "late" => Wanted::Percentile(50),
        "p99" => Wanted::Percentile(99),
        _ => return None,
    })
}

/// One sample of a row that compares tools.
pub fn with_tools<R: Tools>(row: &str, n: usize, mode: Mode) -> f64 {
    let row = row.to_owned();
    R::run(move |rt| async move {
        let rt = &rt;
        match row.as_str() {
            "gather_two" => repeat(mode, n, async || tools::gather_two(rt, n).await).await,
            "group_100" => repeat(mode, n, async || tools::group(rt, n).await).await,
            "as_completed_1000" => repeat(mode, n, async || tools::as_completed(rt, n).await).await,
            "cancel_1000" => repeat(mode, n, async || tools::cancel(rt, n).await).await,
            "timeout_ready" => repeat(mode, n, async || tools::timeout_ready(rt, n).await).await,
            "timeout_yield" => repeat(mode, n, async || tools::timeout_yield(rt, n).await).await,
            "mutex_free" => repeat(mode, n, async || tools::mutex_free(rt, n).await).await,
            "mutex_fought" => repeat(mode, n, async || tools::mutex_fought(rt, n).await).await,
            "event_1000" => repeat(mode, n, async || tools::event(rt, n).await).await,
            "oneshot" => repeat(mode, n, async || tools::oneshot(rt, n).await).await,
            "semaphore_limit" => repeat(mode, n, async || tools::semaphore(rt, n).await).await,
            _ => panic!("there is no row {row}"),
        }
    })
}

async fn measure_timers<R: Runtime>(rt: &R, row: &str, n: usize, mode: Mode) -> f64 {
    match row {
        "timers_create_drop" => repeat(mode, n, async || timers::create_drop(rt, n).await).await,
        "timers_hold_drop" => repeat(mode, n, async || timers::hold_drop(rt, n).await).await,
        "timers_fire" => {
            timers::fire(rt, FEW_TIMERS).await;
            repeat(Mode::Once, n, async || timers::fire(rt, n).await).await
        }
        "sleep_lateness" => repeat(Mode::Once, 1, async || timers::lateness(rt, n).await).await,
        "thread_round_trip" => repeat(mode, n, async || threads::round_trip(rt, n).await).await,
        _ if of_intervals(row).is_some() => {
            let wanted = of_intervals(row).expect("checked before");
            let figure = repeat(Mode::Once, 1, async || intervals::run(rt, n, wanted).await).await;
            finish(figure)
        }
        "task_memory" => finish(memory::per_task(rt).await),
        "sleep_memory" => finish(memory::per_sleep(rt).await),
        _ => panic!("there is no row {row}"),
    }
}

/// Ends the process here: tasks that wait for ever would keep some executors from ending.
fn finish(value: f64) -> f64 {
    crate::sample::print(value);
    std::process::exit(0)
}

fn start_end<R: Runtime>(n: usize, mode: Mode) -> f64 {
    repeat_outside(mode, n, || {
        let start = Instant::now();
        for _ in 0..n {
            R::run(|_| async {});
        }
        start.elapsed()
    })
}

/// One sample of a cost at a size: `n` tasks or timers at once, per operation.
pub fn at_size<R: Runtime>(row: &str, n: usize, mode: Mode) -> f64 {
    let row = row.to_owned();
    R::run(move |rt| async move {
        match row.as_str() {
            "yield_many" => {
                let polls = (POLLS / n).max(FEWEST_POLLS);
                repeat(mode, n * polls, async || {
                    tasks::yield_many(&rt, n, polls).await
                })
                .await
            }
            _ => measure_tasks(&rt, &row, n, mode).await,
        }
    })
}

/// One sample of a channel inside one thread, on this executor.
pub fn on_channel<R: Runtime, Bounded: Channel, Unbounded: Channel>(
    row: &str,
    n: usize,
    mode: Mode,
) -> f64 {
    let row = row.to_owned();
    R::run(move |rt| async move {
        let rt = &rt;
        match row.as_str() {
            "queue_1x1_64" => {
                repeat(mode, n, async || {
                    queues::bounded::<R, Bounded>(rt, 1, 64, n).await
                })
                .await
            }
            "queue_1x1_1" => {
                repeat(mode, n, async || {
                    queues::bounded::<R, Bounded>(rt, 1, 1, n).await
                })
                .await
            }
            "queue_4x4_64" => {
                repeat(mode, n, async || {
                    queues::bounded::<R, Bounded>(rt, 4, 64, n).await
                })
                .await
            }
            "queue_4x4_1" => {
                repeat(mode, n, async || {
                    queues::bounded::<R, Bounded>(rt, 4, 1, n).await
                })
                .await
            }
            "queue_unbounded" => {
                repeat(mode, n, async || {
                    queues::unbounded::<R, Unbounded>(rt, n).await
                })
                .await
            }
            _ => panic!("there is no channel row {row}"),
        }
    })
}

/// One sample of a channel that another thread feeds, on this executor.
pub fn from_thread<R: Runtime, C: FromThread>(n: usize, mode: Mode) -> f64 {
    R::run(
        move |rt| async move { repeat(mode, n, async || threads::items::<R, C>(&rt, n).await).await },
    )
}
