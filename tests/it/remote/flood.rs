//! Floods from other threads: timers and tasks run in between, and nothing is lost or overtaken.
//!
//! Most tests send from the loop's own thread, which makes a flood of an exact size.

use std::cell::{Cell, RefCell};
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::support::hand;
use looplet::{
    Closed, EventLoop, LifoQueue, PriorityQueue, Queue, Remote, now, sleep, sleep_until, spawn,
    yield_now,
};

const SECOND: Duration = Duration::from_secs(1);

fn virtual_loop() -> EventLoop {
    EventLoop::builder().virtual_time().build()
}

thread_local! {
    static SEEN: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

/// Sends calls that note their number in `SEEN`.
fn send_calls(remote: &Remote, count: usize) {
    for n in 0..count {
        remote
            .call_soon(move || SEEN.with_borrow_mut(|seen| seen.push(n)))
            .unwrap();
    }
}

/// A call that calls itself twice, up to a million times in all.
fn spread(remote: &Remote) {
    let calls = CALLS.get();
    CALLS.set(calls + 1);
    if calls < 1_000_000 {
        for _ in 0..2 {
            let again = remote.clone();
            remote.call_soon(move || spread(&again)).unwrap();
        }
    }
}

/// As many waits for a timer that is due.
async fn timers(count: usize) {
    for _ in 0..count {
        sleep_until(now()).await;
    }
}

#[test]
fn timers_fire_between_the_calls_of_a_flood_and_the_calls_keep_their_order() {
    let mut event_loop = virtual_loop();
    let remote = event_loop.remote();
    send_calls(&remote, 10_000);
    event_loop.block_on(async {
        timers(10).await;
        let seen = SEEN.with_borrow(Vec::len);
        assert!((1..1000).contains(&seen), "{seen} calls in ten rounds");
    });
    event_loop.run_until_stalled();
    assert!(SEEN.take().into_iter().eq(0..10_000));
}

#[test]
fn a_flood_that_grows_makes_no_round_longer() {
    let mut event_loop = virtual_loop();
    let remote = event_loop.remote();
    for _ in 0..100 {
        event_loop
            .spawn(async {
                loop {
                    yield_now().await;
                }
            })
            .detach();
    }
    remote.clone().call_soon(move || spread(&remote)).unwrap();
    event_loop.block_on(async {
        timers(200).await;
        let before = CALLS.get();
        timers(100).await;
        let calls = CALLS.get() - before;
        // A hundred rounds, with a hundred tasks each: the calls get as many runs at most.
        assert!((100..30_000).contains(&calls), "{calls} calls");
    });
}

#[test]
fn what_was_sent_before_main_ends_runs_in_the_round_after_it() {
    let mut event_loop = EventLoop::new();
    let remote = event_loop.remote();
    event_loop.block_on(async { send_calls(&remote, 1000) });
    assert!(SEEN.take().into_iter().eq(0..1000));
}

#[test]
fn two_threads_that_never_stop_calling_do_not_keep_a_timer_from_firing() {
    let mut event_loop = EventLoop::new();
    let (remote, enough) = (event_loop.remote(), Arc::new(AtomicBool::new(false)));
    let on_their_way = Arc::new(());
    let threads = [(); 2].map(|()| {
        let (remote, enough, call) = (remote.clone(), enough.clone(), on_their_way.clone());
        thread::spawn(move || {
            while !enough.load(Ordering::Relaxed) {
                // The memory of the machine has a bound.
                if Arc::strong_count(&call) < 100_000 {
                    let call = call.clone();
                    remote.call_soon(move || drop(call)).unwrap();
                }
            }
        })
    });
    event_loop.block_on(async {
        for _ in 0..10 {
            sleep(Duration::from_millis(1)).await;
        }
    });
    enough.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Sends messages that make nothing ready: that the panics of so many tasks have been seen.
fn send_idle_messages(event_loop: &mut EventLoop, count: usize) {
    let remote = event_loop.remote();
    let task = || async { resume_unwind(Box::new("seen")) };
    let handles: Vec<_> = (0..count).map(|_| remote.spawn(task).unwrap()).collect();
    event_loop.run_until_stalled();
    for handle in handles {
        let result: Result<(), _> = hand(handle).finish();
        assert!(result.unwrap_err().is_panic());
    }
}

#[test]
fn a_call_behind_many_messages_that_make_nothing_ready_runs_at_once() {
    let ways: [fn(&mut EventLoop); 4] = [
        EventLoop::run_until_stalled,
        |event_loop| assert!(event_loop.run_once(Some(Duration::ZERO))),
        |event_loop| assert!(event_loop.run_once(None)),
        |event_loop| event_loop.advance(SECOND),
    ];
    for way in ways {
        let mut event_loop = virtual_loop();
        send_idle_messages(&mut event_loop, 1000);
        send_calls(&event_loop.remote(), 1);
        way(&mut event_loop);
        assert_eq!(SEEN.take(), [0]);
    }
}

#[test]
fn virtual_time_neither_jumps_nor_ends_in_a_deadlock_while_messages_are_left() {
    for naps in [true, false] {
        let mut event_loop = virtual_loop();
        send_idle_messages(&mut event_loop, 1000);
        let queue = Queue::unbounded();
        let spawner = event_loop.spawner();
        thread_local!(static NOTE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) });
        let put = queue.clone();
        NOTE.set(Some(Box::new(move || {
            spawner.call_soon(move || put.try_put(now()).unwrap());
        })));
        let remote = event_loop.remote();
        remote.call_soon(|| NOTE.take().unwrap()()).unwrap();
        drop(remote);
        event_loop.block_on(async {
            let start = now();
            let nap = naps.then(|| spawn(sleep(SECOND)));
            assert_eq!(queue.get().await, Ok(start));
            drop(nap);
        });
    }
}

