//! Random arrivals, drops, resets and aborts at a barrier, against a plain model.

mod support;

use std::task::Poll;

use looplet::sync::{Barrier, BrokenBarrier};
use proptest::prelude::*;
use support::{Hand, hand};

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
        6 => (0..6usize).prop_map(Op::Poll),
        2 => (0..6usize).prop_map(Op::Drop),
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

/// Everybody who waits, those inside in order of arrival.
#[derive(Default)]
struct Model<'a> {
    waiters: Vec<(Where, Hand<'a, Outcome>)>,
    is_broken: bool,
}

impl<'a> Model<'a> {
    fn is_leaving(&self) -> bool {
        let leaves = |(at, _): &(Where, _)| matches!(at, Where::Leaving(_));
        self.waiters.iter().any(leaves)
    }

    fn arrived(&self) -> usize {
        let arrived = |(at, _): &&(Where, _)| *at == Where::Arrived;
        self.waiters.iter().filter(arrived).count()
    }

    fn let_leave(&mut self, outcome: impl Fn(usize) -> Outcome) {
        let mut rank = 0;
        for (at, _) in &mut self.waiters {
            if *at == Where::Arrived {
                *at = Where::Leaving(outcome(rank));
                rank += 1;
            }
        }
    }

    /// What somebody who comes in must see.
    fn enter(&mut self, parties: usize) -> Result<Outcome, Where> {
        let rank = self.arrived();
        if self.is_broken {
            Ok(Err(BrokenBarrier))
        } else if self.is_leaving() {
            Err(Where::Outside)
        } else if rank + 1 < parties {
            Err(Where::Arrived)
        } else {
            self.let_leave(Ok);
            Ok(Ok(rank))
        }
    }

    fn poll(&mut self, i: usize, parties: usize) {
        let (at, mut future) = self.waiters.remove(i);
        let expected = match at {
            Where::Leaving(outcome) => Ok(outcome),
            Where::Arrived => Err(Where::Arrived),
            Where::Outside => self.enter(parties),
        };
        match (expected, future.poll()) {
            (Ok(outcome), Poll::Ready(got)) => assert_eq!(got, outcome),
            // Whoever comes in from outside stands behind those who came in before.
            (Err(now), Poll::Pending) if now == Where::Arrived && at == Where::Outside => {
                self.waiters.push((now, future));
            }
            (Err(now), Poll::Pending) => self.waiters.insert(i, (now, future)),
            (expected, got) => panic!("expected {expected:?}, got {got:?}"),
        }
    }

    /// Whoever would get on by being polled was woken.
    fn nobody_is_forgotten(&self) -> bool {
        let is_open = self.is_broken || !self.is_leaving();
        self.waiters.iter().all(|(at, future)| match at {
            Where::Leaving(_) => future.wakes() > 0,
            Where::Outside => !is_open || future.wakes() > 0,
            Where::Arrived => true,
        })
    }
}

proptest! {
    #[test]
    fn a_barrier_behaves_like_its_model(
        parties in 1usize..4,
        ops in prop::collection::vec(op(), 1..100),
    ) {
        let barrier = Barrier::new(parties);
        let mut model = Model::default();
        for op in ops {
            match op {
                Op::Arrive => {
                    let mut future = hand(barrier.wait());
                    match (model.enter(parties), future.poll()) {
                        (Ok(outcome), Poll::Ready(got)) => prop_assert_eq!(got, outcome),
                        (Err(at), Poll::Pending) => model.waiters.push((at, future)),
                        (expected, got) => panic!("expected {expected:?}, got {got:?}"),
                    }
                }
                Op::Poll(i) if i < model.waiters.len() => model.poll(i, parties),
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
            prop_assert!(model.nobody_is_forgotten());
        }
    }
}
