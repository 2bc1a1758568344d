//! Two awaits in a row run one after the other, as in synchronous code.
//!
//! ```text
//! T+0: start
//! a: 2 b: 20
//! T+4: end
//! ```
//!
//! Each `add` takes 2 s, so both together take 4 s. `concurrent_tasks` does it in 2 s.

use std::time::Duration;

use looplet::{now, sleep};

fn main() {
    looplet::run(sequential_awaits());
}

pub(crate) async fn sequential_awaits() {
    let start = now();
    println!("T+{}: start", (now() - start).as_secs());
    let a = add(1, 1).await;
    let b = add(10, 10).await;

    println!("a: {a} b: {b}");
    println!("T+{}: end", (now() - start).as_secs());
}

async fn add(x: u32, y: u32) -> u32 {
    sleep(Duration::from_secs(2)).await;
    x + y
}
