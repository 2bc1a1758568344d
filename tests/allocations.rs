//! What the library takes from the allocator: nothing in steady state, and little per task.

use std::alloc::System;
use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::sync::{Mutex as Lock, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use looplet::{
    EventLoop, JoinHandle, Mutex, Queue, call_soon, gather, run, sleep, spawn, yield_now,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// So many repetitions before the count begins: what grows has grown by then.
const WARM_UP: u64 = 2_000;
const MEASURED: u64 = 5_000;
/// Futures of which the memory is counted.
const MANY: usize = 100_000;

/// The counter is the process's: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Lock<()> = Lock::new(());
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

fn events(stats: Stats) -> usize {
    stats.allocations + stats.deallocations + stats.reallocations
}

/// Requested bytes that `stats` has more of than of given back ones.
fn in_use(stats: Stats) -> isize {
    stats.bytes_allocated as isize - stats.bytes_deallocated as isize
}

/// Runs `step` again and again, in virtual time, and asserts that the allocator hears of nothing once it is warm.
///
/// The test harness has threads of its own, which may allocate in the meantime: so one quiet run out of some is
/// enough. A library that allocates does so in each of them.
fn assert_steady(what: &str, step: impl AsyncFn()) {
    let _alone = alone();
    let mut heard = Vec::new();
    EventLoop::builder().virtual_time().build().block_on(async {
        for _ in 0..WARM_UP {
            step().await;
        }
        for _ in 0..5 {
            let region = Region::new(ALLOCATOR);
            for _ in 0..MEASURED {
                step().await;
            }
            let stats = region.change();
            if events(stats) == 0 {
                return;
            }
            heard.push(stats);
        }
        panic!("{what}: {heard:?} in {MEASURED} repetitions");
    });
}

#[test]
fn the_count_counts() {
    let _alone = alone();
    let region = Region::new(ALLOCATOR);
    let boxed = black_box(Box::new([0u8; 4096]));
    assert!(events(region.change()) >= 1);
    assert!(in_use(region.change()) >= 4096);
    drop(boxed);
}

#[test]
fn a_yield_allocates_nothing() {
    assert_steady("yield", async || yield_now().await);
}

#[test]
fn spawn_and_join_allocate_nothing() {
    assert_steady("spawn and join", async || {
        assert_eq!(spawn(async { 42 }).await.unwrap(), 42);
    });
}

#[test]
fn a_batch_of_tasks_over_several_chunks_allocates_nothing() {
    let handles: Cell<Vec<JoinHandle<u64>>> = Cell::new(Vec::with_capacity(200));
    assert_steady("batch", async || {
        let mut batch = handles.take();
        batch.extend((0..200).map(|i| spawn(async move { i })));
        for (i, handle) in batch.drain(..).enumerate() {
            assert_eq!(handle.await.unwrap(), i as u64);
        }
        handles.set(batch);
    });
}

#[test]
fn a_detached_task_allocates_nothing() {
    assert_steady("spawn and detach", async || {
        spawn(yield_now()).detach();
        yield_now().await;
    });
}

#[test]
fn a_cancelled_task_allocates_nothing_that_nobody_asks_for() {
    assert_steady("cancel", async || {
        let task = spawn(pending::<()>());
        task.cancel();
        yield_now().await;
        assert!(task.is_cancelled());
    });
}

#[test]
fn a_sleep_that_fires_allocates_nothing() {
    assert_steady("sleep", async || sleep(Duration::from_millis(3)).await);
}

#[test]
fn a_sleep_that_is_dropped_allocates_nothing() {
    assert_steady("sleep and drop", async || {
        let mut sleep = pin!(sleep(Duration::from_secs(3600)));
        let is_ready = poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx).is_ready())).await;
        assert!(!is_ready);
    });
}

#[test]
fn put_and_get_allocate_nothing() {
    for queue in [Queue::unbounded(), Queue::bounded(4)] {
        assert_steady("put and get", async || {
            queue.put(7).await.unwrap();
            assert_eq!(queue.get().await, Ok(7));
        });
    }
}

