//! What the bare work of a row costs: its state machines, its memory, its clock readings, and no executor at all.

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use super::leaf::{Answer, YieldTimes};
use super::order::permutation;
use crate::measure::{Mode, repeat_outside};

/// The memory of one task: what any executor must touch to poll it, which is a line of the cache.
#[repr(align(64))]
struct Line<F>(F);

/// What a task of a batch needs at least: its future, its output, its state and a link to the next.
type Cellful = [u64; 8];

/// One sample of the row's floor, if it has one.
pub fn floor(row: &str, n: usize, mode: Mode) -> Option<f64> {
    let once: Box<dyn FnMut() -> Duration> = match row {
        "spawn_join" => Box::new(move || timed(|| (0..n as u64).for_each(poll_one))),
        "spawn_batch" | "spawn_detached" => Box::new(batch(n)),
        "spawn_batch_cold" => return Some(repeat_outside(Mode::Once, n, batch(n))),
        "ping_pong" | "chain_wake" => Box::new(move || hand_on(n)),
        "queue_1x1_1" | "queue_4x4_1" => Box::new(move || queue(n, 1)),
        "queue_1x1_64" | "queue_4x4_64" | "queue_unbounded" => Box::new(move || queue(n, 64)),
        "timers_create_drop" | "timeout_ready" | "timeout_yield" => {
            Box::new(move || timed(|| (0..n).for_each(|_| read_clock())))
        }
        "mutex_free" | "mutex_fought" => Box::new(move || locks(n)),
        "start_end" => Box::new(move || timed(|| (0..n).for_each(|_| begin_and_end()))),
        _ => return yields(row, n, mode),
    };
    Some(repeat_outside(mode, n, once))
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// The rows of tasks that yield.
fn yields(row: &str, n: usize, mode: Mode) -> Option<f64> {
    if row == "yield" {
        return Some(repeat_outside(mode, n, || poll_in_rounds(&[0], n)));
    }
    let (tasks, order) = super::crowd(row)?;
    let order = permutation(tasks, order);
    Some(repeat_outside(mode, n, || {
        poll_in_rounds(&order, n / tasks)
    }))
}

/// Polls a task for each number of `order`, round after round, through a pointer as an executor does.
fn poll_in_rounds(order: &[usize], rounds: usize) -> Duration {
    let line = |_| Line(YieldTimes(rounds));
    let mut tasks: Vec<Line<YieldTimes>> = (0..order.len()).map(line).collect();
    let mut cx = Context::from_waker(Waker::noop());
    timed(|| {
        for _ in 0..=rounds {
            for &i in order {
                let task: &mut (dyn Future<Output = ()> + Unpin) = black_box(&mut tasks[i].0);
                let _ = Pin::new(task).poll(&mut cx);
            }
        }
    })
}

fn poll_one(i: u64) {
    let mut answer = Answer(i);
    let task: &mut (dyn Future<Output = u64> + Unpin) = black_box(&mut answer);
    let _ = black_box(Pin::new(task).poll(&mut Context::from_waker(Waker::noop())));
}

fn read_clock() {
    black_box(Instant::now());
}

/// Writes a cell for each task, then reads it; the memory stays.
fn batch(n: usize) -> impl FnMut() -> Duration {
    let mut cells: Vec<Cellful> = Vec::new();
    move || {
        timed(|| {
            cells.clear();
            cells.extend((0..n as u64).map(|i| black_box([i; 8])));
            black_box(
                cells
                    .iter()
                    .map(|cell| cell[0] ^ cell[7])
                    .fold(0, u64::wrapping_add),
            );
        })
    }
}

/// Hands a number from one cell to the next.
fn hand_on(n: usize) -> Duration {
    let cells: [Cell<Option<u64>>; 2] = [Cell::new(Some(0)), Cell::new(None)];
    timed(|| {
        for i in 0..n {
            let value = black_box(&cells[i % 2]).take();
            black_box(&cells[(i + 1) % 2]).set(value);
        }
    })
}

/// Fills a ring with a burst, then empties it.
fn queue(n: usize, burst: usize) -> Duration {
    let mut items = VecDeque::with_capacity(burst);
    timed(|| {
        for _ in 0..n / burst {
            (0..burst as u64).for_each(|i| black_box(&mut items).push_back(i));
            while black_box(&mut items).pop_front().is_some() {}
        }
    })
}

fn locks(n: usize) -> Duration {
    let (locked, value) = (Cell::new(false), Cell::new(0_u64));
    timed(|| {
        for _ in 0..n {
            assert!(!black_box(&locked).replace(true));
            value.set(value.get() + 1);
            black_box(&locked).set(false);
        }
    })
}

/// A loop has a clock that was read once, and some memory.
fn begin_and_end() {
    drop(black_box(Box::new(Instant::now())));
}
