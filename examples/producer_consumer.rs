//! A producer that blocks the thread, and five consumers that share its queue.
//!
//! ```text
//! producer put a val: 0
//! producer put a val: 1
//! ...
//! producer put a val: 19
//! consumer_0 get a val: 0 at T+2
//! consumer_1 get a val: 1 at T+2
//! consumer_2 get a val: 2 at T+2
//! consumer_3 get a val: 3 at T+2
//! consumer_4 get a val: 4 at T+2
//! ...
//! consumer_4 get a val: 19 at T+5
//! -- still running, cut here --
//! ```
//!
//! All the puts come first: an unbounded `put` never waits, and `thread::sleep` stops the whole loop, 20 times for
//! 0.1 s. Then the consumers take five items each second. After the last ones, at 5 s, they wait for ever: the program
//! is cut after 6 s.

use std::thread;
use std::time::{Duration, Instant};

use looplet::{Queue, gather, now, sleep, spawn, timeout};

fn main() {
    looplet::run(cut_after(
        Duration::from_secs(6),
        producer_consumer(thread::sleep),
    ));
}

pub(crate) async fn cut_after(limit: Duration, program: impl Future) {
    if timeout(limit, program).await.is_err() {
        println!("-- still running, cut here --");
    }
}

pub(crate) async fn producer_consumer(block_thread: fn(Duration)) {
    let start = now();
    let queue = Queue::unbounded();

    let mut tasks = vec![spawn(producer(queue.clone(), "producer", block_thread))];
    for i in 0..5 {
        let name = format!("consumer_{i}");
        tasks.push(spawn(consumer(queue.clone(), name, start)));
    }
    gather(tasks).return_exceptions().await;
}

async fn producer(queue: Queue<u32>, name: &str, block_thread: fn(Duration)) {
    for i in 0..20 {
        queue.put(i).await.unwrap();
        println!("{name} put a val: {i}");
        block_thread(Duration::from_millis(100));
    }
}

async fn consumer(queue: Queue<u32>, name: String, start: Instant) {
    while let Ok(val) = queue.get().await {
        let at = (now() - start).as_secs();
        println!("{name} get a val: {val} at T+{at}");
        sleep(Duration::from_secs(1)).await;
    }
}
