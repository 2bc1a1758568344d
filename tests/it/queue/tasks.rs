//! Queues between real tasks, which can be cancelled.

use std::cell::RefCell;
use std::rc::Rc;

use futures::StreamExt;
use looplet::{
    Closed, JoinHandle, LifoQueue, PriorityQueue, Queue, TryGetError, TryPutError, spawn, timeout,
    yield_now,
};

use crate::support::panic_text;
use crate::support::trace::{Stage, log, nap, note, note_at, play, secs, text_of};

/// A task that gets one item and notes it.
fn getter(name: &'static str, queue: &Queue<&'static str>) -> JoinHandle<()> {
    let queue = queue.clone();
    spawn(async move {
        match queue.get().await {
            Ok(item) => note(format_args!("{name} {item}")),
            Err(Closed) => note(format_args!("{name} closed")),
        }
    })
}

/// A task that puts one item and notes that it is in.
fn putter(queue: &Queue<&'static str>, item: &'static str) -> JoinHandle<()> {
    let queue = queue.clone();
    spawn(async move {
        match queue.put(item).await {
            Ok(()) => note(format_args!("put {item}")),
            Err(error) => note(format_args!("refused {}", error.0)),
        }
    })
}

#[test]
fn each_kind_of_queue_gives_its_order() {
    play(async {
        let (fifo, lifo, least) = (
            Queue::unbounded(),
            LifoQueue::unbounded(),
            PriorityQueue::unbounded(),
        );
        for n in [1, 3, 2] {
            fifo.put(n).await.unwrap();
            lifo.put(n).await.unwrap();
            least.put(n).await.unwrap();
        }
        for _ in 0..3 {
            let (a, b) = (fifo.get().await.unwrap(), lifo.get().await.unwrap());
            note(format_args!("{a} {b} {}", least.get().await.unwrap()));
        }
    });
    assert_eq!(log(), ["1 2 1", "3 3 2", "2 1 3"]);
}

#[test]
fn try_get_and_try_put_fail_on_an_empty_and_on_a_full_queue() {
    let queue = Queue::bounded(1);
    assert_eq!(queue.try_get(), Err(TryGetError::Empty));
    queue.try_put(1).unwrap();
    assert_eq!(queue.try_put(2), Err(TryPutError::Full(2)));
    assert_eq!(queue.try_get(), Ok(1));
}

#[test]
fn a_put_waits_at_the_bound_and_goes_on_one_round_after_a_get() {
    play(async {
        let (queue, put) = (Queue::bounded(2), Rc::new(RefCell::new(Vec::new())));
        let (theirs, inside) = (queue.clone(), put.clone());
        let putter = spawn(async move {
            for n in 0..3 {
                theirs.put(n).await.unwrap();
                inside.borrow_mut().push(n);
            }
        });
        yield_now().await;
        yield_now().await;
        assert_eq!(*put.borrow(), [0, 1]);
        assert!(queue.is_full() && queue.len() == 2);
        assert_eq!(queue.get().await, Ok(0));
        yield_now().await;
        assert_eq!(*put.borrow(), [0, 1, 2]);
        assert!(putter.is_finished());
        assert_eq!((queue.get().await, queue.get().await), (Ok(1), Ok(2)));
    });
}

#[test]
fn getters_are_served_first_come_first_served() {
    play(async {
        let queue = Queue::unbounded();
        let getters = ["g1", "g2", "g3"].map(|name| getter(name, &queue));
        yield_now().await;
        for item in ["0", "1", "2"] {
            queue.try_put(item).unwrap();
        }
        for getter in getters {
            getter.await.unwrap();
        }
    });
    assert_eq!(log(), ["g1 0", "g2 1", "g3 2"]);
}

#[test]
fn a_wakeup_reserves_nothing_and_the_woken_getter_keeps_its_place() {
    play(async {
        let queue = Queue::unbounded();
        let getters = ["g1", "g2"].map(|name| getter(name, &queue));
        yield_now().await;
        queue.try_put("x").unwrap();
        note(format_args!("main {}", queue.try_get().unwrap()));
        yield_now().await;
        assert!(getters.iter().all(|getter| !getter.is_finished()));
        queue.try_put("y").unwrap();
        queue.try_put("z").unwrap();
        for getter in getters {
            getter.await.unwrap();
        }
    });
    assert_eq!(log(), ["main x", "g1 y", "g2 z"]);
}

