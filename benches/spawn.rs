//! The cost of spawning tasks, of joining them, and of starting and ending a loop.
//!
//! `cargo bench --bench spawn`

mod support;

use std::cell::Cell;
use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use looplet::{as_completed, gather, spawn, task_group};
use support::{Answer, Slot, Yields, area, case, outside};

fn main() {
    area("spawn", |group| {
        case(group, "join", 1, 1, join);
        for size in [1_000, 100_000] {
            case(group, "batch", size, size, move |n| batch(size, n));
        }
        case(group, "detached", 1_000, 1_000, |n| detached(1_000, n));
        case(group, "gather", 1_000, 1_000, |n| gathered(1_000, n));
        case(group, "as_completed", 1_000, 1_000, |n| completed(1_000, n));
        case(group, "task_group", 1_000, 1_000, |n| grouped(1_000, n));
        outside(group, "empty_run", 1, 1, empty_run);
    });
}

/// Spawns one task and awaits it, `n` times.
async fn join(n: u64) -> Duration {
    let start = Instant::now();
    for i in 0..n {
        let _ = black_box(spawn(Answer(i)).await);
    }
    start.elapsed()
}

/// Spawns `size` tasks, then awaits them all.
async fn batch(size: usize, n: u64) -> Duration {
    let mut handles = Vec::with_capacity(size);
    let start = Instant::now();
    for _ in 0..n {
        handles.extend((0..size as u64).map(|i| spawn(Answer(i))));
        for handle in handles.drain(..) {
            let _ = black_box(handle.await);
        }
    }
    start.elapsed()
}

/// Spawns `size` detached tasks; the last one wakes the spawner.
async fn detached(size: usize, n: u64) -> Duration {
    let left = Rc::new(Cell::new(0));
    let done = Rc::new(Slot::default());
    let start = Instant::now();
    for _ in 0..n {
        left.set(size);
        for _ in 0..size {
            let (left, done) = (left.clone(), done.clone());
            let task = async move {
                left.set(left.get() - 1);
                if left.get() == 0 {
                    done.put(0);
                }
            };
            spawn(task).detach();
        }
        done.take().await;
    }
    start.elapsed()
}

/// Takes the results of `size` tasks that yield once each as they come.
async fn completed(size: usize, n: u64) -> Duration {
    let start = Instant::now();
    for _ in 0..n {
        let tasks: Vec<_> = (0..size).map(|_| spawn(Yields(1))).collect();
        let mut results = as_completed(tasks);
        while let Some(result) = results.next().await {
            let _ = black_box(result);
        }
    }
    start.elapsed()
}

/// Runs `size` children that yield once each in a group.
async fn grouped(size: usize, n: u64) -> Duration {
    let start = Instant::now();
    for _ in 0..n {
        let outcome = task_group::<(), (), _>(async |group| {
            for _ in 0..size {
                let child = async {
                    Yields(1).await;
                    Ok(())
                };
                group.spawn(child).detach();
            }
            Ok(())
        });
        let _ = black_box(outcome.await);
    }
    start.elapsed()
}

/// Gathers `size` futures that yield once each.
async fn gathered(size: usize, n: u64) -> Duration {
    let start = Instant::now();
    for _ in 0..n {
        let futures: Vec<_> = (0..size).map(|_| Yields(1)).collect();
        black_box(gather(futures).await);
    }
    start.elapsed()
}

/// A loop without tasks.
fn empty_run(n: u64) -> Duration {
    let start = Instant::now();
    for _ in 0..n {
        looplet::run(async {});
    }
    start.elapsed()
}