#[test]
fn a_shutdown_gives_its_grace_to_tasks_behind_many_messages() {
    let mut event_loop = virtual_loop();
    send_idle_messages(&mut event_loop, 1000);
    let task = event_loop
        .remote()
        .spawn(|| async { sleep(SECOND).await })
        .unwrap();
    event_loop.shutdown(3600 * SECOND);
    assert!(task.join().is_ok());
}

#[test]
fn a_host_is_notified_of_messages_that_are_left() {
    let (notify, notifications) = channel();
    let mut event_loop = EventLoop::builder()
        .on_wake(move || notify.send(()).unwrap())
        .build();
    send_calls(&event_loop.remote(), 1000);
    let mut rounds = 0;
    while notifications.try_recv().is_ok() {
        notifications.try_iter().for_each(drop);
        event_loop.run_once(Some(Duration::ZERO));
        rounds += 1;
    }
    assert!(rounds > 1 && SEEN.take().into_iter().eq(0..1000));
}

/// Declares a test for one kind of queue: timers fire while a getter works through a flood of items.
macro_rules! timers_fire_between_the_items_of_a_flood {
    ($($test:ident: $queue:expr, $order:expr;)+) => { $(
        #[test]
        fn $test() {
            virtual_loop().block_on(async {
                let (queue, got) = ($queue, Rc::new(RefCell::new(Vec::new())));
                let remote = queue.remote();
                for n in 0..ITEMS {
                    remote.try_put(n).unwrap();
                }
                let (source, into) = (queue.clone(), got.clone());
                let getter = spawn(async move {
                    while let Ok(item) = source.get().await {
                        into.borrow_mut().push(item);
                    }
                });
                timers(10).await;
                let there = got.borrow().len();
                assert!((1..ITEMS / 2).contains(&there), "{there} items in ten rounds");
                queue.shutdown();
                getter.await.unwrap();
                let order: fn(&mut Vec<usize>) = $order;
                order(&mut got.borrow_mut());
                assert!(got.take().into_iter().eq(0..ITEMS));
            });
        }
    )+ };
}

const ITEMS: usize = 100_000;

timers_fire_between_the_items_of_a_flood! {
    timers_fire_between_the_items_of_a_queue: Queue::unbounded(), |_| ();
    timers_fire_between_the_items_of_a_bounded_queue: Queue::bounded(ITEMS), |_| ();
    timers_fire_between_the_items_of_a_stack: LifoQueue::unbounded(), |items| items.sort_unstable();
    timers_fire_between_the_items_of_a_heap: PriorityQueue::unbounded(), |_| ();
}

#[test]
fn items_left_by_a_look_arrive_though_no_sender_is_left() {
    for bound in [None, Some(10), Some(ITEMS)] {
        virtual_loop().block_on(async {
            let queue = bound.map_or_else(Queue::unbounded, Queue::bounded);
            let (remote, waiting) = (queue.remote(), bound.unwrap_or(ITEMS));
            for n in 0..waiting {
                remote.try_put(n).unwrap();
            }
            yield_now().await;
            assert!(bound == Some(10) || queue.len() < ITEMS);
            drop(remote);
            for n in 0..waiting {
                assert_eq!(queue.get().await, Ok(n));
            }
            queue.shutdown();
            assert_eq!(queue.get().await, Err(Closed));
        });
    }
}

#[test]
fn items_left_by_a_look_are_dropped_by_a_shutdown_now_and_by_the_end_of_the_loop() {
    for at_once in [true, false] {
        let (alive, queue) = (Arc::new(()), Queue::unbounded());
        virtual_loop().block_on(async {
            let remote = queue.remote();
            for _ in 0..ITEMS {
                remote.try_put(Arc::clone(&alive)).unwrap();
            }
            yield_now().await;
            if at_once {
                queue.shutdown_now();
                assert_eq!(Arc::strong_count(&alive), 1);
                assert!(remote.try_put(Arc::clone(&alive)).is_err());
            }
        });
        assert_eq!(Arc::strong_count(&alive), 1 + queue.len());
        assert!(queue.len() < ITEMS);
    }
}
