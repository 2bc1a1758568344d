//! What an item costs on its way through a channel between tasks of one thread.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::leaf::YieldTimes;
use crate::channels::Channel;
use crate::runtime::Runtime;

/// Items that the producer of an unbounded channel sends before the consumer is polled.
const BURST: usize = 64;

/// `ends` producers and as many consumers share a channel of `capacity`; `n` items in all.
pub async fn bounded<R, C>(rt: &R, ends: usize, capacity: usize, n: usize) -> Duration
where
    R: Runtime,
    C: Channel,
{
    let rt2 = rt.clone();
    let driver = async move {
        let (sender, receiver) = C::open(Some(capacity));
        let each = n / ends;
        let start = Instant::now();
        let mut handles = Vec::new();
        for receiver in C::receivers(receiver, ends) {
            handles.push(rt2.spawn(consume::<C>(receiver, each)));
        }
        let mut producers = Vec::new();
        for _ in 0..ends {
            producers.push(rt2.spawn(produce::<C>(sender.clone(), each, usize::MAX)));
        }
        for producer in producers {
            producer.await;
        }
        for handle in handles {
            handle.await;
        }
        start.elapsed()
    };
    rt.spawn(driver).await
}

/// One producer sends bursts into an unbounded channel, one consumer drains them; `n` items in all.
pub async fn unbounded<R: Runtime, C: Channel>(rt: &R, n: usize) -> Duration {
    let rt2 = rt.clone();
    let driver = async move {
        let (sender, receiver) = C::open(None);
        let start = Instant::now();
        let consumer = rt2.spawn(consume::<C>(receiver, n));
        rt2.spawn(produce::<C>(sender, n, BURST)).await;
        consumer.await;
        start.elapsed()
    };
    rt.spawn(driver).await
}

async fn produce<C: Channel>(sender: C::Sender, n: usize, burst: usize) {
    for i in 1..=n {
        C::send(&sender, i as u64).await;
        if i % burst == 0 {
            YieldTimes(1).await;
        }
    }
}

async fn consume<C: Channel>(mut receiver: C::Receiver, n: usize) {
    for _ in 0..n {
        black_box(C::receive(&mut receiver).await);
    }
}
