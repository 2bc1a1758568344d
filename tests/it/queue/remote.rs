//! The remote end of a queue: order, bounds, shutdown, and the end of the loop.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use looplet::sync::{RemoteQueue, TryGetError, TryPutError};
use looplet::{Closed, EventLoop, LifoQueue, PriorityQueue, Queue, spawn, yield_now};

use crate::support::panic_text;

fn is_shareable<T: Send + Sync + Clone>() {}

/// Something on its way, which must not be lost.
type Item = (Arc<()>, u32);

#[test]
fn items_keep_the_order_of_each_thread() {
    is_shareable::<RemoteQueue<Cell<u8>>>();
    for bound in [None, Some(1), Some(7)] {
        looplet::run(async {
            let queue = bound.map_or_else(Queue::unbounded, Queue::bounded);
            for id in 0..3 {
                let remote = queue.remote();
                thread::spawn(move || (0..2000).for_each(|n| remote.put((id, n)).unwrap()));
            }
            let mut next = [0; 3];
            for _ in 0..6000 {
                let (id, n): (usize, u32) = queue.get().await.unwrap();
                assert_eq!(n, next[id]);
                next[id] += 1;
                assert!(bound.is_none_or(|bound| queue.len() <= bound));
            }
            assert!(queue.is_empty());
        });
    }
}

#[test]
fn items_count_from_their_arrival_in_the_next_round() {
    looplet::run(async {
        let queue = Queue::unbounded();
        let remote = queue.remote();
        remote.try_put(1).unwrap();
        assert_eq!((queue.len(), queue.try_get()), (0, Err(TryGetError::Empty)));
        yield_now().await;
        assert_eq!((queue.len(), queue.try_get()), (1, Ok(1)));
    });
}

#[test]
fn as_many_as_the_bound_may_be_on_their_way() {
    looplet::run(async {
        let queue = Queue::bounded(2);
        let (remote, other) = (queue.remote(), queue.remote());
        remote.try_put(1).unwrap();
        other.try_put(2).unwrap();
        assert_eq!(remote.clone().try_put(3), Err(TryPutError::Full(3)));
        yield_now().await;
        assert_eq!(queue.len(), 2);
        // The queue is full, so these stay on their way.
        remote.try_put(3).unwrap();
        remote.try_put(4).unwrap();
        yield_now().await;
        assert_eq!(remote.try_put(5), Err(TryPutError::Full(5)));
        assert_eq!((queue.len(), queue.try_get()), (2, Ok(1)));
        yield_now().await;
        assert_eq!(queue.len(), 2);
        remote.try_put(5).unwrap();
        for n in 2..=5 {
            assert_eq!(queue.get().await, Ok(n));
        }
    });
}

#[test]
fn local_putters_and_remote_ones_alternate() {
    looplet::run(async {
        let queue = Queue::bounded(1);
        let remote = queue.remote();
        thread::spawn(move || while remote.put("remote").is_ok() {});
        let local = queue.clone();
        let putter = spawn(async move {
            for _ in 0..100 {
                local.put("local").await.unwrap();
            }
        });
        let mut seen = 0;
        while seen < 100 {
            seen += usize::from(queue.get().await == Ok("local"));
            yield_now().await;
        }
        putter.await.unwrap();
        queue.shutdown_now();
    });
}

#[test]
fn a_put_on_the_loops_own_thread_panics_and_try_put_works() {
    looplet::run(async {
        let queue = Queue::unbounded();
        let remote = queue.remote();
        let text = panic_text(|| remote.put(1)).unwrap();
        assert!(text.contains("the event loop's own thread"), "{text}");
        queue.shutdown();
        assert!(panic_text(|| remote.put(1)).is_some());
        assert_eq!(remote.try_put(2), Err(TryPutError::Closed(2)));
    });
}

#[test]
fn a_queue_belongs_to_one_loop() {
    let queue = Queue::<u8>::unbounded();
    let text = panic_text(|| queue.remote()).unwrap();
    assert_eq!(text, "no running event loop");
    let mut event_loop = EventLoop::new();
    for _ in 0..2 {
        // Once more after the first end, and so the source, has gone.
        event_loop.block_on(async {
            queue.remote().try_put(1).unwrap();
            assert_eq!(queue.get().await, Ok(1));
        });
    }
    let second = panic_text(|| looplet::run(async { queue.remote() })).unwrap();
    assert!(second.contains("another event loop"), "{second}");
    drop(event_loop);
    assert!(panic_text(|| looplet::run(async { queue.remote() })).is_some());
}

