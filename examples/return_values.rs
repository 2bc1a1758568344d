//! What a task returns comes out of awaiting its handle.
//!
//! ```text
//! started at T+0
//! hello - 1
//! world - 2
//! finished at T+2
//! ```
//!
//! Both values are printed after 2 s. The first task ends after 1 s already: its handle keeps the value.

use std::time::Duration;

use looplet::{now, sleep, spawn};

fn main() {
    looplet::run(return_values());
}

pub(crate) async fn return_values() {
    let start = now();
    let task1 = spawn(say_after(1, "hello"));
    let task2 = spawn(say_after(2, "world"));
    println!("started at T+{}", (now() - start).as_secs());

    let ret1 = task1.await.unwrap();
    let ret2 = task2.await.unwrap();
    println!("{ret1}");
    println!("{ret2}");

    println!("finished at T+{}", (now() - start).as_secs());
}

async fn say_after(delay: u64, what: &str) -> String {
    sleep(Duration::from_secs(delay)).await;
    format!("{what} - {delay}")
}
