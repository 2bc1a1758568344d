//! Two tasks wait at the same time: `spawn` puts a future on the loop, and it runs from then on.
//!
//! ```text
//! T+0: start
//! a: 2 b: 20
//! T+2: end
//! ```
//!
//! Each `add` takes 2 s, and so do both together. `sequential_awaits` needs 4 s.

use std::time::Duration;

use looplet::{now, sleep, spawn};

fn main() {
    looplet::run(concurrent_tasks());
}

pub(crate) async fn concurrent_tasks() {
    let start = now();
    println!("T+{}: start", (now() - start).as_secs());
    let task1 = spawn(add(1, 1));
    let task2 = spawn(add(10, 10));
    let a = task1.await.unwrap();
    let b = task2.await.unwrap();

    println!("a: {a} b: {b}");
    println!("T+{}: end", (now() - start).as_secs());
}

async fn add(x: u32, y: u32) -> u32 {
    sleep(Duration::from_secs(2)).await;
    x + y
}
