//! Queues: order, bounds, who is served when, and what dropping a waiter does.

use std::cell::Cell;
use std::cmp::Ordering;
use std::rc::Rc;
use std::task::Poll;

use futures::executor::LocalPool;
use futures::task::LocalSpawnExt;
use looplet::sync::{LifoQueue, PriorityQueue, Queue, TryGetError, TryPutError};

use crate::support::{Crew, Trace, calling, hand, panic_text, panics};

#[test]
fn each_kind_of_queue_has_its_order() {
    let (fifo, lifo, priority) = (
        Queue::unbounded(),
        LifoQueue::unbounded(),
        PriorityQueue::unbounded(),
    );
    for n in [1, 3, 2] {
        fifo.try_put(n).unwrap();
        lifo.try_put(n).unwrap();
        priority.try_put(n).unwrap();
    }
    assert_eq!([(); 3].map(|()| fifo.try_get().unwrap()), [1, 3, 2]);
    assert_eq!([(); 3].map(|()| lifo.try_get().unwrap()), [2, 3, 1]);
    assert_eq!([(); 3].map(|()| priority.try_get().unwrap()), [1, 2, 3]);
}

#[test]
fn try_get_and_try_put_say_why_they_fail() {
    let queue = Queue::bounded(1);
    assert_eq!(queue.try_get(), Err(TryGetError::Empty));
    queue.try_put(1).unwrap();
    assert_eq!(queue.try_put(2), Err(TryPutError::Full(2)));
    assert_eq!(queue.try_put(2).unwrap_err().into_inner(), 2);
    assert_eq!(queue.try_get(), Ok(1));
}

#[test]
fn a_put_waits_while_the_queue_is_full() {
    let (crew, queue, trace) = (Crew::default(), Queue::bounded(2), Trace::default());
    let putter = crew.spawn({
        let (queue, trace) = (queue.clone(), trace.clone());
        async move {
            for n in 0..3 {
                queue.put(n).await.unwrap();
                trace.note(n);
            }
        }
    });
    crew.round();
    crew.round();
    assert_eq!(trace.take(), ["0", "1"]);
    assert_eq!(queue.try_get(), Ok(0));
    crew.round();
    assert!(crew.is_finished(putter));
    assert_eq!(
        (queue.try_get(), queue.try_get(), queue.try_get()),
        (Ok(1), Ok(2), Err(TryGetError::Empty))
    );
}

/// Getters named g1, g2, .. that note what they get.
fn getters(crew: &Crew, queue: &Queue<char>, trace: &Trace, count: usize) {
    for n in 1..=count {
        let (queue, trace) = (queue.clone(), trace.clone());
        crew.spawn(async move {
            trace.note(format!("g{n} {}", queue.get().await.unwrap()));
        });
    }
    crew.run();
}

#[test]
fn getters_are_served_in_order_and_in_one_round() {
    let (crew, queue, trace) = (Crew::default(), Queue::unbounded(), Trace::default());
    getters(&crew, &queue, &trace, 3);
    for item in ['a', 'b', 'c'] {
        queue.try_put(item).unwrap();
    }
    crew.round();
    assert_eq!(trace.take(), ["g1 a", "g2 b", "g3 c"]);
}

#[test]
fn a_late_comer_may_steal_and_the_woken_getter_keeps_its_place() {
    let (crew, queue, trace) = (Crew::default(), Queue::unbounded(), Trace::default());
    getters(&crew, &queue, &trace, 2);
    queue.try_put('x').unwrap();
    assert_eq!(queue.try_get(), Ok('x'));
    crew.round();
    assert!(trace.take().is_empty());
    queue.try_put('y').unwrap();
    queue.try_put('z').unwrap();
    crew.round();
    assert_eq!(trace.take(), ["g1 y", "g2 z"]);
}

#[test]
fn a_woken_getter_that_is_dropped_takes_nothing() {
    let queue = Queue::unbounded();
    let mut reader = hand(queue.get());
    reader.wait();
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    assert_eq!(reader.wakes(), 1);
    drop(reader);
    assert_eq!((queue.try_get(), queue.try_get()), (Ok(1), Ok(2)));
}

#[test]
fn a_woken_getter_that_is_dropped_wakes_the_next_one() {
    let queue = Queue::unbounded();
    let (mut first, mut second) = (hand(queue.get()), hand(queue.get()));
    first.wait();
    second.wait();
    queue.try_put(1).unwrap();
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    drop(first);
    assert_eq!(second.wakes(), 1);
    assert_eq!(second.finish(), Ok(1));
}

#[test]
fn a_woken_putter_that_is_dropped_wakes_the_next_one() {
    let queue = Queue::bounded(1);
    queue.try_put('a').unwrap();
    let (mut b, mut x) = (hand(queue.put('b')), hand(queue.put('X')));
    b.wait();
    x.wait();
    assert_eq!(queue.try_get(), Ok('a'));
    assert_eq!((b.wakes(), x.wakes()), (1, 0));
    drop(b);
    assert_eq!(x.wakes(), 1);
    x.finish().unwrap();
    assert_eq!(queue.try_get(), Ok('X'));
    assert!(queue.is_empty());
}

