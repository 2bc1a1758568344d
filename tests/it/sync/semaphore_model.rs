//! Random acquires, releases and drops at a semaphore, against a plain model: no permit is lost or doubled, no waiter is
//! forgotten or overtaken.

use std::task::Poll;

use looplet::Semaphore;
use looplet::sync::Permit;
use proptest::prelude::*;

use crate::support::{Hand, hand};

#[derive(Clone, Copy, Debug)]
enum Op {
    Acquire,
    TryAcquire,
    Poll(usize),
    /// Drops one who waits.
    Leave(usize),
    Release(usize),
    Forget(usize),
    Add(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => Just(Op::Acquire),
        2 => Just(Op::TryAcquire),
        5 => (0..6usize).prop_map(Op::Poll),
        3 => (0..6usize).prop_map(Op::Leave),
        4 => (0..4usize).prop_map(Op::Release),
        1 => (0..4usize).prop_map(Op::Forget),
        1 => (0..4usize).prop_map(Op::Add),
    ]
}

struct Waiter<'a> {
    future: Hand<'a, Permit<'a>>,
    is_granted: bool,
}

/// Those who wait, in order of arrival, and the permits: free, or taken.
#[derive(Default)]
struct Model<'a> {
    waiters: Vec<Waiter<'a>>,
    free: usize,
    taken: Vec<Permit<'a>>,
}

impl<'a> Model<'a> {
    /// Each permit goes to the first who has none, or lies there.
    fn give(&mut self, count: usize) {
        for _ in 0..count {
            match self.waiters.iter_mut().find(|waiter| !waiter.is_granted) {
                Some(waiter) => waiter.is_granted = true,
                None => self.free += 1,
            }
        }
    }

    fn acquire(&mut self, mut future: Hand<'a, Permit<'a>>) {
        match future.poll() {
            Poll::Ready(permit) => self.take_free(permit),
            Poll::Pending => {
                assert_eq!(self.free, 0);
                let is_granted = false;
                self.waiters.push(Waiter { future, is_granted });
            }
        }
    }

    fn take_free(&mut self, permit: Permit<'a>) {
        assert!(self.free > 0);
        self.free -= 1;
        self.taken.push(permit);
    }

    fn poll(&mut self, i: usize) {
        let waiter = &mut self.waiters[i];
        match waiter.future.poll() {
            Poll::Ready(permit) => {
                assert!(waiter.is_granted);
                self.waiters.remove(i);
                self.taken.push(permit);
            }
            Poll::Pending => assert!(!waiter.is_granted),
        }
    }

    fn leave(&mut self, i: usize) {
        let is_granted = self.waiters.remove(i).is_granted;
        self.give(is_granted.into());
    }

    fn check(&self, semaphore: &Semaphore) {
        assert_eq!(semaphore.available(), self.free);
        assert_eq!(semaphore.is_locked(), self.free == 0);
        for waiter in &self.waiters {
            assert_eq!(waiter.future.wakes() > 0, waiter.is_granted);
        }
    }
}

fn play(permits: usize, ops: Vec<Op>) {
    let semaphore = Semaphore::new(permits);
    let mut model = Model::default();
    model.give(permits);
    for op in ops {
        match op {
            Op::Acquire => model.acquire(hand(semaphore.acquire())),
            Op::TryAcquire => match semaphore.try_acquire() {
                Some(permit) => model.take_free(permit),
                None => assert_eq!(model.free, 0),
            },
            Op::Poll(i) if i < model.waiters.len() => model.poll(i),
            Op::Leave(i) if i < model.waiters.len() => model.leave(i),
            Op::Release(i) if i < model.taken.len() => {
                drop(model.taken.remove(i));
                model.give(1);
            }
            Op::Forget(i) if i < model.taken.len() => model.taken.remove(i).forget(),
            Op::Poll(_) | Op::Leave(_) | Op::Release(_) | Op::Forget(_) => {}
            Op::Add(count) => {
                semaphore.add_permits(count);
                model.give(count);
            }
        }
        model.check(&semaphore);
    }
}

proptest! {
    #[test]
    fn a_semaphore_behaves_like_its_model(
        permits in 0..4usize,
        ops in prop::collection::vec(op(), 1..80),
    ) {
        play(permits, ops);
    }
}
