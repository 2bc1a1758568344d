//! What the library takes from the allocator: nothing in steady state, and little per task.
//!
//! Only what this thread allocates is counted, for the harness and other tests are busy at the same time.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use allocation_counter::{AllocationInfo, measure};
use looplet::{
    EventLoop, JoinHandle, Mutex, Queue, Task, TaskEvent, call_later, call_soon, gather, run,
    sleep, spawn, yield_now,
};

/// So many repetitions before the count begins: what grows has grown by then.
const WARM_UP: u64 = 2_000;
const MEASURED: u64 = 5_000;
/// Futures of which the memory is counted.
const MANY: usize = 100_000;

/// Runs `step` again and again, in virtual time, and asserts that nothing is allocated or freed once it is warm: five
/// thousand repetitions take no more than none.
fn assert_steady(what: &str, step: impl AsyncFn()) {
    let mut event_loop = EventLoop::builder().virtual_time().build();
    let mut repeat = |times| {
        measure(|| {
            event_loop.block_on(async {
                for _ in 0..times {
                    step().await;
                }
            });
        })
    };
    repeat(WARM_UP);
    let none = repeat(0);
    assert_eq!(repeat(MEASURED), none, "{what}");
}

/// What is left in use after `work`, for each of [`MANY`].
fn left_for_each(work: impl FnOnce()) -> f64 {
    measure(work).bytes_current as f64 / MANY as f64
}

#[test]
fn the_count_counts() {
    let mut boxed = None;
    let taken = measure(|| boxed = Some(black_box(Box::new([0u8; 4096]))));
    assert_eq!((taken.count_total, taken.bytes_current), (1, 4096));
    let given_back = measure(|| drop(boxed));
    assert_eq!(
        (given_back.count_total, given_back.bytes_current),
        (0, -4096)
    );
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
fn a_task_that_ends_while_it_is_queued_allocates_nothing() {
    assert_steady("wake oneself and end", async || {
        spawn(poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::Ready(())
        }))
        .detach();
        yield_now().await;
    });
}

#[test]
fn a_cancelled_task_allocates_nothing_more() {
    assert_steady("cancel", async || {
        let task = spawn(pending::<()>());
        task.cancel();
        yield_now().await;
        assert!(task.is_cancelled());
    });
}

#[test]
fn a_sleep_that_fires_allocates_nothing() {
    // Seven seconds in all: at seventeen the wheel's next level would take its memory.
    assert_steady("sleep", async || sleep(Duration::from_millis(1)).await);
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
    let mutex = Rc::new(Mutex::new(0));
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
    run(async {
        let batch = || async {
            let children: Vec<_> = (0..100u64).map(|i| async move { i }).collect();
            let mut group = None;
            let called = measure(|| group = Some(gather(children)));
            assert_eq!(group.unwrap().await.len(), 100);
            called.count_total
        };
        batch().await;
        let again = batch().await;
        assert!(again <= 8, "{again} allocations for 100 children");
    });
}

