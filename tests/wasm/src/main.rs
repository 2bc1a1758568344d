//! The public API where pointers have 32 bits and there are no threads. Whatever is wrong is a panic.
//!
//! ```text
//! rustup target add wasm32-wasip1
//! cargo --config "target.wasm32-wasip1.runner = 'node --no-warnings run.mjs'" run --target wasm32-wasip1
//! ```

use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use looplet::{EventLoop, Queue, gather, now, sleep, spawn, timeout, wait, yield_now};

const SECOND: Duration = Duration::from_secs(1);
const WAKERS: usize = 100_000;

async fn tasks_are_joined_and_cancelled() {
    let tasks: Vec<_> = (0..1_000_u32).map(|n| spawn(async move { n })).collect();
    let waited = wait(tasks).await;
    let results = waited.done.into_iter().map(|mut task| task.try_join());
    assert_eq!(results.map(|n| n.unwrap().unwrap()).sum::<u32>(), 499_500);

    let held = Rc::new(());
    let sleeper = spawn({
        let held = held.clone();
        async move {
            pending::<()>().await;
            drop(held)
        }
    });
    yield_now().await;
    assert!(sleeper.cancel());
    assert!(sleeper.await.unwrap_err().is_cancelled());
    assert_eq!(Rc::strong_count(&held), 1);
}

async fn an_hour_passes_at_once() {
    let start = now();
    let nap = |seconds| async move { sleep(seconds * SECOND).await };
    gather(vec![nap(3_600), nap(60)]).await;
    assert_eq!(now() - start, 3_600 * SECOND);
    assert!(timeout(SECOND, nap(2)).await.is_err());
}

async fn a_queue_carries_every_item() {
    let queue = Queue::bounded(3);
    let producer = spawn({
        let queue = queue.clone();
        async move {
            for n in 0..1_000_u32 {
                queue.put(n).await.unwrap();
            }
            queue.shutdown();
        }
    });
    let mut next = 0;
    while let Ok(n) = queue.get().await {
        assert_eq!(n, next);
        next += 1;
    }
    assert_eq!(next, 1_000);
    producer.await.unwrap();
}

async fn wakers_are_cloned_woken_and_dropped() {
    let mut wakers = Vec::new();
    let mut polls = 0;
    poll_fn(|cx| {
        polls += 1;
        if polls > 1 {
            return Poll::Ready(());
        }
        wakers.extend((0..WAKERS).map(|_| cx.waker().clone()));
        wakers.iter().for_each(|waker| waker.wake_by_ref());
        Poll::Pending
    })
    .await;
    assert_eq!((polls, wakers.len()), (2, WAKERS));
    spawn(async move { drop(wakers) }).await.unwrap();
}

fn main() {
    EventLoop::builder().virtual_time().build().block_on(async {
        tasks_are_joined_and_cancelled().await;
        an_hour_passes_at_once().await;
        a_queue_carries_every_item().await;
        wakers_are_cloned_woken_and_dropped().await;
    });
    let start = Instant::now();
    looplet::run(async { sleep(Duration::from_millis(5)).await });
    assert!(start.elapsed() >= Duration::from_millis(5));
    println!("looplet runs on {} bits without threads", usize::BITS);
}
