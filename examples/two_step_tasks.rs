//! Two tasks of several steps: while one waits, the other runs.
//!
//! ```text
//! T+0: start
//! task1: start
//! task2: start
//! task2: mid
//! task1: mid
//! task2 end
//! task1 end
//! T+4.5: end
//! ```
//!
//! The steps add up to 8.5 s of waiting; it is over after 4.5 s.

use std::time::Duration;

use looplet::{now, sleep, spawn};

fn main() {
    looplet::run(two_step_tasks());
}

pub(crate) async fn two_step_tasks() {
    let start = now();
    println!("T+{:.0}: start", (now() - start).as_secs_f64());
    let task1 = spawn(first());
    let task2 = spawn(second());
    task1.await.unwrap();
    task2.await.unwrap();
    println!("T+{:.1}: end", (now() - start).as_secs_f64());
}

async fn first() {
    println!("task1: start");
    add(1, 1).await;
    sleep(Duration::from_millis(500)).await;
    println!("task1: mid");
    add(2, 2).await;
    println!("task1 end");
}

async fn second() {
    println!("task2: start");
    add(10, 10).await;
    println!("task2: mid");
    add(20, 20).await;
    println!("task2 end");
}

async fn add(x: u32, y: u32) -> u32 {
    sleep(Duration::from_secs(2)).await;
    x + y
}
