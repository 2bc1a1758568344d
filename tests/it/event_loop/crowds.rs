//! The order of rounds in which thousands of tasks are ready: the queue is kept in another way then, and tasks must not
//! notice it.

use std::cell::RefCell;
use std::rc::Rc;

use looplet::{EventLoop, spawn, yield_now};

/// More than a long round has.
const CROWD: usize = 10_000;

/// Spawns tasks that yield so often, and returns the numbers of the tasks in the order of their polls.
fn order_of(yields: impl Fn(usize) -> usize) -> Vec<usize> {
    let order = Rc::new(RefCell::new(Vec::new()));
    EventLoop::new().block_on(async {
        let tasks: Vec<_> = (0..CROWD)
            .map(|number| {
                let (order, yields) = (order.clone(), yields(number));
                spawn(async move {
                    for _ in 0..yields {
                        order.borrow_mut().push(number);
                        yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    order.take()
}

#[test]
fn a_crowd_is_polled_in_the_same_order_in_each_round() {
    let order = order_of(|_| 8);
    let rounds: Vec<_> = order.chunks(CROWD).collect();
    assert_eq!(rounds.len(), 8);
    assert!(rounds.iter().all(|round| round.is_sorted()));
}

#[test]
fn the_order_is_kept_while_a_crowd_goes_and_few_are_left() {
    // Each thousandth task goes on for longer than the others, and some for longer still.
    let order = order_of(|number| match number {
        _ if number % 5_000 == 0 => 20,
        _ if number % 1_000 == 0 => 12,
        _ => 5,
    });
    let (crowd, few) = order.split_at(5 * CROWD);
    assert!(crowd.chunks(CROWD).all(|round| round.is_sorted()));
    let (some, last) = few.split_at(7 * 10);
    assert!(some.chunks(10).all(|round| round.is_sorted()));
    assert_eq!(last, [0, 5_000].repeat(8));
}

#[test]
fn a_crowd_that_comes_back_finds_its_order_again() {
    let order = Rc::new(RefCell::new(Vec::new()));
    let mut event_loop = EventLoop::new();
    for _ in 0..3 {
        event_loop.block_on(async {
            for number in 0..CROWD {
                let order = order.clone();
                let task = spawn(async move {
                    for _ in 0..4 {
                        yield_now().await;
                    }
                    order.borrow_mut().push(number);
                });
                task.detach();
            }
            for _ in 0..100 {
                yield_now().await;
            }
        });
    }
    let order = order.take();
    assert_eq!(order.len(), 3 * CROWD);
    assert!(order.chunks(CROWD).all(|crowd| crowd.is_sorted()));
}

#[test]
fn a_loop_may_be_dropped_in_the_middle_of_a_crowd() {
    let mut event_loop = EventLoop::new();
    let tasks: Vec<_> = (0..CROWD)
        .map(|_| {
            event_loop.spawn(async {
                for _ in 0..100 {
                    yield_now().await;
                }
            })
        })
        .collect();
    for _ in 0..10 {
        assert!(event_loop.run_once(None));
    }
    drop(event_loop);
    assert!(tasks.iter().all(looplet::JoinHandle::is_cancelled));
}
