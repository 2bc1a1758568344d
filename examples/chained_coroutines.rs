//! Three chains run side by side; inside a chain, the second part needs the result of the first.
//!
//! ```text
//! part1(9) sleeping for 1 seconds.
//! part1(6) sleeping for 2 seconds.
//! part1(3) sleeping for 4 seconds.
//! Returning part1(9) == result9-1.
//! part2(9, 'result9-1') sleeping for 2 seconds.
//! Returning part1(6) == result6-1.
//! part2(6, 'result6-1') sleeping for 4 seconds.
//! Returning part2(9, 'result9-1') == result9-2 derived from result9-1.
//! -->Chained result9 => result9-2 derived from result9-1 (took 3.00 seconds).
//! Returning part1(3) == result3-1.
//! part2(3, 'result3-1') sleeping for 1 seconds.
//! Returning part2(3, 'result3-1') == result3-2 derived from result3-1.
//! -->Chained result3 => result3-2 derived from result3-1 (took 5.00 seconds).
//! Returning part2(6, 'result6-1') == result6-2 derived from result6-1.
//! -->Chained result6 => result6-2 derived from result6-1 (took 6.00 seconds).
//! Program finished in 6.00 seconds.
//! ```
//!
//! The delays are random, from a fixed seed. Three chains of 3, 5 and 6 s take 6 s together.

use std::time::Duration;

use looplet::{gather, now, sleep};

fn main() {
    fastrand::seed(SEED);
    looplet::run(chained_coroutines([9, 6, 3], random_delay));
}

pub(crate) const SEED: u64 = 1397;

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