#[test]
fn join_returns_at_once_if_nothing_is_unfinished() {
    let queue = Queue::<i32>::unbounded();
    hand(queue.join()).finish();
    queue.try_put(1).unwrap();
    let mut join = hand(queue.join());
    join.wait();
    queue.try_get().unwrap();
    join.wait();
    queue.task_done();
    assert_eq!(join.wakes(), 1);
    join.finish();
}

#[test]
fn task_done_called_too_often_panics() {
    let queue = Queue::<i32>::unbounded();
    let text = panic_text(|| queue.task_done());
    assert_eq!(text.unwrap(), "task_done() called too many times");
    queue.try_put(1).unwrap();
    queue.task_done();
    assert!(panics(|| queue.task_done()));
}

#[test]
fn a_joiner_that_was_woken_returns_even_if_more_was_put_meanwhile() {
    let queue = Queue::unbounded();
    queue.try_put(1).unwrap();
    let mut join = hand(queue.join());
    join.wait();
    queue.task_done();
    queue.try_put(2).unwrap();
    join.finish();
    hand(queue.join()).wait();
}

#[test]
fn equal_priorities_come_in_put_order() {
    #[derive(Debug, PartialEq, Eq)]
    struct Job(u8, u32);

    impl Ord for Job {
        fn cmp(&self, other: &Self) -> Ordering {
            self.0.cmp(&other.0)
        }
    }

    impl PartialOrd for Job {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    let queue = PriorityQueue::unbounded();
    for n in 0..100 {
        queue.try_put(Job((n % 3) as u8, n)).unwrap();
    }
    let mut expected: Vec<_> = (0..100).map(|n| Job((n % 3) as u8, n)).collect();
    expected.sort_by_key(|job| (job.0, job.1));
    let got: Vec<_> = std::iter::from_fn(|| queue.try_get().ok()).collect();
    assert_eq!(got, expected);
}

#[test]
fn what_can_go_on_at_once_does_not_suspend() {
    let queue = Queue::bounded(1);
    let mut put = hand(queue.put(1));
    put.finish().unwrap();
    let mut get = hand(queue.get());
    assert_eq!(get.finish(), Ok(1));
    assert_eq!(put.wakes() + get.wakes(), 0);
}

#[test]
fn a_getter_polled_out_of_order_does_not_overtake() {
    let queue = Queue::unbounded();
    let (mut first, mut second) = (hand(queue.get()), hand(queue.get()));
    first.wait();
    second.wait();
    queue.try_put(1).unwrap();
    second.wait();
    assert_eq!(first.finish(), Ok(1));
}

#[test]
fn one_put_wakes_one_getter_once() {
    let queue = Queue::unbounded();
    let (mut first, mut second) = (hand(queue.get()), hand(queue.get()));
    first.wait();
    second.wait();
    for n in 0..5 {
        queue.try_put(n).unwrap();
    }
    assert_eq!((first.wakes(), second.wakes()), (1, 1));
    drop(second);
    assert_eq!(first.finish(), Ok(0));
    assert_eq!(queue.len(), 4);
}

#[test]
fn the_waker_of_the_last_poll_is_the_one_that_is_woken() {
    let queue = Queue::unbounded();
    let mut get = hand(queue.get());
    let old = std::sync::Arc::<crate::support::Wakes>::default();
    assert!(get.poll_with(&old.clone().into()).is_pending());
    get.wait();
    queue.try_put(1).unwrap();
    assert_eq!((old.count(), get.wakes()), (0, 1));
    assert_eq!(std::sync::Arc::strong_count(&old), 1);
}

#[test]
fn a_dropped_put_drops_its_item_with_it() {
    let (queue, item) = (Queue::bounded(1), Rc::new(()));
    queue.try_put(Rc::clone(&item)).unwrap();
    let mut put = hand(queue.put(Rc::clone(&item)));
    put.wait();
    assert_eq!(Rc::strong_count(&item), 3);
    drop(put);
    assert_eq!(Rc::strong_count(&item), 2);
}

#[test]
fn a_waker_may_call_back_into_the_queue() {
    let queue = Queue::unbounded();
    let taken = Rc::new(Cell::new(0));
    let waker = calling({
        let (queue, taken) = (queue.clone(), Rc::clone(&taken));
        move || taken.set(taken.get() + queue.try_get().unwrap_or(0))
    });
    let (mut thief, mut honest) = (hand(queue.get()), hand(queue.get()));
    assert!(thief.poll_with(&waker).is_pending());
    honest.wait();
    queue.try_put(7).unwrap();
    assert_eq!((taken.get(), queue.len()), (7, 0));
    drop(thief);
    queue.try_put(8).unwrap();
    assert_eq!(honest.finish(), Ok(8));
}

#[test]
fn a_waker_that_panics_harms_no_other_waiter() {
    let queue = Queue::<i32>::unbounded();
    let bomb = calling(|| panic!("a waker that panics"));
    let (mut first, mut second) = (hand(queue.get()), hand(queue.get()));
    assert!(first.poll_with(&bomb).is_pending());
    second.wait();
    assert!(panics(|| queue.shutdown()));
    assert_eq!(second.wakes(), 1);
    assert!(second.finish().is_err());
    assert!(first.finish().is_err());
}

#[test]
fn a_panicking_comparison_loses_nothing() {
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Moody(u32, Rc<Cell<bool>>);

    impl Ord for Moody {
        fn cmp(&self, other: &Self) -> Ordering {
            assert!(!self.1.get(), "not now");
            self.0.cmp(&other.0)
        }
    }

    impl PartialOrd for Moody {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    let (queue, mood) = (PriorityQueue::unbounded(), Rc::new(Cell::new(false)));
    for n in [5, 1, 4, 2, 3] {
        queue.try_put(Moody(n, Rc::clone(&mood))).unwrap();
    }
    mood.set(true);
    assert!(panics(|| queue.try_get()));
    assert_eq!(queue.len(), 5);
    assert!(panics(|| queue.try_put(Moody(9, Rc::clone(&mood)))));
    assert_eq!(queue.len(), 6);
    mood.set(false);
    let got: Vec<_> = std::iter::from_fn(|| queue.try_get().ok().map(|m| m.0)).collect();
    assert_eq!(got, [1, 2, 3, 4, 5, 9]);
    (0..6).for_each(|_| queue.task_done());
}

#[test]
fn a_comparison_that_uses_the_queue_panics_and_loses_nothing() {
    struct Nosy(u32, Option<PriorityQueue<Nosy>>);

    impl PartialEq for Nosy {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }

    impl Eq for Nosy {}

    impl Ord for Nosy {
        fn cmp(&self, other: &Self) -> Ordering {
            if let Some(queue) = &self.1 {
                let _stolen = queue.try_get();
            }
            self.0.cmp(&other.0)
        }
    }

    impl PartialOrd for Nosy {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    let queue = PriorityQueue::unbounded();
    assert!(queue.try_put(Nosy(2, None)).is_ok());
    assert!(panics(|| queue.try_put(Nosy(1, Some(queue.clone())))));
    assert_eq!(queue.len(), 2);
    queue.shutdown_now();
}

#[test]
fn a_bound_of_zero_panics_and_says_what_to_do() {
    let text = panic_text(|| Queue::<i32>::bounded(0)).unwrap();
    assert!(text.contains("Queue::unbounded()"), "{text}");
}

#[test]
fn its_figures_are_exact() {
    let queue = Queue::bounded(2);
    assert_eq!((queue.capacity(), queue.is_full()), (Some(2), false));
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    assert_eq!(
        (queue.len(), queue.is_full(), queue.is_empty()),
        (2, true, false)
    );
    assert_eq!(Queue::<i32>::unbounded().capacity(), None);
    let most = Queue::<i32>::bounded(usize::MAX);
    assert_eq!((most.capacity(), most.is_full()), (Some(usize::MAX), false));
    assert_eq!(
        format!("{queue:?}"),
        "Queue { len: 2, capacity: Some(2), is_shutdown: false }"
    );
}

#[test]
fn many_producers_and_consumers_move_every_item_once() {
    for capacity in [1, 3, 64] {
        let (mut pool, queue) = (LocalPool::new(), Queue::bounded(capacity));
        let seen = Rc::new(Cell::new((0u32, 0u64)));
        for p in 0..4u64 {
            let queue = queue.clone();
            let producer = async move {
                for n in 0..1000 {
                    queue.put(p * 1000 + n).await.unwrap();
                }
            };
            pool.spawner().spawn_local(producer).unwrap();
        }
        for _ in 0..4 {
            let (queue, seen) = (queue.clone(), Rc::clone(&seen));
            let consumer = async move {
                while let Ok(n) = queue.get().await {
                    let (count, sum) = seen.get();
                    seen.set((count + 1, sum + n));
                    queue.task_done();
                }
            };
            pool.spawner().spawn_local(consumer).unwrap();
        }
        pool.run_until_stalled();
        pool.run_until(queue.join());
        queue.shutdown();
        pool.run();
        assert_eq!(seen.get(), (4000, (0..4000).sum()));
    }
}

#[test]
fn a_dropped_waiter_in_the_middle_of_the_line_leaves_no_gap() {
    let queue = Queue::unbounded();
    let mut line: Vec<_> = (0..5).map(|_| hand(queue.get())).collect();
    line.iter_mut().for_each(|get| get.wait());
    drop(line.remove(2));
    (0..4).for_each(|n| queue.try_put(n).unwrap());
    let got: Vec<_> = line.iter_mut().map(|get| get.poll()).collect();
    assert_eq!(got, [0, 1, 2, 3].map(|n| Poll::Ready(Ok(n))));
}
