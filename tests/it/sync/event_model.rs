//! Random sets, clears, waits and drops at an event, against a plain model: each that waits at a `set` proceeds, whatever
//! comes after it, and no other does.

use looplet::sync::Event;
use proptest::prelude::*;

use crate::support::{Hand, hand};

#[derive(Clone, Copy, Debug)]
enum Op {
    Wait,
    Poll(usize),
    Drop(usize),
    Set,
    Clear,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => Just(Op::Wait),
        5 => (0..6usize).prop_map(Op::Poll),
        2 => (0..6usize).prop_map(Op::Drop),
        2 => Just(Op::Set),
        2 => Just(Op::Clear),
    ]
}

struct Waiter<'a> {
    future: Hand<'a, ()>,
    was_set: bool,
}

fn play(ops: Vec<Op>) {
    let event = Event::new();
    let mut is_set = false;
    let mut waiters: Vec<Waiter> = Vec::new();
    for op in ops {
        match op {
            Op::Wait => {
                let mut future = hand(event.wait());
                let is_ready = future.poll().is_ready();
                assert_eq!(is_ready, is_set);
                if !is_ready {
                    let was_set = false;
                    waiters.push(Waiter { future, was_set });
                }
            }
            Op::Poll(i) if i < waiters.len() => {
                let is_ready = waiters[i].future.poll().is_ready();
                assert_eq!(is_ready, waiters[i].was_set);
                if is_ready {
                    waiters.remove(i);
                }
            }
            Op::Drop(i) if i < waiters.len() => drop(waiters.remove(i)),
            Op::Poll(_) | Op::Drop(_) => {}
            Op::Set => {
                event.set();
                is_set = true;
                waiters.iter_mut().for_each(|waiter| waiter.was_set = true);
            }
            Op::Clear => {
                event.clear();
                is_set = false;
            }
        }
        assert_eq!(event.is_set(), is_set);
        for waiter in &waiters {
            assert_eq!(waiter.future.wakes() > 0, waiter.was_set);
        }
    }
}

proptest! {
    #[test]
    fn an_event_behaves_like_its_model(ops in prop::collection::vec(op(), 1..80)) {
        play(ops);
    }
}
