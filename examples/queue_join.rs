//! `Queue::join` waits until every item that was put has been processed.
//!
//! ```text
//! producer_1 put a val: 8
//! producer_2 put a val: 3
//! consumer_1 get a val: 8
//! consumer_2 get a val: 3
//! producer_1 put a val: 8
//! producer_2 put a val: 5
//! consumer_1 get a val: 8
//! consumer_2 get a val: 5
//! producer_1 put a val: 2
//! producer_2 put a val: 2
//! consumer_1 get a val: 2
//! consumer_2 get a val: 2
//! producer_1 put a val: 8
//! producer_2 put a val: 1
//! consumer_1 get a val: 8
//! consumer_2 get a val: 1
//! producer_1 put a val: 2
//! producer_2 put a val: 5
//! consumer_1 get a val: 2
//! consumer_2 get a val: 5
//! ```
//!
//! It takes 6 s: five rounds of producing, and one more second until the last items are done. Then the consumers,
//! which would wait for ever, are cancelled. The values are random, from a fixed seed.

use std::time::Duration;

use looplet::{Queue, gather, sleep, spawn};

fn main() {
    fastrand::seed(SEED);
    looplet::run(queue_join(random_value));
}

pub(crate) const SEED: u64 = 7;

pub(crate) fn random_value() -> u64 {
    fastrand::u64(1..=10)
}

pub(crate) async fn queue_join(draw: fn() -> u64) {
    let queue = Queue::unbounded();

    let producer_1 = producer(queue.clone(), "producer_1", draw);
    let producer_2 = producer(queue.clone(), "producer_2", draw);

    let consumer_1 = spawn(consumer(queue.clone(), "consumer_1"));
    let consumer_2 = spawn(consumer(queue.clone(), "consumer_2"));

    gather((producer_1, producer_2)).await;
    queue.join().await;
    consumer_1.cancel();
    consumer_2.cancel();
}

async fn producer(queue: Queue<u64>, name: &str, draw: fn() -> u64) {
    for _ in 0..5 {
        let val = draw();
        sleep(Duration::from_secs(1)).await;
        queue.put(val).await.unwrap();
        println!("{name} put a val: {val}");
    }
}

async fn consumer(queue: Queue<u64>, name: &str) {
    while let Ok(val) = queue.get().await {
        println!("{name} get a val: {val}");
        sleep(Duration::from_secs(1)).await;
        queue.task_done();
    }
}
