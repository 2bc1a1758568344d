//! What it costs when one task wakes another.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::leaf::Slot;
use crate::runtime::Runtime;

/// Two tasks hand a value to and fro through one-slot cells, `n` hops in all.
pub async fn ping_pong<R: Runtime>(rt: &R, n: usize) -> Duration {
    let (there, back) = (Rc::new(Slot::default()), Rc::new(Slot::default()));
    let rounds = n / 2;
    let start = Instant::now();
    let pong = {
        let (there, back) = (there.clone(), back.clone());
        rt.spawn(async move {
            for _ in 0..rounds {
                back.put(there.take().await);
            }
        })
    };
    let ping = rt.spawn(async move {
        for i in 0..rounds {
            there.put(i as u64);
            back.take().await;
        }
    });
    ping.await;
    pong.await;
    start.elapsed()
}

/// A ring of `size` tasks passes one token on, `n` wakes in all.
pub async fn chain_wake<R: Runtime>(rt: &R, size: usize, n: usize) -> Duration {
    let laps = n / size;
    let slots: Vec<Rc<Slot>> = (0..size).map(|_| Rc::default()).collect();
    let mut handles = Vec::with_capacity(size);
    for i in 0..size {
        let (own, next) = (slots[i].clone(), slots[(i + 1) % size].clone());
        handles.push(rt.spawn(async move {
            for _ in 0..laps {
                next.put(own.take().await);
            }
        }));
    }
    let start = Instant::now();
    slots[0].put(1);
    for handle in handles {
        handle.await;
    }
    start.elapsed()
}
