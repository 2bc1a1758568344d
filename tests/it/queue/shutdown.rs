//! Shutting queues down: who fails, who drains, and what counts as done.

use std::cell::Cell;
use std::rc::Rc;

use futures::StreamExt;
use futures::stream::FusedStream;
use looplet::sync::{Closed, PutError, Queue, TryGetError, TryPutError};

use crate::support::{Droppy, hand, panics};

#[test]
fn shutdown_of_an_empty_queue_fails_everybody() {
    let queue = Queue::unbounded();
    let mut getter = hand(queue.get());
    getter.wait();
    queue.shutdown();
    assert_eq!(getter.wakes(), 1);
    assert_eq!(getter.finish(), Err(Closed));
    hand(queue.join()).finish();
    assert_eq!(hand(queue.put(1)).finish(), Err(PutError(1)));
    assert_eq!(queue.try_put(1), Err(TryPutError::Closed(1)));
    assert_eq!(hand(queue.get()).finish(), Err(Closed));
    assert_eq!(queue.try_get(), Err(TryGetError::Closed));
    assert!(queue.is_shutdown());
}

#[test]
fn shutdown_now_counts_what_it_discards_as_done() {
    let queue = Queue::unbounded();
    queue.try_put(1).unwrap();
    let mut join = hand(queue.join());
    join.wait();
    queue.shutdown_now();
    assert_eq!(queue.len(), 0);
    join.finish();
    assert_eq!(queue.try_get(), Err(TryGetError::Closed));
    assert!(panics(|| queue.task_done()));
}

#[test]
fn shutdown_now_leaves_joiners_waiting_for_what_was_taken() {
    let queue = Queue::unbounded();
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    queue.try_get().unwrap();
    let mut join = hand(queue.join());
    join.wait();
    queue.shutdown_now();
    assert_eq!(join.wakes(), 0);
    join.wait();
    queue.task_done();
    join.finish();
    assert!(panics(|| queue.task_done()));
}

#[test]
fn after_shutdown_what_is_left_can_be_taken() {
    let queue = Queue::bounded(2);
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    let mut putter = hand(queue.put(3));
    putter.wait();
    queue.shutdown();
    assert_eq!(putter.wakes(), 1);
    assert_eq!(putter.finish(), Err(PutError(3)));
    assert_eq!(hand(queue.get()).finish(), Ok(1));
    assert_eq!(queue.try_get(), Ok(2));
    assert_eq!(queue.try_get(), Err(TryGetError::Closed));
    let mut join = hand(queue.join());
    join.wait();
    queue.task_done();
    queue.task_done();
    join.finish();
}

#[test]
fn shutdown_may_be_called_again_and_followed_by_shutdown_now() {
    let queue = Queue::unbounded();
    queue.try_put(1).unwrap();
    queue.shutdown();
    queue.shutdown();
    assert_eq!(queue.len(), 1);
    queue.shutdown_now();
    queue.shutdown();
    assert_eq!(queue.try_get(), Err(TryGetError::Closed));
}

#[test]
fn shutdown_now_survives_more_task_done_than_gets() {
    let queue = Queue::unbounded();
    queue.try_put(1).unwrap();
    queue.task_done();
    queue.shutdown_now();
    hand(queue.join()).finish();
}

#[test]
fn items_are_dropped_after_everybody_was_woken_even_if_that_panics() {
    let (queue, drops) = (Queue::unbounded(), Rc::new(Cell::new(0)));
    for fatal in [false, true, false] {
        let drops = Rc::clone(&drops);
        assert!(queue.try_put(Droppy { fatal, drops }).is_ok());
    }
    let mut join = hand(queue.join());
    join.wait();
    assert!(panics(|| queue.shutdown_now()));
    assert_eq!(drops.get(), 3);
    assert_eq!(join.wakes(), 1);
    join.finish();
    assert!(queue.is_empty());
}

#[test]
fn an_item_may_use_the_queue_while_it_is_discarded() {
    struct Nosy(Queue<Nosy>);

    impl Drop for Nosy {
        fn drop(&mut self) {
            assert_eq!(self.0.try_get().err(), Some(TryGetError::Closed));
            self.0.shutdown_now();
        }
    }

    let queue = Queue::unbounded();
    assert!(queue.try_put(Nosy(queue.clone())).is_ok());
    queue.shutdown_now();
    assert!(queue.is_empty());
}

#[test]
fn a_stream_ends_at_the_shutdown_and_stays_ended() {
    let queue = Queue::unbounded();
    let mut stream = queue.stream();
    queue.try_put(1).unwrap();
    assert_eq!(hand(stream.next()).finish(), Some(1));
    hand(stream.next()).wait();
    queue.try_put(2).unwrap();
    queue.shutdown();
    assert_eq!(hand(stream.next()).finish(), Some(2));
    assert!(!stream.is_terminated());
    assert_eq!(hand(stream.next()).finish(), None);
    assert!(stream.is_terminated());
    assert_eq!(hand(stream.next()).finish(), None);
}

#[test]
fn a_dropped_stream_passes_its_wakeup_on() {
    let queue = Queue::unbounded();
    let mut stream = queue.stream();
    hand(stream.next()).wait();
    let mut get = hand(queue.get());
    get.wait();
    queue.try_put(1).unwrap();
    assert_eq!(get.wakes(), 0);
    drop(stream);
    assert_eq!(get.wakes(), 1);
    assert_eq!(get.finish(), Ok(1));
}
