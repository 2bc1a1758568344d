//! Tasks have names, and their `Debug` output shows how they ended.
//!
//! ```text
//! main开始
//! main结束
//! 1
//! 1
//! 3
//! 3
//! [<Task finished name='yan1' result="返回值">, <Task finished name='yan2' result="返回值">]
//! ```
//!
//! It takes 5 s. "main结束" comes before the tasks begin: the main task first suspends at `wait`.

use std::time::Duration;

use looplet::{sleep, spawn_named, wait};

fn main() {
    looplet::run(named_tasks());
}

pub(crate) async fn named_tasks() {
    println!("main开始");
    let tasks = [spawn_named("yan1", func()), spawn_named("yan2", func())];
    println!("main结束");

    let waited = wait(tasks).await;
    println!("{:?}", waited.done);
}

async fn func() -> &'static str {
    println!("1");
    sleep(Duration::from_secs(5)).await;
    println!("3");
    "返回值"
}
