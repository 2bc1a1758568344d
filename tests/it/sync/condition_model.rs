//! Random waits, notifications and drops at a condition, against a plain model: no notification is lost while a task
//! waits, none is overtaken, and the lock comes back in order.

use std::task::Poll;

use looplet::sync::{Condition, Mutex, MutexGuard};
use proptest::prelude::*;

use crate::support::{Hand, hand};

#[derive(Clone, Copy, Debug)]
enum Op {
    /// Takes the lock, if it is free, and waits with it.
    Wait,
    Poll(usize),
    Drop(usize),
    Notify(usize),
    NotifyAll,
    /// Takes the lock, if it is free, and keeps it.
    Hold,
    Release,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => Just(Op::Wait),
        6 => (0..6usize).prop_map(Op::Poll),
        3 => (0..6usize).prop_map(Op::Drop),
        4 => (0..3usize).prop_map(Op::Notify),
        1 => Just(Op::NotifyAll),
        2 => Just(Op::Hold),
        4 => Just(Op::Release),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Where {
    Waiting,
    Notified,
    /// In the line for the lock, with its number there.
    AtLock(usize),
}

struct Waiter<'a> {
    at: Where,
    future: Hand<'a, MutexGuard<'a, ()>>,
    seen: usize,
}

/// Those who wait, in order of arrival, and the lock, with its owner.
#[derive(Default)]
struct Model<'a> {
    waiters: Vec<Waiter<'a>>,
    held: Option<MutexGuard<'a, ()>>,
    next_at_lock: usize,
}

impl<'a> Model<'a> {
    fn is_lock_free(&self) -> bool {
        self.held.is_none() && self.first_at_lock().is_none()
    }

    fn first_at_lock(&self) -> Option<usize> {
        let numbers = self.waiters.iter().filter_map(|waiter| match waiter.at {
            Where::AtLock(number) => Some(number),
            Where::Waiting | Where::Notified => None,
        });
        numbers.min()
    }

    fn notify(&mut self, count: usize) {
        let waiting = self
            .waiters
            .iter_mut()
            .filter(|waiter| waiter.at == Where::Waiting);
        waiting
            .take(count)
            .for_each(|waiter| waiter.at = Where::Notified);
    }

    /// Whether a poll finishes this one.
    fn may_finish(&self, i: usize) -> bool {
        match self.waiters[i].at {
            Where::Waiting => false,
            Where::Notified => self.is_lock_free(),
            Where::AtLock(number) => self.held.is_none() && self.first_at_lock() == Some(number),
        }
    }

    fn poll(&mut self, i: usize) {
        let finishes = self.may_finish(i);
        let waiter = &mut self.waiters[i];
        waiter.seen = waiter.future.wakes();
        match waiter.future.poll() {
            Poll::Ready(guard) => {
                assert!(finishes);
                drop(self.waiters.remove(i));
                self.held = Some(guard);
            }
            Poll::Pending => {
                assert!(!finishes);
                if waiter.at == Where::Notified {
                    waiter.at = Where::AtLock(self.next_at_lock);
                    self.next_at_lock += 1;
                }
            }
        }
    }

    fn drop_waiter(&mut self, i: usize) {
        let gone = self.waiters.remove(i);
        if gone.at != Where::Waiting {
            self.notify(1);
        }
    }

    /// Whoever can do something was woken.
    fn check(&self) {
        for (i, waiter) in self.waiters.iter().enumerate() {
            let may_proceed = waiter.at == Where::Notified || self.may_finish(i);
            assert!(!may_proceed || waiter.future.wakes() > waiter.seen);
        }
    }
}

fn play(ops: Vec<Op>) {
    let (mutex, condition) = (Mutex::new(()), Condition::new());
    let mut model = Model::default();
    for op in ops {
        match op {
            Op::Wait | Op::Hold => {
                let guard = mutex.try_lock();
                assert_eq!(guard.is_some(), model.is_lock_free());
                match (op, guard) {
                    (Op::Hold, guard @ Some(_)) => model.held = guard,
                    (_, Some(guard)) => {
                        let mut future = hand(condition.wait(guard));
                        future.wait();
                        let at = Where::Waiting;
                        model.waiters.push(Waiter {
                            at,
                            future,
                            seen: 0,
                        });
                    }
                    (_, None) => {}
                }
            }
            Op::Poll(i) if i < model.waiters.len() => model.poll(i),
            Op::Drop(i) if i < model.waiters.len() => model.drop_waiter(i),
            Op::Poll(_) | Op::Drop(_) => {}
            Op::Notify(count) => {
                condition.notify(count);
                model.notify(count);
            }
            Op::NotifyAll => {
                condition.notify_all();
                model.notify(usize::MAX);
            }
            Op::Release => drop(model.held.take()),
        }
        model.check();
    }
    drop(model);
    assert!(!mutex.is_locked());
}

proptest! {
    #[test]
    fn a_condition_behaves_like_its_model(ops in prop::collection::vec(op(), 1..80)) {
        play(ops);
    }
}
