//! The same three counts, first one after the other without a loop, then together on a loop.
//!
//! ```text
//! One
//! Two
//! One
//! Two
//! One
//! Two
//! examples/sync_vs_async.rs executed in 3.00seconds.
//! One
//! One
//! One
//! Two
//! Two
//! Two
//! examples/sync_vs_async.rs executed in 1.00 seconds.
//! ```

use std::thread;
use std::time::{Duration, Instant};

use looplet::{gather, now, sleep};

fn main() {
    synchronous(file!(), Instant::now, thread::sleep);
    looplet::run(asynchronous(file!()));
}

/// The clock and the blocking sleep are parameters, so that this can be played on another clock.
pub(crate) fn synchronous(file: &str, clock: fn() -> Instant, block_thread: fn(Duration)) {
    let start = clock();
    for _ in 0..3 {
        blocking_count(block_thread);
    }
    let elapsed = (clock() - start).as_secs_f64();
    println!("{file} executed in {elapsed:.2}seconds.");
}

fn blocking_count(block_thread: fn(Duration)) {
    println!("One");
    block_thread(Duration::from_secs(1));
    println!("Two");
}

pub(crate) async fn asynchronous(file: &str) {
    let start = now();
    gather((count(), count(), count())).await;
    let elapsed = (now() - start).as_secs_f64();
    println!("{file} executed in {elapsed:.2} seconds.");
}

async fn count() {
    println!("One");
    sleep(Duration::from_secs(1)).await;
    println!("Two");
}
