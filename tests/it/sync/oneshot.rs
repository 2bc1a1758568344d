//! One-shot channels: a value, or the end of either side.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use looplet::sync::{Closed, TryGetError, oneshot};

use crate::support::{Wakes, calling, hand};

#[test]
fn a_value_arrives_once() {
    let (sender, mut receiver) = oneshot();
    assert_eq!(receiver.try_recv(), Err(TryGetError::Empty));
    let mut reading = hand(&mut receiver);
    reading.wait();
    sender.send(42).unwrap();
    assert_eq!(reading.wakes(), 1);
    assert_eq!(reading.finish(), Ok(42));
    drop(reading);
    assert_eq!(receiver.try_recv(), Err(TryGetError::Closed));
}

#[test]
fn a_dropped_receiver_gives_the_value_back() {
    let (sender, receiver) = oneshot();
    assert!(!sender.is_closed());
    drop(receiver);
    assert!(sender.is_closed());
    assert_eq!(sender.send("value"), Err("value"));
}

#[test]
fn a_value_that_is_not_read_is_dropped_with_the_receiver() {
    let (sender, receiver) = oneshot();
    let value = Rc::new(());
    sender.send(Rc::clone(&value)).unwrap();
    drop(receiver);
    assert_eq!(Rc::strong_count(&value), 1);
}

#[test]
fn a_dropped_sender_closes_the_channel() {
    let (sender, receiver) = oneshot::<()>();
    let mut receiver = hand(receiver);
    receiver.wait();
    drop(sender);
    assert_eq!(receiver.wakes(), 1);
    assert_eq!(receiver.finish(), Err(Closed));
}

#[test]
fn the_sender_can_wait_for_the_end_of_the_receiver() {
    let (mut sender, receiver) = oneshot::<()>();
    let mut closed = hand(sender.closed());
    closed.wait();
    drop(receiver);
    assert_eq!(closed.wakes(), 1);
    closed.finish();
}

#[test]
fn the_value_is_there_when_the_waker_is_called() {
    let (sender, receiver) = oneshot();
    let receiver = Rc::new(Cell::new(Some(receiver)));
    let got = Rc::new(Cell::new(None));
    let waker = calling({
        let (receiver, got) = (Rc::clone(&receiver), Rc::clone(&got));
        move || got.set(receiver.take().and_then(|mut r| r.try_recv().ok()))
    });
    let mut waiting = receiver.take().unwrap();
    assert!(hand(&mut waiting).poll_with(&waker).is_pending());
    receiver.set(Some(waiting));
    sender.send(5).unwrap();
    assert_eq!(got.get(), Some(5));
}

#[test]
fn each_end_wakes_the_waker_of_the_others_last_poll() {
    let (first, last) = (Arc::new(Wakes::default()), Arc::new(Wakes::default()));
    let wakers = [&first, &last].map(|wakes| Waker::from(Arc::clone(wakes)));

    let (sender, receiver) = oneshot();
    let mut receiver = hand(receiver);
    for waker in &wakers {
        assert!(receiver.poll_with(waker).is_pending());
    }
    sender.send(1).unwrap();
    assert_eq!((first.count(), last.count()), (0, 1));

    let (mut sender, receiver) = oneshot::<()>();
    let mut closed = hand(sender.closed());
    for waker in &wakers {
        assert!(closed.poll_with(waker).is_pending());
    }
    drop(receiver);
    assert_eq!((first.count(), last.count()), (0, 2));
}
