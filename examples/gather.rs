//! `gather` runs several futures as tasks and returns all their values, in the order of its arguments.
//!
//! ```text
//! started at T+0
//! ['hello - 1', 'world - 2']
//! finished at T+2
//! ```
//!
//! It takes 2 s: as long as the slower of the two.

use std::time::Duration;

use looplet::{now, sleep};

fn main() {
    looplet::run(gather());
}

pub(crate) async fn gather() {
    let start = now();
    println!("started at T+{}", (now() - start).as_secs());

    let ret = looplet::gather([say_after(1, "hello"), say_after(2, "world")]).await;
    println!("['{}']", ret.join("', '"));

    println!("finished at T+{}", (now() - start).as_secs());
}

async fn say_after(delay: u64, what: &str) -> String {
    sleep(Duration::from_secs(delay)).await;
    format!("{what} - {delay}")
}