#[test]
fn a_burst_of_a_million_tasks_gives_its_memory_back() {
    let mut event_loop = EventLoop::new();
    event_loop.block_on(async { spawn(async {}).await.unwrap() });
    let mut most = AllocationInfo::default();
    let burst = measure(|| {
        event_loop.block_on(async {
            let mut tasks = Vec::new();
            most = measure(|| tasks = (0..1_000_000).map(|_| spawn(yield_now())).collect());
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
    assert!(most.bytes_current > 64_000_000);
    let left = burst.bytes_current;
    assert!(left <= 600 << 10, "{left} bytes of the burst are left");
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
fn a_waiting_task_takes_106_bytes_at_most_and_a_pending_sleep_96() {
    let mut event_loop = EventLoop::new();
    let mut handles = Vec::with_capacity(MANY);
    let each = left_for_each(|| {
        handles.extend((0..MANY).map(|_| event_loop.spawn(Waits([1; 4]))));
        event_loop.run_until_stalled();
    });
    assert!(each <= 106.0, "{each} bytes per waiting task");
    drop(handles);

    run(async {
        // The sleeps themselves lie in here.
        let mut sleeps = Vec::new();
        let later = |i| sleep(Duration::from_secs(3600 + i as u64));
        let mut each = left_for_each(|| {
            sleeps.reserve_exact(MANY);
            sleeps.extend((0..MANY).map(later));
        });
        poll_fn(|cx| {
            each += left_for_each(|| {
                for sleep in &mut sleeps {
                    assert!(Pin::new(sleep).poll(cx).is_pending());
                }
            });
            Poll::Ready(())
        })
        .await;
        assert!(each <= 96.0, "{each} bytes per pending sleep");
    });
}

#[test]
fn cells_that_have_been_vacated_in_full_chunks_serve_again() {
    let mut event_loop = EventLoop::new();
    let mut tasks: Vec<_> = (0..4_000)
        .map(|_| event_loop.spawn(Waits([1; 4])))
        .collect();
    event_loop.run_until_stalled();
    for _ in 0..10 {
        // Every other one goes, so that no chunk gets empty, and as many come.
        let mut keeps = false;
        tasks.retain(|task| {
            keeps = !keeps;
            keeps || !task.cancel()
        });
        event_loop.run_until_stalled();
        let again = measure(|| {
            while tasks.len() < tasks.capacity().min(4_000) {
                tasks.push(event_loop.spawn(Waits([1; 4])));
            }
        });
        assert_eq!(again.count_total, 0);
        event_loop.run_until_stalled();
    }
}

#[test]
fn a_task_from_outside_leaves_nothing_behind() {
    let mut event_loop = EventLoop::new();
    let remote = event_loop.remote();
    let mut repeat = |times| {
        measure(|| {
            event_loop.block_on(async {
                for _ in 0..times {
                    remote.spawn(|| async {}).unwrap().await.unwrap();
                }
            });
        })
    };
    repeat(WARM_UP);
    let left = repeat(MEASURED).bytes_current;
    assert!(left < 4096, "{left} bytes are left");
}

#[test]
fn a_task_that_comes_after_the_end_of_its_loop_leaves_nothing_behind() {
    let event_loop = EventLoop::new();
    let spawner = event_loop.spawner();
    drop(event_loop);
    let repeat = |times| {
        measure(|| {
            for _ in 0..times {
                assert!(spawner.spawn(pending::<()>()).is_cancelled());
                assert!(!spawner.call_soon(|| ()).cancel());
            }
        })
    };
    repeat(1);
    assert_eq!(repeat(MEASURED).bytes_current, 0);
}

#[test]
fn what_an_observer_could_receive_is_not_kept_without_an_observer() {
    fn tick(left: u64) {
        if left > 0 {
            let _ = call_later(Duration::from_millis(1), move || tick(left - 1));
        }
    }
    let observer = |_: Instant, _: &Task, _: TaskEvent<'_>| ();
    let mut event_loop = EventLoop::builder()
        .virtual_time()
        .observer(observer)
        .build();
    let mut repeat = |times: u64| {
        let _ = event_loop.spawner().call_soon(move || tick(times));
        measure(|| event_loop.advance(Duration::from_millis(times + 1)))
    };
    repeat(WARM_UP);
    let left = repeat(MEASURED).bytes_current;
    assert!(left < 4096, "{left} bytes are left");
}

#[test]
fn what_is_left_of_a_task_goes_with_its_last_clone_after_the_loop() {
    let event_loop = EventLoop::new();
    let first = event_loop.spawn(pending::<()>()).task();
    let second = first.clone();
    drop(event_loop);
    let more = measure(|| (0..3).for_each(|_| drop(first.clone())));
    assert_eq!((more.count_total, more.bytes_current), (0, 0));
    assert_eq!(measure(|| drop(first)).bytes_current, 0);
    assert!(second.is_cancelled());
    assert!(measure(|| drop(second)).bytes_current < 0);
}

#[test]
fn an_empty_run_allocates_a_handful_of_times() {
    run(async {});
    let empty = measure(|| run(async {}));
    assert!(empty.count_total <= 8, "{} allocations", empty.count_total);
    assert_eq!(empty.bytes_current, 0);
}
