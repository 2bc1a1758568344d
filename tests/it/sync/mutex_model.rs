//! Random locks, unlocks and drops at a mutex, by both kinds of guards, against a plain model: one at a time, in order of
//! arrival, and each sees what the one before has written.

use std::rc::Rc;
use std::task::Poll;

use looplet::Mutex;
use looplet::sync::{MutexGuard, OwnedMutexGuard};
use proptest::prelude::*;

use crate::support::{Hand, hand};

#[derive(Clone, Copy, Debug)]
enum Op {
    Lock,
    LockOwned,
    TryLock,
    Poll(usize),
    /// Drops one who waits.
    Leave(usize),
    Unlock,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => Just(Op::Lock),
        3 => Just(Op::LockOwned),
        1 => Just(Op::TryLock),
        5 => (0..4usize).prop_map(Op::Poll),
        2 => (0..4usize).prop_map(Op::Leave),
        4 => Just(Op::Unlock),
    ]
}

enum Guard<'a> {
    Borrowed(MutexGuard<'a, u32>),
    Owned(OwnedMutexGuard<u32>),
}

/// Those who wait, in order of arrival, and the owner of the lock. The first that waits owns a lock without an owner.
struct Model<'a> {
    mutex: &'a Rc<Mutex<u32>>,
    waiters: Vec<Hand<'a, Guard<'a>>>,
    held: Option<Guard<'a>>,
    locked_so_far: u32,
}

impl<'a> Model<'a> {
    fn is_locked(&self) -> bool {
        self.held.is_some() || !self.waiters.is_empty()
    }

    fn lock(&mut self, mut future: Hand<'a, Guard<'a>>) {
        let was_locked = self.is_locked();
        match future.poll() {
            Poll::Ready(guard) => self.hold(was_locked, guard),
            Poll::Pending => {
                assert!(was_locked);
                self.waiters.push(future);
            }
        }
    }

    fn hold(&mut self, was_locked: bool, mut guard: Guard<'a>) {
        assert!(!was_locked);
        let value = match &mut guard {
            Guard::Borrowed(guard) => &mut **guard,
            Guard::Owned(guard) => &mut **guard,
        };
        assert_eq!(*value, self.locked_so_far);
        *value += 1;
        self.locked_so_far += 1;
        self.held = Some(guard);
    }

    fn poll(&mut self, i: usize) {
        let is_granted = i == 0 && self.held.is_none();
        match self.waiters[i].poll() {
            Poll::Ready(guard) => {
                self.waiters.remove(i);
                self.hold(!is_granted, guard);
            }
            Poll::Pending => assert!(!is_granted),
        }
    }

    fn check(&self) {
        assert_eq!(self.mutex.is_locked(), self.is_locked());
        if let [first, others @ ..] = &self.waiters[..] {
            assert_eq!(first.wakes() > 0, self.held.is_none());
            assert!(others.iter().all(|waiter| waiter.wakes() == 0));
        }
    }
}

fn play(ops: Vec<Op>) {
    let mutex = Rc::new(Mutex::new(0));
    let mut model = Model {
        mutex: &mutex,
        waiters: Vec::new(),
        held: None,
        locked_so_far: 0,
    };
    for op in ops {
        match op {
            Op::Lock => model.lock(hand(async { Guard::Borrowed(mutex.lock().await) })),
            Op::LockOwned => model.lock(hand(async {
                Guard::Owned(Rc::clone(&mutex).lock_owned().await)
            })),
            Op::TryLock => match mutex.try_lock() {
                Some(guard) => model.hold(model.is_locked(), Guard::Borrowed(guard)),
                None => assert!(model.is_locked()),
            },
            Op::Poll(i) if i < model.waiters.len() => model.poll(i),
            Op::Leave(i) if i < model.waiters.len() => drop(model.waiters.remove(i)),
            Op::Poll(_) | Op::Leave(_) => {}
            Op::Unlock => drop(model.held.take()),
        }
        model.check();
    }
}

proptest! {
    #[test]
    fn a_mutex_behaves_like_its_model(ops in prop::collection::vec(op(), 1..80)) {
        play(ops);
    }
}