#[test]
fn what_was_accepted_before_the_shutdown_still_arrives_above_the_bound() {
    looplet::run(async {
        let queue = Queue::bounded(2);
        let remote = queue.remote();
        for n in 0..2 {
            remote.try_put(n).unwrap();
        }
        yield_now().await;
        for n in 2..4 {
            remote.try_put(n).unwrap();
        }
        // One of these waits in the queue's line of putters by now, the other one behind it.
        yield_now().await;
        let reader = queue.clone();
        let rest = spawn(async move {
            let mut items = Vec::new();
            while let Ok(item) = reader.get().await {
                items.push(item);
            }
            items
        });
        queue.shutdown();
        assert_eq!(remote.try_put(4), Err(TryPutError::Closed(4)));
        yield_now().await;
        assert_eq!(rest.await.unwrap(), [0, 1, 2, 3]);
        assert_eq!(queue.get().await, Err(Closed));
    });
}

#[test]
fn a_getter_waits_for_what_is_on_its_way_at_the_shutdown() {
    looplet::run(async {
        let queue = Queue::unbounded();
        queue.remote().try_put("late").unwrap();
        queue.shutdown();
        assert_eq!(queue.get().await, Ok("late"));
        assert_eq!(queue.get().await, Err(Closed));
        let late = queue.remote();
        assert_eq!(
            late.try_put("too late"),
            Err(TryPutError::Closed("too late"))
        );
    });
}

#[test]
fn shutdown_now_drops_what_is_on_its_way() {
    looplet::run(async {
        let (queue, alive) = (Queue::bounded(2), Arc::new(()));
        let remote = queue.remote();
        for round in 0..2 {
            for n in 0..2 {
                remote.try_put((Arc::clone(&alive), n + round)).unwrap();
            }
            yield_now().await;
        }
        assert_eq!(Arc::strong_count(&alive), 5);
        queue.shutdown();
        queue.shutdown_now();
        assert_eq!(Arc::strong_count(&alive), 1);
        assert_eq!(queue.get().await, Err(Closed));
        queue.join().await;
    });
}

#[test]
fn a_blocked_put_fails_when_the_queue_is_shut_down_and_when_the_loop_goes() {
    for shutdown in [true, false] {
        let queue = Queue::bounded(1);
        let mut event_loop = EventLoop::new();
        let remote = event_loop.block_on(async { queue.remote() });
        let (full, fills) = channel();
        let thread = thread::spawn(move || {
            remote.put(1).unwrap();
            full.send(()).unwrap();
            let error = remote.put(2).unwrap_err();
            assert_eq!(remote.try_put(3), Err(TryPutError::Closed(3)));
            error.0
        });
        fills.recv().unwrap();
        if shutdown {
            queue.shutdown();
        } else {
            drop(event_loop);
        }
        assert_eq!(thread.join().unwrap(), 2);
    }
}

#[test]
fn the_end_of_the_loop_drops_what_is_on_its_way_and_frees_the_getters() {
    let (queue, alive) = (Queue::<Item>::bounded(1), Arc::new(()));
    let mut event_loop = EventLoop::new();
    let remote = event_loop.block_on(async {
        let remote = queue.remote();
        remote.try_put((Arc::clone(&alive), 1)).unwrap();
        yield_now().await;
        remote.try_put((Arc::clone(&alive), 2)).unwrap();
        yield_now().await;
        remote
    });
    queue.shutdown();
    drop(event_loop);
    assert_eq!(Arc::strong_count(&alive), 2, "one has arrived");
    assert!(
        remote.put((Arc::clone(&alive), 3)).is_err(),
        "no loop, no home"
    );
    assert_eq!(queue.try_get().unwrap().1, 1);
    assert_eq!(queue.try_get(), Err(TryGetError::Closed));
    assert_eq!(futures::executor::block_on(queue.get()), Err(Closed));
}