#[test]
fn a_getter_cancelled_between_wakeup_and_poll_takes_nothing() {
    play(async {
        let queue = Queue::unbounded();
        let reader = getter("reader", &queue);
        yield_now().await;
        queue.try_put("1").unwrap();
        queue.try_put("2").unwrap();
        reader.cancel();
        note(text_of(reader.await));
        note(format_args!(
            "{} {}",
            queue.get().await.unwrap(),
            queue.get().await.unwrap()
        ));
    });
    assert_eq!(log(), ["Err(Cancelled)", "1 2"]);
}

#[test]
fn the_wakeup_of_a_cancelled_getter_goes_to_the_next_one() {
    play(async {
        let queue = Queue::unbounded();
        let [first, second] = ["first", "second"].map(|name| getter(name, &queue));
        yield_now().await;
        queue.try_put("item").unwrap();
        first.cancel();
        note(text_of(first.await));
        second.await.unwrap();
    });
    // The wakeup is passed on while the first getter is dropped, so before its awaiter is polled.
    assert_eq!(log(), ["second item", "Err(Cancelled)"]);
}

#[test]
fn a_putter_cancelled_between_wakeup_and_poll_puts_nothing_and_passes_its_place_on() {
    play(async {
        let queue = Queue::bounded(1);
        queue.try_put("a").unwrap();
        let (b, x) = (putter(&queue, "b"), putter(&queue, "X"));
        yield_now().await;
        note(queue.try_get().unwrap());
        b.cancel();
        note(text_of(b.await));
        x.await.unwrap();
        note(format_args!("{} {}", queue.try_get().unwrap(), queue.len()));
    });
    assert_eq!(log(), ["a", "put X", "Err(Cancelled)", "X 0"]);
}

#[test]
fn task_done_too_often_panics_and_join_with_nothing_to_do_does_not_suspend() {
    const TEXT: &str = "task_done() called too many times";
    play(async {
        let queue = Queue::unbounded();
        assert_eq!(panic_text(|| queue.task_done()).unwrap(), TEXT);
        queue.put(1).await.unwrap();
        queue.get().await.unwrap();
        queue.task_done();
        assert_eq!(panic_text(|| queue.task_done()).unwrap(), TEXT);
        spawn(async { note("x") }).detach();
        queue.join().await;
        note("joined");
        yield_now().await;
    });
    assert_eq!(log(), ["joined", "x"]);
}

#[test]
fn after_shutdown_an_empty_queue_fails_everybody() {
    play(async {
        let queue = Queue::unbounded();
        let waiting = getter("getter", &queue);
        yield_now().await;
        queue.shutdown();
        waiting.await.unwrap();
        queue.join().await;
        assert_eq!(queue.put("p").await.unwrap_err().0, "p");
        assert_eq!(queue.try_put("p"), Err(TryPutError::Closed("p")));
        assert_eq!(queue.get().await, Err(Closed));
        assert_eq!(queue.try_get(), Err(TryGetError::Closed));
    });
    assert_eq!(log(), ["getter closed"]);
}

#[test]
fn shutdown_now_discards_what_is_queued_and_counts_it_as_done() {
    let joiner = |queue: &Queue<u8>| {
        let queue = queue.clone();
        spawn(async move { queue.join().await })
    };
    play(async {
        let queue = Queue::unbounded();
        queue.try_put(1).unwrap();
        let joined = joiner(&queue);
        yield_now().await;
        queue.shutdown_now();
        joined.await.unwrap();
        assert_eq!((queue.len(), queue.get().await), (0, Err(Closed)));
        assert!(panic_text(|| queue.task_done()).is_some());

        let queue = Queue::unbounded();
        queue.try_put(1).unwrap();
        queue.try_put(2).unwrap();
        queue.get().await.unwrap();
        let joined = joiner(&queue);
        yield_now().await;
        queue.shutdown_now();
        yield_now().await;
        yield_now().await;
        assert!(queue.is_empty() && !joined.is_finished());
        queue.task_done();
        joined.await.unwrap();
        assert!(panic_text(|| queue.task_done()).is_some());
    });
}

