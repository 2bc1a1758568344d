//! Which waiters a queue wakes: none for nothing, and none is forgotten when a comparison panics.

use std::cell::Cell;
use std::cmp::Ordering;

use looplet::sync::{PriorityQueue, Queue};

use crate::support::{hand, panics};

thread_local!(static IS_MOODY: Cell<bool> = const { Cell::new(false) });

/// Panics when it is compared while [`IS_MOODY`].
#[derive(Debug, PartialEq, Eq)]
struct Moody(u32);

impl Ord for Moody {
    fn cmp(&self, other: &Self) -> Ordering {
        assert!(!IS_MOODY.get(), "not now");
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Moody {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What `f` does panics.
fn moody<R>(f: impl FnOnce() -> R) {
    IS_MOODY.set(true);
    assert!(panics(f), "nothing was compared");
    IS_MOODY.set(false);
}

#[test]
fn an_item_wakes_no_second_getter_while_the_first_one_has_not_looked() {
    let queue = Queue::unbounded();
    let (mut first, mut second) = (hand(queue.get()), hand(queue.get()));
    first.wait();
    second.wait();
    queue.try_put(1).unwrap();
    // A late comer takes what the first one was woken for; the next item is for the first one again.
    assert_eq!(queue.try_get(), Ok(1));
    queue.try_put(2).unwrap();
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    second.wait();
    assert_eq!(first.finish(), Ok(2));
}

#[test]
fn room_wakes_no_second_putter_while_the_first_one_has_not_looked() {
    let queue = Queue::bounded(1);
    queue.try_put(1).unwrap();
    let (mut first, mut second) = (hand(queue.put(2)), hand(queue.put(3)));
    first.wait();
    second.wait();
    assert_eq!(queue.try_get(), Ok(1));
    queue.try_put(4).unwrap();
    assert_eq!(queue.try_get(), Ok(4));
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    second.wait();
    assert_eq!(first.finish(), Ok(()));
}

#[test]
fn an_item_whose_comparison_panics_is_in_the_queue_and_wakes_its_getter() {
    let queue = PriorityQueue::unbounded();
    let (mut first, mut second) = (hand(queue.get()), hand(queue.get()));
    first.wait();
    second.wait();
    queue.try_put(Moody(2)).unwrap();
    moody(|| queue.try_put(Moody(1)));
    assert_eq!((queue.len(), second.wakes()), (2, 1));
    assert!(first.finish().is_ok() && second.finish().is_ok());
}

#[test]
fn a_put_that_panicked_counts_its_item_once_even_if_it_is_polled_again() {
    let queue = PriorityQueue::bounded(2);
    (1..=2).for_each(|n| queue.try_put(Moody(n)).unwrap());
    let mut put = hand(queue.put(Moody(0)));
    put.wait();
    queue.try_get().unwrap();
    moody(|| put.poll());
    queue.try_get().unwrap();
    put.finish().unwrap();
    drop(put);
    assert_eq!(queue.try_get(), Ok(Moody(0)));
    (0..3).for_each(|_| queue.task_done());
    assert!(panics(|| queue.task_done()), "the item was counted twice");
}