#[test]
fn a_getter_that_waits_allocates_nothing() {
    for queue in [Queue::unbounded(), Queue::bounded(1)] {
        assert_steady("get and put", async || {
            let inlet = queue.clone();
            let producer = spawn(async move { inlet.put(7).await.unwrap() });
            assert_eq!(queue.get().await, Ok(7));
            producer.await.unwrap();
        });
    }
}

#[test]
fn a_putter_that_waits_allocates_nothing() {
    let queue = Queue::bounded(1);
    assert_steady("put into a full queue", async || {
        queue.put(1).await.unwrap();
        let outlet = queue.clone();
        let consumer = spawn(async move { outlet.get().await.unwrap() });
        queue.put(2).await.unwrap();
        assert_eq!(consumer.await.unwrap(), 1);
        assert_eq!(queue.get().await, Ok(2));
    });
}

#[test]
fn a_mutex_allocates_nothing() {
    let mutex = std::rc::Rc::new(Mutex::new(0));
    assert_steady("lock", async || *mutex.lock().await += 1);
    assert_steady("lock that waits", async || {
        let guard = mutex.lock().await;
        let other = mutex.clone();
        let rival = spawn(async move { *other.lock().await += 1 });
        yield_now().await;
        drop(guard);
        rival.await.unwrap();
    });
}

#[test]
fn call_soon_allocates_nothing() {
    assert_steady("call_soon", async || {
        let _ = call_soon(|| {});
        yield_now().await;
    });
}

#[test]
fn a_gather_allocates_for_itself_and_not_for_each_child() {
    let _alone = alone();
    run(async {
        let batch = || async {
            let children: Vec<_> = (0..100u64).map(|i| async move { i }).collect();
            let region = Region::new(ALLOCATOR);
            assert_eq!(gather(children).await.len(), 100);
            region.change().allocations
        };
        batch().await;
        let mut fewest = usize::MAX;
        for _ in 0..5 {
            fewest = fewest.min(batch().await);
        }
        assert!(fewest <= 8, "{fewest} allocations for 100 children");
    });
}

#[test]
fn a_burst_of_a_million_tasks_gives_its_memory_back() {
    let _alone = alone();
    run(async {
        spawn(async {}).await.unwrap();
        let region = Region::new(ALLOCATOR);
        let tasks: Vec<_> = (0..1_000_000).map(|_| spawn(yield_now())).collect();
        assert!(in_use(region.change()) > 64_000_000);
        for task in tasks {
            task.await.unwrap();
        }
        yield_now().await;
        let left = in_use(region.change());
        assert!(left <= 600 << 10, "{left} bytes of the burst are left");
    });
}

/// A future of 32 bytes that waits for ever.
struct Waits([u64; 4]);

impl Future for Waits {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        black_box(self.0);
        Poll::Pending
    }
}

#[test]
fn a_waiting_task_takes_128_bytes_and_a_pending_sleep_96() {
    let _alone = alone();
    run(async {
        let mut handles = Vec::with_capacity(MANY);
        let region = Region::new(ALLOCATOR);
        handles.extend((0..MANY).map(|_| spawn(Waits([1; 4]))));
        yield_now().await;
        let each = in_use(region.change()) as f64 / MANY as f64;
        assert!(each <= 128.0, "{each} bytes per waiting task");
    });
    run(async {
        // The sleeps themselves lie in here.
        let region = Region::new(ALLOCATOR);
        let mut sleeps = Vec::with_capacity(MANY);
        sleeps.extend((0..MANY).map(|i| sleep(Duration::from_secs(3600 + i as u64))));
        poll_fn(|cx| {
            for sleep in &mut sleeps {
                assert!(Pin::new(sleep).poll(cx).is_pending());
            }
            Poll::Ready(())
        })
        .await;
        let each = in_use(region.change()) as f64 / MANY as f64;
        assert!(each <= 96.0, "{each} bytes per pending sleep");
    });
}

#[test]
fn an_empty_run_allocates_a_handful_of_times() {
    let _alone = alone();
    run(async {});
    let mut fewest = usize::MAX;
    for _ in 0..10 {
        let region = Region::new(ALLOCATOR);
        run(async {});
        fewest = fewest.min(region.change().allocations);
    }
    assert!(fewest <= 10, "{fewest} allocations");
}
