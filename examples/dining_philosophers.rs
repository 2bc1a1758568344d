//! Five philosophers and five forks, without a deadlock: a fork is a mutex, and each takes the lower one first.
//!
//! ```text
//! Anne eats with forks 0 and 1
//! Cato eats with forks 2 and 3
//! Anne thinks
//! Edith eats with forks 0 and 4
//! Cato thinks
//! Bede eats with forks 1 and 2
//! Bede thinks
//! Edith thinks
//! Anne eats with forks 0 and 1
//! Dante eats with forks 3 and 4
//! Anne thinks
//! Dante thinks
//! Cato eats with forks 2 and 3
//! Edith eats with forks 0 and 4
//! Cato thinks
//! Bede eats with forks 1 and 2
//! Edith thinks
//! Dante eats with forks 3 and 4
//! Bede thinks
//! Dante thinks
//! fork 0 was used 4 times
//! fork 1 was used 4 times
//! fork 2 was used 4 times
//! fork 3 was used 4 times
//! fork 4 was used 4 times
//! ```
//!
//! If each of them took the fork on the left first, all five would hold one and wait for ever. So the last one, between
//! the forks 4 and 0, takes fork 0 first, or waits for it with empty hands.

use std::rc::Rc;
use std::time::Duration;

use looplet::{Mutex, gather, sleep};

const NAMES: [&str; 5] = ["Anne", "Bede", "Cato", "Dante", "Edith"];

/// Knows how often it was used.
type Fork = Mutex<u32>;

fn main() {
    looplet::run(dining_philosophers());
}

pub(crate) async fn dining_philosophers() {
    let forks: Rc<[Fork; 5]> = Rc::default();
    gather([0, 1, 2, 3, 4].map(|seat| dine(seat, forks.clone()))).await;
    for (number, fork) in forks.iter().enumerate() {
        println!("fork {number} was used {} times", *fork.lock().await);
    }
}

async fn dine(seat: usize, forks: Rc<[Fork; 5]>) {
    let name = NAMES[seat];
    let (left, right) = (seat, (seat + 1) % 5);
    let (first, second) = (left.min(right), left.max(right));
    // Some eat faster than others.
    let meal = Duration::from_millis(80 + 13 * seat as u64);
    for _ in 0..2 {
        let mut one = forks[first].lock().await;
        let mut other = forks[second].lock().await;
        println!("{name} eats with forks {first} and {second}");
        sleep(meal).await;
        *one += 1;
        *other += 1;
        println!("{name} thinks");
        drop((one, other));
        sleep(Duration::from_millis(30)).await;
    }
}
