//! Programs about `await`: what it runs, and in which order.

use std::time::Duration;

use looplet::{now, sleep};

/// A future that is not awaited does nothing.
pub(crate) async fn lazy_future() {
    let _result = fun();
}

pub(crate) async fn run_a_future() {
    fun().await;
}

async fn fun() {
    println!("jugeng");
}

pub(crate) async fn await_sleep() {
    println!("come");
    sleep(Duration::from_secs(2)).await;
    println!("over");
}

pub(crate) async fn nested_await() {
    println!("执行协程内部代码");
    let response = others().await;
    println!("IO请求结束，结果为 {response}");
}

pub(crate) async fn nested_await_twice() {
    println!("执行协程内部代码");
    let response1 = others().await;
    println!("IO请求结束，结果为 {response1}");
    let response2 = others().await;
    println!("IO请求结束，结果为 {response2}");
}

async fn others() -> &'static str {
    println!("start");
    sleep(Duration::from_secs(5)).await;
    println!("end");
    "返回值"
}

pub(crate) async fn hello_twice() {
    println!("hello");
    sleep(Duration::from_secs(1)).await;
    println!("hello");
}

/// `say_after` twice, awaited in place.
pub(crate) async fn say_after_in_turn() {
    let start = now();
    println!("started at T+{}", (now() - start).as_secs());
    say_after(1, "hello").await;
    say_after(2, "world").await;
    println!("finished at T+{}", (now() - start).as_secs());
}

pub(crate) async fn say_after(delay: u64, what: &str) {
    sleep(Duration::from_secs(delay)).await;
    println!("{what}");
}
