//! Random arrivals, drops, resets and aborts at a barrier, against a plain model.

use std::task::Poll;

use looplet::sync::{Barrier, BrokenBarrier};
use proptest::prelude::*;

use crate::support::{Hand, hand};

type Outcome = Result<usize, BrokenBarrier>;

#[derive(Clone, Copy, Debug)]
enum Op {
    Arrive,
    Poll(usize),
    Drop(usize),
    Reset,
    Abort,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => Just(Op::Arrive),
        6 => (0..9usize).prop_map(Op::Poll),
        2 => (0..9usize).prop_map(Op::Drop),
        1 => Just(Op::Reset),
        1 => Just(Op::Abort),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Where {
    Outside,
    Arrived,
    Leaving(Outcome),
}

struct Waiter<'a> {
    at: Where,
    future: Hand<'a, Outcome>,
    /// Whether it could proceed at some time since it was polled last, and how often it had been woken before.
    is_called: bool,
    woken_before: usize,
}

impl<'a> Waiter<'a> {
    /// Just polled.
    fn new(at: Where, future: Hand<'a, Outcome>) -> Self {
        Self {
            at,
            woken_before: future.wakes(),
            future,
            is_called: false,
        }
    }
}

/// Everybody who waits, those inside and those outside in order of arrival.
struct Model<'a> {
    parties: usize,
    waiters: Vec<Waiter<'a>>,
    is_broken: bool,
}

impl<'a> Model<'a> {
    fn is_leaving(&self) -> bool {
        let leaves = |waiter: &Waiter<'_>| matches!(waiter.at, Where::Leaving(_));
        self.waiters.iter().any(leaves)
    }

    fn arrived(&self) -> usize {
        let has_arrived = |waiter: &&Waiter<'_>| waiter.at == Where::Arrived;
        self.waiters.iter().filter(has_arrived).count()
    }

    /// How many of those outside may come in, or find it broken.
    fn room(&self) -> usize {
        match (self.is_broken, self.is_leaving()) {
            (true, _) => usize::MAX,
            (false, true) => 0,
            (false, false) => self.parties - self.arrived(),
        }
    }

    fn let_leave(&mut self, outcome: impl Fn(usize) -> Outcome) {
        let mut rank = 0;
        for waiter in &mut self.waiters {
            if waiter.at == Where::Arrived {
                waiter.at = Where::Leaving(outcome(rank));
                rank += 1;
            }
        }
    }

    /// Whether this one, which waits outside, may come in.
    fn may_come_in(&self, i: usize) -> bool {
        let before = &self.waiters[..i];
        let outside = before.iter().filter(|waiter| waiter.at == Where::Outside);
        outside.count() < self.room()
    }

    /// What one that comes in must see.
    fn enter(&mut self) -> Result<Outcome, Where> {
        let rank = self.arrived();
        if self.is_broken {
            Ok(Err(BrokenBarrier))
        } else if self.is_leaving() {
            Err(Where::Outside)
        } else if rank + 1 < self.parties {
            Err(Where::Arrived)
        } else {
            self.let_leave(Ok);
            Ok(Ok(rank))
        }
    }

    fn poll(&mut self, i: usize) {
        let comes_in = self.waiters[i].at == Where::Outside && self.may_come_in(i);
        let Waiter { at, mut future, .. } = self.waiters.remove(i);
        let expected = match at {
            Where::Leaving(outcome) => Ok(outcome),
            Where::Outside if comes_in => self.enter(),
            Where::Arrived | Where::Outside => Err(at),
        };
        match (expected, future.poll()) {
            (Ok(outcome), Poll::Ready(got)) => assert_eq!(got, outcome),
            // Whoever comes in from outside stands behind those who came in before.
            (Err(now), Poll::Pending) => {
                let i = if comes_in { self.waiters.len() } else { i };
                self.waiters.insert(i, Waiter::new(now, future));
            }
            (expected, got) => panic!("expected {expected:?}, got {got:?}"),
        }
    }

    /// Each that would proceed if it were polled was woken once since it was polled last; no other was.
    fn exactly_those_are_woken_that_can_proceed(&mut self) -> bool {
        for i in 0..self.waiters.len() {
            self.waiters[i].is_called |= match self.waiters[i].at {
                Where::Leaving(_) => true,
                Where::Outside => self.may_come_in(i),
                Where::Arrived => false,
            };
        }
        self.waiters.iter().all(|waiter| {
            let wakes = waiter.future.wakes() - waiter.woken_before;
            wakes == usize::from(waiter.is_called)
        })
    }
}

proptest! {
    #[test]
    fn a_barrier_behaves_like_its_model(
        parties in 1usize..4,
        ops in prop::collection::vec(op(), 1..200),
    ) {
        let barrier = Barrier::new(parties);
        let mut model = Model { parties, waiters: Vec::new(), is_broken: false };
        for op in ops {
            match op {
                Op::Arrive => {
                    let mut future = hand(barrier.wait());
                    match (model.enter(), future.poll()) {
                        (Ok(outcome), Poll::Ready(got)) => prop_assert_eq!(got, outcome),
                        (Err(at), Poll::Pending) => model.waiters.push(Waiter::new(at, future)),
                        (expected, got) => panic!("expected {expected:?}, got {got:?}"),
                    }
                }
                Op::Poll(i) if i < model.waiters.len() => model.poll(i),
                Op::Drop(i) if i < model.waiters.len() => drop(model.waiters.remove(i)),
                Op::Reset => {
                    barrier.reset();
                    model.is_broken = false;
                    model.let_leave(|_| Err(BrokenBarrier));
                }
                Op::Abort => {
                    barrier.abort();
                    model.is_broken = true;
                    model.let_leave(|_| Err(BrokenBarrier));
                }
                _ => {}
            }
            let waiting = if model.is_leaving() { 0 } else { model.arrived() };
            prop_assert_eq!(barrier.n_waiting(), waiting);
            prop_assert_eq!(barrier.is_broken(), model.is_broken);
            prop_assert!(model.exactly_those_are_woken_that_can_proceed());
        }
    }
}
