//! Barriers: arriving, leaving, breaking.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use cooked_waker::{IntoWaker, WakeRef};
use looplet::EventLoop;
use looplet::sync::{Barrier, BrokenBarrier};

use crate::support::{Crew, Hand, Trace, Wakes, calling, hand, panic_text};

type Party<'a> = Hand<'a, Result<usize, BrokenBarrier>>;

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
fn all_go_on_when_the_last_one_arrives_and_that_one_first() {
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
fn a_dropped_party_does_not_count() {
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
fn abort_breaks_it_until_reset() {
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
    thread_local!(static LAST: RefCell<Option<Party<'static>>> = const { RefCell::new(None) });

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

#[test]
fn a_party_is_polled_as_often_as_it_gets_on_however_many_wait_outside() {
    let polls = |parties: usize| {
        let mut event_loop = EventLoop::new();
        let barrier = Rc::new(Barrier::new(2));
        for _ in 0..parties {
            let barrier = Rc::clone(&barrier);
            let task = event_loop.spawn(async move { barrier.wait().await });
            task.detach();
        }
        event_loop.run_until_stalled();
        assert_eq!(event_loop.metrics().live_tasks, 0);
        event_loop.metrics().polls
    };
    // Of two, both begin and are let in; one of them waits there for the other.
    assert_eq!(polls(40) - polls(20), 5 * 10);
}

/// Those who wait outside while the last one of a company is leaving.
fn outside<'a>(barrier: &'a Barrier, count: usize) -> (Party<'a>, Vec<Party<'a>>) {
    let mut company: Vec<_> = (1..barrier.parties())
        .map(|_| hand(barrier.wait()))
        .collect();
    company.iter_mut().for_each(Hand::wait);
    assert!(hand(barrier.wait()).finish().is_ok());
    let last = company.remove(0);
    company
        .iter_mut()
        .for_each(|it| assert!(it.finish().is_ok()));
    let mut outside: Vec<_> = (0..count).map(|_| hand(barrier.wait())).collect();
    outside.iter_mut().for_each(Hand::wait);
    (last, outside)
}

fn wakes(parties: &[Party<'_>]) -> Vec<usize> {
    parties.iter().map(Hand::wakes).collect()
}

#[test]
fn as_many_are_called_from_outside_as_there_is_room_for_first_come_first() {
    let barrier = Barrier::new(3);
    let (last, mut outside) = outside(&barrier, 5);
    drop(last);
    assert_eq!(wakes(&outside), [1, 1, 1, 0, 0]);
    // They may not proceed, even if they are polled.
    outside[3].wait();
    assert_eq!(barrier.n_waiting(), 0);
    outside[1].wait();
    outside[0].wait();
    assert_eq!(barrier.n_waiting(), 2);
    assert_eq!(wakes(&outside), [1, 1, 1, 0, 0]);
    assert_eq!(outside[2].finish(), Ok(2));
    assert_eq!((outside[0].finish(), outside[1].finish()), (Ok(1), Ok(0)));
    assert_eq!(wakes(&outside), [2, 2, 1, 1, 1]);
}

#[test]
fn a_waiter_that_is_woken_and_dropped_before_its_poll_wakes_the_next_one() {
    let barrier = Barrier::new(2);
    let (last, mut outside) = outside(&barrier, 4);
    drop(last);
    drop(outside.remove(0));
    assert_eq!(wakes(&outside), [1, 1, 0]);
    outside[0].wait();
    // Its place inside is for the next one too.
    drop(outside.remove(0));
    assert_eq!(wakes(&outside), [1, 1]);
    outside[0].wait();
    assert_eq!(outside[1].finish(), Ok(1));
    assert_eq!(outside[0].finish(), Ok(0));
}

#[test]
fn an_abort_calls_all_who_wait_outside() {
    let barrier = Barrier::new(2);
    let (last, mut outside) = outside(&barrier, 4);
    drop(last);
    barrier.abort();
    assert_eq!(wakes(&outside), [1; 4]);
    for party in &mut outside {
        assert_eq!(party.finish(), Err(BrokenBarrier));
    }
}

#[test]
fn a_reset_before_those_have_looked_whom_an_abort_called_lets_in_as_many_as_there_is_room_for() {
    let barrier = Barrier::new(2);
    let (last, mut outside) = outside(&barrier, 4);
    drop(last);
    barrier.abort();
    barrier.reset();
    outside.iter_mut().skip(1).for_each(Hand::wait);
    assert_eq!(outside[0].finish(), Ok(1));
    assert_eq!(outside[1].finish(), Ok(0));
    // They have kept their places, and are called again.
    assert_eq!(wakes(&outside), [1, 2, 2, 2]);
    outside[2].wait();
    assert_eq!(outside[3].finish(), Ok(1));
}

/// Who passes a barrier for two with which rank, where `late` come as the first company leaves.
fn passages(early: &[&'static str], late: &[&'static str]) -> Vec<String> {
    let (crew, trace) = (Crew::default(), Trace::default());
    let barrier = Rc::new(Barrier::new(2));
    let names = early.iter().chain(late).copied();
    for (i, name) in names.enumerate() {
        let (barrier, trace, is_late) = (Rc::clone(&barrier), trace.clone(), i >= early.len());
        crew.spawn(async move {
            if is_late {
                crate::support::yield_now().await;
            }
            let rank = barrier.wait().await.unwrap();
            trace.note(format!("{name} {rank}"));
        });
    }
    crew.run();
    trace.take()
}

#[test]
fn a_newcomer_that_is_polled_before_those_who_were_called_comes_in_before_them() {
    // As in asyncio.
    let passed = passages(&["a", "b", "c", "d", "f", "g"], &["x"]);
    assert_eq!(passed, ["b 1", "a 0", "c 1", "x 0", "f 1", "d 0"]);
}

#[test]
fn who_was_called_and_finds_no_room_keeps_its_place_before_newcomers() {
    // In asyncio z gets in front of c.
    let passed = passages(&["a", "b", "c", "d", "f", "g"], &["x", "y", "z"]);
    let first = ["b 1", "a 0", "y 1", "x 0"];
    assert_eq!(passed, [first, ["d 1", "c 0", "g 1", "f 0"]].concat());
}

#[test]
fn whom_it_let_go_keeps_its_rank_if_the_waker_of_another_one_aborts() {
    let barrier = Rc::new(Barrier::new(3));
    let (mut one, mut two) = (hand(barrier.wait()), hand(barrier.wait()));
    let it = Rc::clone(&barrier);
    assert!(one.poll_with(&calling(move || it.abort())).is_pending());
    two.wait();
    assert_eq!(hand(barrier.wait()).finish(), Ok(2));
    assert!(barrier.is_broken());
    assert_eq!((one.finish(), two.finish()), (Ok(0), Ok(1)));
}

#[test]
fn who_was_called_and_is_polled_by_the_waker_of_a_company_that_took_its_room_keeps_its_place() {
    let barrier = Rc::new(Barrier::new(2));
    let mut last = hand(barrier.wait());
    last.wait();
    assert_eq!(hand(barrier.wait()).finish(), Ok(1));
    let it = Rc::clone(&barrier);
    let first = Rc::new(RefCell::new(hand(async move { it.wait().await })));
    first.borrow_mut().wait();
    let (mut second, mut third) = (hand(barrier.wait()), hand(barrier.wait()));
    second.wait();
    third.wait();
    drop(last);
    let called = Rc::clone(&first);
    let mut newcomer = hand(barrier.wait());
    let waker = calling(move || called.borrow_mut().wait());
    assert!(newcomer.poll_with(&waker).is_pending());
    assert_eq!(hand(barrier.wait()).finish(), Ok(1));
    assert_eq!(newcomer.finish(), Ok(0));
    first.borrow_mut().wait();
    assert_eq!(second.finish(), Ok(1));
    assert_eq!(first.borrow_mut().finish(), Ok(0));
    third.wait();
    assert_eq!(barrier.n_waiting(), 1);
}
