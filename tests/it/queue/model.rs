//! Random operations and drops on queues, against a plain model: no item lost or doubled, no waiter forgotten or overtaken.

use std::collections::VecDeque;
use std::task::Poll;

use looplet::sync::{LifoQueue, PriorityQueue, Queue, TryGetError};
use proptest::prelude::*;

use crate::support::{Hand, hand};

#[derive(Clone, Copy, Debug)]
enum Op {
    Put,
    Get,
    TryPut,
    TryGet,
    PollGetter(usize),
    PollPutter(usize),
    DropGetter(usize),
    DropPutter(usize),
    Shutdown,
    ShutdownNow,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => Just(Op::Put),
        6 => Just(Op::Get),
        3 => Just(Op::TryPut),
        3 => Just(Op::TryGet),
        6 => (0..8usize).prop_map(Op::PollGetter),
        6 => (0..8usize).prop_map(Op::PollPutter),
        2 => (0..8usize).prop_map(Op::DropGetter),
        2 => (0..8usize).prop_map(Op::DropPutter),
        1 => prop_oneof![9 => Just(Op::TryGet), 1 => Just(Op::Shutdown), 1 => Just(Op::ShutdownNow)],
    ]
}

/// The next item: all differ, in an order far from sorted.
fn scrambled(item: u32) -> u32 {
    (item * 5 + 1) % 65536
}

/// A waiter and how often it was woken at its last poll.
struct Waiter<'a, T> {
    future: Hand<'a, T>,
    seen: usize,
}

impl<T> Waiter<'_, T> {
    fn is_woken(&self) -> bool {
        self.future.wakes() > self.seen
    }
}

macro_rules! model_test {
    ($test:ident, $queue:ident, $pop:expr) => {
        proptest! {
            #[test]
            fn $test(capacity in 1usize..4, ops in prop::collection::vec(op(), 1..120)) {
                let pop: fn(&mut VecDeque<u32>) -> Option<u32> = $pop;
                let queue = $queue::bounded(capacity);
                let mut model = VecDeque::new();
                let mut is_shut = false;
                let mut next = 0;
                let mut getters: Vec<Waiter<_>> = Vec::new();
                let mut putters: Vec<(Waiter<_>, u32)> = Vec::new();
                for op in ops {
                    match op {
                        Op::Put => {
                            next = scrambled(next);
                            let mut future = hand(queue.put(next));
                            match future.poll() {
                                Poll::Ready(Ok(())) => {
                                    prop_assert!(!is_shut && model.len() < capacity);
                                    model.push_back(next);
                                }
                                Poll::Ready(Err(error)) => {
                                    prop_assert!(is_shut);
                                    prop_assert_eq!(error.0, next);
                                }
                                Poll::Pending => {
                                    prop_assert!(!is_shut && model.len() == capacity);
                                    putters.push((Waiter { future, seen: 0 }, next));
                                }
                            }
                        }
                        Op::Get => {
                            let mut future = hand(queue.get());
                            match future.poll() {
                                Poll::Ready(got) => {
                                    let expected = pop(&mut model);
                                    prop_assert!(expected.is_some() || is_shut);
                                    prop_assert_eq!(got.ok(), expected);
                                }
                                Poll::Pending => {
                                    prop_assert!(!is_shut && model.is_empty());
                                    getters.push(Waiter { future, seen: 0 });
                                }
                            }
                        }
                        Op::TryPut => {
                            next = scrambled(next);
                            let fits = !is_shut && model.len() < capacity;
                            prop_assert_eq!(queue.try_put(next).is_ok(), fits);
                            if fits {
                                model.push_back(next);
                            }
                        }
                        Op::TryGet => {
                            let none = if is_shut { TryGetError::Closed } else { TryGetError::Empty };
                            prop_assert_eq!(queue.try_get(), pop(&mut model).ok_or(none));
                        }
                        Op::PollGetter(i) if i < getters.len() => {
                            let waiter = &mut getters[i];
                            waiter.seen = waiter.future.wakes();
                            match waiter.future.poll() {
                                Poll::Ready(got) => {
                                    // First come, first served: it was among the first `len`.
                                    prop_assert!(i < model.len() || is_shut);
                                    prop_assert_eq!(got.ok(), pop(&mut model));
                                    getters.remove(i);
                                }
                                Poll::Pending => prop_assert!(i >= model.len() && !is_shut),
                            }
                        }
                        Op::PollPutter(i) if i < putters.len() => {
                            let (waiter, item) = &mut putters[i];
                            waiter.seen = waiter.future.wakes();
                            let room = capacity - model.len().min(capacity);
                            match waiter.future.poll() {
                                Poll::Ready(Ok(())) => {
                                    prop_assert!(i < room && !is_shut);
                                    model.push_back(*item);
                                    putters.remove(i);
                                }
                                Poll::Ready(Err(error)) => {
                                    prop_assert!(is_shut);
                                    prop_assert_eq!(error.0, *item);
                                    putters.remove(i);
                                }
                                Poll::Pending => prop_assert!(i >= room && !is_shut),
                            }
                        }
                        Op::DropGetter(i) if i < getters.len() => drop(getters.remove(i)),
                        Op::DropPutter(i) if i < putters.len() => drop(putters.remove(i)),
                        Op::Shutdown => {
                            queue.shutdown();
                            is_shut = true;
                        }
                        Op::ShutdownNow => {
                            queue.shutdown_now();
                            model.clear();
                            is_shut = true;
                        }
                        _ => {}
                    }
                    // Nobody who could go on was forgotten.
                    let gets = if is_shut { usize::MAX } else { model.len() };
                    let puts = if is_shut { usize::MAX } else { capacity - model.len() };
                    prop_assert!(getters.iter().take(gets).all(Waiter::is_woken));
                    prop_assert!(putters.iter().take(puts).all(|(waiter, _)| waiter.is_woken()));
                    prop_assert_eq!(queue.len(), model.len());
                }
            }
        }
    };
}

model_test!(a_queue_behaves_like_a_deque, Queue, VecDeque::pop_front);
model_test!(
    a_lifo_queue_behaves_like_a_stack,
    LifoQueue,
    VecDeque::pop_back
);
model_test!(
    a_priority_queue_behaves_like_a_sorted_list,
    PriorityQueue,
    |model| {
        let at = (0..model.len()).min_by_key(|&i| model[i])?;
        model.remove(at)
    }
);
