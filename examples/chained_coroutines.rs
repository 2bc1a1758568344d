//! Three chains run side by side; inside a chain, the second part needs the result of the first.
//!
//! ```text
//! ```
//!
//! The delays are random, from a fixed seed.

use std::time::Duration;

use looplet::{gather, now, sleep};

fn main() {
    fastrand::seed(SEED);
    looplet::run(chained_coroutines([9, 6, 3], random_delay));
}

pub(crate) const SEED: u64 = 444;

pub(crate) fn random_delay() -> u64 {
    fastrand::u64(0..=10)
}

pub(crate) async fn chained_coroutines(args: [u32; 3], draw: fn() -> u64) {
    let start = now();
    gather(args.map(|n| chain(n, draw))).await;
    let end = (now() - start).as_secs_f64();
    println!("Program finished in {end:.2} seconds.");
}

async fn chain(n: u32, draw: fn() -> u64) {
    let start = now();
    let p1 = part1(n, draw).await;
    let p2 = part2(n, &p1, draw).await;
    let end = (now() - start).as_secs_f64();
    println!("-->Chained result{n} => {p2} (took {end:.2} seconds).");
}

async fn part1(n: u32, draw: fn() -> u64) -> String {
    let i = draw();
    println!("part1({n}) sleeping for {i} seconds.");
    sleep(Duration::from_secs(i)).await;
    let result = format!("result{n}-1");
    println!("Returning part1({n}) == {result}.");
    result
}

async fn part2(n: u32, arg: &str, draw: fn() -> u64) -> String {
    let i = draw();
    println!("part2({n}, '{arg}') sleeping for {i} seconds.");
    sleep(Duration::from_secs(i)).await;
    let result = format!("result{n}-2 derived from {arg}");
    println!("Returning part2({n}, '{arg}') == {result}.");
    result
}
