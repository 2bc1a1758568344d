//! The cost of an item in a queue, from put to get. The size is the queue's bound.
//!
//! `cargo bench --bench queue`

mod support;

use std::hint::black_box;
use std::time::{Duration, Instant};

use looplet::{Queue, spawn, yield_now};
use support::{area, case};

/// Items per repetition; many, so that creating the queue and its tasks is negligible.
const ITEMS: usize = 4_096;
/// Items that the producer of an unbounded queue puts before the consumer runs.
const BURST: usize = 64;

fn main() {
    area("queue", |group| {
        for (name, ends, capacity) in [("1x1", 1, 64), ("1x1", 1, 1), ("4x4", 4, 64), ("4x4", 4, 1)]
        {
            case(group, name, capacity, ITEMS, move |n| {
                through(ends, n, usize::MAX, move || Queue::bounded(capacity))
            });
        }
        case(group, "1x1", "unbounded", ITEMS, |n| {
            through(1, n, BURST, Queue::unbounded)
        });
    });
}

/// Equally many producers and consumers share a queue: `ITEMS` items, `n` times.
async fn through(ends: usize, n: u64, burst: usize, queue: impl Fn() -> Queue<u64>) -> Duration {
    let each = ITEMS / ends;
    let start = Instant::now();
    for _ in 0..n {
        let queue = queue();
        let mut tasks: Vec<_> = (0..ends)
            .map(|_| spawn(consume(queue.clone(), each)))
            .collect();
        tasks.extend((0..ends).map(|_| spawn(produce(queue.clone(), each, burst))));
        for task in tasks {
            task.await.expect("the queue stays open");
        }
    }
    start.elapsed()
}

async fn produce(queue: Queue<u64>, items: usize, burst: usize) {
    for i in 1..=items {
        queue.put(i as u64).await.expect("the queue stays open");
        if i % burst == 0 {
            yield_now().await;
        }
    }
}

async fn consume(queue: Queue<u64>, items: usize) {
    for _ in 0..items {
        let _ = black_box(queue.get().await);
    }
}
