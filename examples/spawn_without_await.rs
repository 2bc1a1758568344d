//! A spawned task runs by itself, but main does not wait for it: when the main task ends, so does the program.
//!
//! ```text
//! main start...
//! main end.
//! foo start...
//! ```
//!
//! "foo end." never appears. `spawn` only queues, so `foo` begins after the main task has ended; it is polled
//! once, begins to sleep, and is cancelled. The program takes no time.

use std::time::Duration;

use looplet::{sleep, spawn};

fn main() {
    looplet::run(spawn_without_await());
}

pub(crate) async fn spawn_without_await() {
    println!("main start...");
    let _task = spawn(foo());
    println!("main end.");
}

async fn foo() {
    println!("foo start...");
    sleep(Duration::from_secs(1)).await;
    println!("foo end.");
}