#[test]
fn a_get_waits_for_a_put_and_resumes_one_round_later() {
    let mut stage = Stage::new();
    let queue = Queue::unbounded();
    stage.call({
        let queue = queue.clone();
        move || getter("getter", &queue).detach()
    });
    stage.settle();
    let log = stage.round_with(move || {
        queue.try_put("item").unwrap();
        note("put");
    });
    assert_eq!(log, ["put"]);
    assert_eq!(stage.round(), ["getter item"]);
}

#[test]
fn a_put_or_get_that_can_go_on_does_not_suspend() {
    play(async {
        spawn(async { note("x") }).detach();
        let queue = Queue::bounded(2);
        queue.put(1).await.unwrap();
        queue.put(2).await.unwrap();
        note(queue.get().await.unwrap() + queue.get().await.unwrap());
        yield_now().await;
    });
    assert_eq!(log(), ["3", "x"]);
}

#[test]
fn putters_are_served_first_come_first_served() {
    play(async {
        let queue = Queue::bounded(1);
        for item in ["a", "b", "c"] {
            putter(&queue, item).detach();
        }
        for _ in 0..3 {
            yield_now().await;
            note(format_args!("got {}", queue.get().await.unwrap()));
        }
    });
    assert_eq!(
        log(),
        ["put a", "got a", "put b", "got b", "put c", "got c"]
    );
}

#[test]
fn a_cancelled_getter_that_was_not_woken_leaves_the_line() {
    play(async {
        let queue = Queue::unbounded();
        let [first, second] = ["first", "second"].map(|name| getter(name, &queue));
        yield_now().await;
        first.cancel();
        yield_now().await;
        queue.try_put("item").unwrap();
        second.await.unwrap();
    });
    assert_eq!(log(), ["second item"]);
}

#[test]
fn a_get_that_runs_out_of_time_loses_no_item() {
    play(async {
        let queue = Queue::unbounded();
        assert!(timeout(secs(1.0), queue.get()).await.is_err());
        queue.try_put("item").unwrap();
        note_at(queue.get().await.unwrap());
        let full = Queue::bounded(1);
        full.try_put(1).unwrap();
        assert!(timeout(secs(1.0), full.put(2)).await.is_err());
        assert_eq!(
            (full.try_get(), full.try_get()),
            (Ok(1), Err(TryGetError::Empty))
        );
    });
    assert_eq!(log(), ["item @1"]);
}

#[test]
fn shutdown_fails_waiting_putters_and_lets_getters_drain() {
    play(async {
        let queue = Queue::bounded(1);
        queue.try_put("a").unwrap();
        let waiting = putter(&queue, "b");
        yield_now().await;
        queue.shutdown();
        waiting.await.unwrap();
        note(queue.get().await.unwrap());
        assert_eq!(queue.get().await, Err(Closed));
        assert!(queue.is_shutdown());
    });
    assert_eq!(log(), ["refused b", "a"]);
}

#[test]
fn join_waits_until_all_is_done_and_workers_are_cancelled_afterwards() {
    play(async {
        let queue = Queue::unbounded();
        let workers = ["w1", "w2"].map(|name| {
            let queue = queue.clone();
            spawn(async move {
                while let Ok(seconds) = queue.get().await {
                    nap(seconds).await;
                    note_at(name);
                    queue.task_done();
                }
            })
        });
        for seconds in [1.0, 2.0, 2.0] {
            queue.put(seconds).await.unwrap();
        }
        queue.join().await;
        note_at("joined");
        for worker in workers {
            worker.cancel();
            note(text_of(worker.await));
        }
    });
    assert_eq!(
        log(),
        [
            "w1 @1",
            "w2 @2",
            "w1 @3",
            "joined @3",
            "Err(Cancelled)",
            "Err(Cancelled)"
        ]
    );
}

#[test]
fn a_stream_of_a_queue_ends_at_the_shutdown() {
    play(async {
        let queue = Queue::bounded(1);
        let producer = queue.clone();
        spawn(async move {
            for n in 0..3 {
                producer.put(n).await.unwrap();
            }
            producer.shutdown();
        })
        .detach();
        let items: Vec<_> = queue.stream().collect().await;
        assert_eq!(items, [0, 1, 2]);
    });
}
