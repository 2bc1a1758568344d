//! Programs about tasks: futures that run by themselves.

use std::time::Duration;

use looplet::{EventLoop, gather, now, sleep, spawn, wait};

use super::awaiting::say_after;

pub(crate) async fn spawn_then_await() {
    println!("main start...");
    let task = spawn(foo());
    task.await.unwrap();
    println!("main end.");
}

async fn foo() {
    println!("foo start...");
    sleep(Duration::from_secs(1)).await;
    println!("foo end.");
}

/// `say_after` twice, as two tasks.
pub(crate) async fn say_after_together() {
    let start = now();
    let task1 = spawn(say_after(1, "hello"));
    let task2 = spawn(say_after(2, "world"));
    println!("started at T+{}", (now() - start).as_secs());
    task1.await.unwrap();
    task2.await.unwrap();
    println!("finished at T+{}", (now() - start).as_secs());
}

/// `gather` over tasks that run already.
pub(crate) async fn gather_tasks() {
    let start = now();
    let task1 = spawn(value_after(1, "hello"));
    let task2 = spawn(value_after(2, "world"));
    println!("started at T+{}", (now() - start).as_secs());

    let ret = gather([task1, task2]).await.map(Result::unwrap);
    println!("['{}']", ret.join("', '"));

    println!("finished at T+{}", (now() - start).as_secs());
}

async fn value_after(delay: u64, what: &str) -> String {
    sleep(Duration::from_secs(delay)).await;
    format!("{what} - {delay}")
}

/// Tasks are spawned on a loop that does not run yet.
pub(crate) fn spawn_before_running(event_loop: &mut EventLoop) {
    let tasks = [event_loop.spawn(func(1, 3)), event_loop.spawn(func(2, 4))];
    event_loop.block_on(wait(tasks));
}

pub(crate) async fn tasks_without_values() {
    println!("main开始");
    let task1 = spawn(func(1, 3));
    let task2 = spawn(func(1, 3));
    println!("main结束");

    let (ret1, ret2) = (task1.await.unwrap(), task2.await.unwrap());
    println!("{ret1:?} {ret2:?}");
}

async fn func(before: u32, after: u32) {
    println!("{before}");
    sleep(Duration::from_secs(5)).await;
    println!("{after}");
}