#[test]
fn putters_race_with_the_end_and_nothing_is_lost_or_doubled() {
    for round in 0..200 {
        let (queue, alive) = (Queue::<Item>::bounded(1 + round % 3), Arc::new(()));
        let mut event_loop = EventLoop::new();
        let remote = event_loop.block_on(async { queue.remote() });
        let barrier = Arc::new(Barrier::new(3));
        let threads = [(); 2].map(|()| {
            let (remote, barrier, alive) =
                (remote.clone(), Arc::clone(&barrier), Arc::clone(&alive));
            thread::spawn(move || {
                barrier.wait();
                (0..)
                    .find(|&n| remote.put((Arc::clone(&alive), n)).is_err())
                    .unwrap()
            })
        });
        barrier.wait();
        let mut got = 0;
        for _ in 0..round {
            event_loop.run_until_stalled();
            got += u32::from(queue.try_get().is_ok());
        }
        match round % 3 {
            0 => queue.shutdown(),
            1 => queue.shutdown_now(),
            _ => drop(std::mem::take(&mut event_loop)),
        }
        let accepted: u32 = threads.map(|thread| thread.join().unwrap()).iter().sum();
        event_loop.run_until_stalled();
        while queue.try_get().is_ok() {
            got += 1;
        }
        assert!(got <= accepted && (round % 3 != 0 || got == accepted));
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}

#[test]
fn the_other_kinds_of_queue_have_a_remote_end_too() {
    looplet::run(async {
        let (stack, heap) = (LifoQueue::unbounded(), PriorityQueue::bounded(3));
        let (to_stack, to_heap) = (stack.remote(), heap.remote());
        for n in [2, 3, 1] {
            to_stack.try_put(n).unwrap();
            to_heap.try_put(n).unwrap();
        }
        yield_now().await;
        assert_eq!([(); 3].map(|()| stack.try_get().unwrap()), [1, 3, 2]);
        assert_eq!([(); 3].map(|()| heap.try_get().unwrap()), [1, 2, 3]);
    });
}

#[test]
fn discarded_items_may_panic() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a fatal drop");
        }
    }
    let reports = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&reports);
    let mut event_loop = EventLoop::builder()
        .on_unhandled_panic(move |_, error| seen.borrow_mut().push(error.to_string()))
        .build();
    event_loop.block_on(async {
        let queue = Queue::unbounded();
        let remote = queue.remote();
        for _ in 0..2 {
            assert!(remote.try_put(Bomb).is_ok());
        }
        queue.shutdown_now();
        assert!(queue.is_shutdown());
    });
    assert_eq!(reports.borrow().len(), 2);
}

#[test]
fn the_queue_goes_when_its_last_end_does() {
    let mut event_loop = EventLoop::new();
    let alive = Arc::new(());
    let remote = event_loop.block_on(async {
        let queue = Queue::<Item>::unbounded();
        queue.remote()
    });
    remote.try_put((Arc::clone(&alive), 1)).unwrap();
    event_loop.run_until_stalled();
    assert_eq!(
        Arc::strong_count(&alive),
        2,
        "it waits for whoever may come"
    );
    drop(remote);
    event_loop.run_until_stalled();
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn virtual_time_waits_for_a_remote_queue_and_tells_of_a_deadlock_once_it_is_gone() {
    let mut event_loop = EventLoop::builder().virtual_time().build();
    let text = panic_text(|| {
        event_loop.block_on(async {
            let queue = Queue::unbounded();
            let remote = queue.remote();
            thread::spawn(move || (0..3).for_each(|n| remote.put(n).unwrap()));
            for n in 0..3 {
                assert_eq!(queue.get().await, Ok(n));
                looplet::sleep(Duration::from_secs(60)).await;
            }
            pending::<()>().await;
        });
    });
    assert!(text.unwrap().starts_with("deadlock:"));
}

#[test]
fn a_comparison_that_panics_loses_nothing_that_is_on_its_way() {
    #[derive(PartialEq, Eq)]
    struct Touchy(u32);
    impl PartialOrd for Touchy {
        fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
            Some(self.cmp(other))
        }
    }
    impl Ord for Touchy {
        fn cmp(&self, other: &Self) -> std::cmp::Ordering {
            assert!(self.0 != 13 && other.0 != 13, "not this one");
            self.0.cmp(&other.0)
        }
    }
    let reports = Rc::new(Cell::new(0));
    let count = Rc::clone(&reports);
    let mut event_loop = EventLoop::builder()
        .on_unhandled_panic(move |_, _| count.set(count.get() + 1))
        .build();
    let queue = PriorityQueue::unbounded();
    event_loop.block_on(async {
        let remote = queue.remote();
        for n in [1, 13, 2, 3] {
            assert!(remote.try_put(Touchy(n)).is_ok());
        }
        while queue.len() < 4 {
            yield_now().await;
        }
    });
    assert!(reports.get() > 0);
    queue.shutdown_now();
}
