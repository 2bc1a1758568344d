//! Barriers: arriving, leaving, breaking.

mod support;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use cooked_waker::{IntoWaker, WakeRef};
use looplet::sync::{Barrier, BrokenBarrier};
use support::{Crew, Hand, Trace, Wakes, hand, panic_text};

fn party(crew: &Crew, barrier: &Rc<Barrier>, trace: &Trace, name: &'static str) -> usize {
    let (barrier, trace) = (Rc::clone(barrier), trace.clone());
    crew.spawn(async move {
        match barrier.wait().await {
            Ok(rank) => trace.note(format!("{name} {rank}")),
            Err(error) => trace.note(format!("{name} {error}")),
        }
        trace.note(format!("waiting {}", barrier.n_waiting()));
    })
}

#[test]
fn b_01_all_go_on_when_the_last_one_arrives_and_that_one_first() {
    let (crew, trace) = (Crew::default(), Trace::default());
    let barrier = Rc::new(Barrier::new(3));
    party(&crew, &barrier, &trace, "a");
    crew.run();
    assert_eq!(barrier.n_waiting(), 1);
    party(&crew, &barrier, &trace, "b");
    crew.run();
    assert_eq!(barrier.n_waiting(), 2);
    party(&crew, &barrier, &trace, "c");
    crew.run();
    let zero = "waiting 0";
    assert_eq!(trace.take(), ["c 2", zero, "a 0", zero, "b 1", zero]);
    assert_eq!((barrier.n_waiting(), barrier.is_broken()), (0, false));
    assert_eq!(hand(Barrier::new(1).wait()).finish(), Ok(0));
    let text = panic_text(|| Barrier::new(0)).unwrap();
    assert!(text.contains("at least 1"), "{text}");
}

#[test]
fn b_03_a_dropped_party_does_not_count() {
    let barrier = Barrier::new(3);
    let (mut one, mut two) = (hand(barrier.wait()), hand(barrier.wait()));
    one.wait();
    two.wait();
    drop(one);
    assert_eq!(barrier.n_waiting(), 1);
    let (mut three, mut four) = (hand(barrier.wait()), hand(barrier.wait()));
    three.wait();
    assert_eq!(barrier.n_waiting(), 2);
    assert_eq!(four.finish(), Ok(2));
    assert_eq!((two.finish(), three.finish()), (Ok(0), Ok(1)));
    assert!(!barrier.is_broken());
}

#[test]
fn b_05_abort_breaks_it_until_reset() {
    let barrier = Barrier::new(3);
    let (mut one, mut two) = (hand(barrier.wait()), hand(barrier.wait()));
    one.wait();
    two.wait();
    barrier.abort();
    assert!(barrier.is_broken());
    assert_eq!(hand(barrier.wait()).finish(), Err(BrokenBarrier));
    assert_eq!(one.finish(), Err(BrokenBarrier));
    assert_eq!(two.finish(), Err(BrokenBarrier));
    barrier.reset();
    assert!(!barrier.is_broken());
    hand(barrier.wait()).wait();
    assert_eq!(barrier.parties(), 3);
}

#[test]
fn reset_sends_those_away_who_wait_and_keeps_newcomers_out_until_they_left() {
    let barrier = Barrier::new(2);
    let mut old = hand(barrier.wait());
    old.wait();
    barrier.reset();
    let (mut new, mut other) = (hand(barrier.wait()), hand(barrier.wait()));
    new.wait();
    other.wait();
    assert_eq!(barrier.n_waiting(), 0);
    assert_eq!(old.finish(), Err(BrokenBarrier));
    assert_eq!((new.wakes(), other.wakes()), (1, 1));
    new.wait();
    assert_eq!(other.finish(), Ok(1));
    assert_eq!(new.finish(), Ok(0));
}

#[test]
fn newcomers_wait_while_a_company_leaves() {
    let barrier = Barrier::new(2);
    let mut one = hand(barrier.wait());
    one.wait();
    assert_eq!(hand(barrier.wait()).finish(), Ok(1));
    let mut next = hand(barrier.wait());
    next.wait();
    assert_eq!((next.wakes(), barrier.n_waiting()), (0, 0));
    assert_eq!(one.finish(), Ok(0));
    assert_eq!(next.wakes(), 1);
    next.wait();
    assert_eq!(barrier.n_waiting(), 1);
}

#[test]
fn whoever_is_dropped_while_leaving_lets_newcomers_in() {
    let barrier = Barrier::new(2);
    let mut one = hand(barrier.wait());
    one.wait();
    assert_eq!(hand(barrier.wait()).finish(), Ok(1));
    let mut next = hand(barrier.wait());
    next.wait();
    drop(one);
    next.wait();
    assert_eq!((next.wakes(), barrier.n_waiting()), (1, 1));
}

#[test]
fn whom_it_let_go_keeps_its_rank_through_reset_and_abort() {
    let barrier = Barrier::new(2);
    let mut one = hand(barrier.wait());
    one.wait();
    assert_eq!(hand(barrier.wait()).finish(), Ok(1));
    let mut outside = hand(barrier.wait());
    outside.wait();
    barrier.reset();
    barrier.abort();
    assert_eq!(outside.finish(), Err(BrokenBarrier));
    assert_eq!(one.finish(), Ok(0));
}

#[test]
fn a_newcomer_whose_waker_sends_the_last_one_away_as_it_is_cloned_is_let_in() {
    thread_local!(static LAST: RefCell<Option<Hand<'static, Result<usize, BrokenBarrier>>>> = const { RefCell::new(None) });

    struct Hasty(Arc<Wakes>);

    impl Clone for Hasty {
        fn clone(&self) -> Self {
            drop(LAST.take());
            Self(Arc::clone(&self.0))
        }
    }

    impl WakeRef for Hasty {
        fn wake_by_ref(&self) {
            std::task::Wake::wake(Arc::clone(&self.0));
        }
    }

    impl cooked_waker::Wake for Hasty {}

    let barrier = Rc::new(Barrier::new(2));
    let it = Rc::clone(&barrier);
    let mut last = hand(async move { it.wait().await });
    last.wait();
    assert_eq!(hand(barrier.wait()).finish(), Ok(1));
    LAST.set(Some(last));
    let (mut newcomer, wakes) = (hand(barrier.wait()), Arc::new(Wakes::default()));
    let waker = Box::new(Hasty(Arc::clone(&wakes))).into_waker();
    // It finds the others leaving, and goes to wait outside with a clone of its waker: then they are gone.
    assert!(newcomer.poll_with(&waker).is_pending());
    assert_eq!(wakes.count(), 1);
    newcomer.wait();
    assert_eq!(barrier.n_waiting(), 1);
}
