//! The smallest program: a line, a second of waiting, another line.
//!
//! ```text
//! hello
//! world
//! ```
//!
//! `cargo run --example hello` takes 1 s.

use std::time::Duration;

use looplet::sleep;

fn main() {
    looplet::run(hello());
}

pub(crate) async fn hello() {
    println!("hello");
    sleep(Duration::from_secs(1)).await;
    println!("world");
}
