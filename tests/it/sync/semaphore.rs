//! Semaphores: fairness, several permits at once, and a model under random operations and drops.

use std::collections::VecDeque;
use std::rc::Rc;
use std::task::Poll;

use looplet::sync::{Permit, Semaphore};
use proptest::prelude::*;

use crate::support::{Crew, Hand, Trace, hand, panic_text, yield_now};

#[test]
fn a_releaser_cannot_overtake_waiters() {
    let (crew, trace) = (Crew::default(), Trace::default());
    let semaphore = Rc::new(Semaphore::new(1));
    for n in 1..=3 {
        let (semaphore, trace) = (Rc::clone(&semaphore), trace.clone());
        crew.spawn(async move {
            for nth in 1..=2 {
                let _permit = semaphore.acquire().await;
                trace.note(format!("c{n}_{nth}"));
                yield_now().await;
            }
        });
    }
    crew.run();
    assert_eq!(
        trace.take(),
        ["c1_1", "c2_1", "c3_1", "c1_2", "c2_2", "c3_2"]
    );
}

#[test]
fn dropped_waiters_are_skipped() {
    let semaphore = Semaphore::new(0);
    let mut waiters: Vec<_> = (0..4).map(|_| hand(semaphore.acquire())).collect();
    waiters.iter_mut().for_each(|waiter| waiter.wait());
    waiters.drain(..2);
    semaphore.add_permits(1);
    let permit = waiters[0].finish();
    waiters[1].wait();
    assert!(semaphore.is_locked());
    drop(permit);
    drop(waiters[1].finish());
}

#[test]
fn what_is_left_over_is_free_at_once() {
    let (crew, trace) = (Rc::new(Crew::default()), Trace::default());
    let semaphore = Rc::new(Semaphore::new(0));
    let acquire = {
        let (semaphore, trace) = (Rc::clone(&semaphore), trace.clone());
        move |n: u32| {
            let (semaphore, trace) = (Rc::clone(&semaphore), trace.clone());
            async move {
                semaphore.acquire().await.forget();
                trace.note(n);
            }
        }
    };
    crew.spawn({
        let (crew, acquire) = (Rc::clone(&crew), acquire.clone());
        async move {
            acquire(1).await;
            crew.spawn(acquire(4));
        }
    });
    crew.run();
    semaphore.add_permits(3);
    assert_eq!((semaphore.available(), semaphore.is_locked()), (2, false));
    crew.spawn(acquire(2));
    crew.spawn(acquire(3));
    crew.round();
    assert_eq!(trace.take(), ["1", "2", "3"]);
    semaphore.add_permits(1);
    crew.run();
    assert_eq!(trace.take(), ["4"]);
}

#[test]
fn several_permits_at_once_serve_several_waiters_in_one_round() {
    let semaphore = Semaphore::new(0);
    let mut waiters: Vec<_> = (0..3).map(|_| hand(semaphore.acquire())).collect();
    waiters.iter_mut().for_each(|waiter| waiter.wait());
    semaphore.add_permits(2);
    let wakes: Vec<_> = waiters.iter().map(Hand::wakes).collect();
    assert_eq!(wakes, [1, 1, 0]);
    assert_eq!(semaphore.available(), 0);
}

#[test]
fn a_granted_waiter_that_is_dropped_passes_the_permit_on() {
    let semaphore = Semaphore::new(1);
    let permit = semaphore.try_acquire().unwrap();
    let (mut first, mut second) = (hand(semaphore.acquire()), hand(semaphore.acquire()));
    first.wait();
    second.wait();
    drop(permit);
    drop(first);
    assert_eq!(second.wakes(), 1);
    drop(second.finish());
    assert_eq!(semaphore.available(), 1);
}

#[test]
fn a_forgotten_permit_never_comes_back() {
    let semaphore = Rc::new(Semaphore::new(2));
    semaphore.try_acquire().unwrap().forget();
    hand(Rc::clone(&semaphore).acquire_owned())
        .finish()
        .forget();
    assert_eq!(semaphore.available(), 0);
    assert_eq!(Rc::strong_count(&semaphore), 1);
    semaphore.add_permits(1);
    assert!(!semaphore.is_locked());
}

#[test]
fn too_many_permits_panic_and_change_nothing() {
    let semaphore = Semaphore::new(usize::MAX);
    let text = panic_text(|| semaphore.add_permits(1)).unwrap();
    assert!(text.contains("usize::MAX permits"), "{text}");
    assert_eq!(semaphore.available(), usize::MAX);
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Acquire,
    Try,
    Add(usize),
    Poll(usize),
    Drop(usize),
    Release,
    Forget,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => Just(Op::Acquire),
        2 => Just(Op::Try),
        1 => (1..3usize).prop_map(Op::Add),
        5 => (0..6usize).prop_map(Op::Poll),
        2 => (0..6usize).prop_map(Op::Drop),
        4 => Just(Op::Release),
        1 => Just(Op::Forget),
    ]
}

proptest! {
    #[test]
    fn a_semaphore_behaves_like_a_count_and_a_line(
        count in 0usize..3,
        ops in prop::collection::vec(op(), 1..120),
    ) {
        let semaphore = Semaphore::new(count);
        let mut free = count;
        let mut line: Vec<Hand<Permit>> = Vec::new();
        let mut permits: VecDeque<Permit> = VecDeque::new();
        for op in ops {
            let left_over = free.saturating_sub(line.len());
            match op {
                Op::Acquire => {
                    let mut future = hand(semaphore.acquire());
                    match future.poll() {
                        Poll::Ready(permit) => {
                            prop_assert!(left_over > 0);
                            free -= 1;
                            permits.push_back(permit);
                        }
                        Poll::Pending => {
                            prop_assert_eq!(left_over, 0);
                            line.push(future);
                        }
                    }
                }
                Op::Try => match semaphore.try_acquire() {
                    Some(permit) => {
                        prop_assert!(left_over > 0);
                        free -= 1;
                        permits.push_back(permit);
                    }
                    None => prop_assert_eq!(left_over, 0),
                },
                Op::Add(n) => {
                    semaphore.add_permits(n);
                    free += n;
                }
                Op::Poll(i) if i < line.len() => match line[i].poll() {
                    Poll::Ready(permit) => {
                        prop_assert!(i < free);
                        free -= 1;
                        permits.push_back(permit);
                        line.remove(i);
                    }
                    Poll::Pending => prop_assert!(i >= free),
                },
                Op::Drop(i) if i < line.len() => drop(line.remove(i)),
                Op::Release => free += usize::from(permits.pop_front().is_some()),
                Op::Forget => {
                    if let Some(permit) = permits.pop_front() {
                        permit.forget();
                    }
                }
                _ => {}
            }
            prop_assert_eq!(semaphore.available(), free.saturating_sub(line.len()));
            // Each that was granted a permit was woken once.
            prop_assert!(line.iter().take(free).all(|waiter| waiter.wakes() == 1));
            prop_assert!(line.iter().skip(free).all(|waiter| waiter.wakes() == 0));
        }
    }
}
