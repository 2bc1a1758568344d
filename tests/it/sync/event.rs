//! Events: all waiters proceed.

use std::rc::Rc;

use looplet::sync::Event;

use crate::support::{Crew, Trace, calling, hand, panics};

fn waiter(crew: &Crew, event: &Rc<Event>, trace: &Trace, number: u32) {
    let (event, trace) = (Rc::clone(event), trace.clone());
    crew.spawn(async move {
        event.wait().await;
        trace.note(number);
    });
}

#[test]
fn waiters_go_on_in_order_and_a_set_event_does_not_suspend() {
    let (crew, event, trace) = (Crew::default(), Rc::new(Event::new()), Trace::default());
    waiter(&crew, &event, &trace, 1);
    waiter(&crew, &event, &trace, 2);
    crew.run();
    waiter(&crew, &event, &trace, 3);
    event.set();
    crew.round();
    assert_eq!(trace.take(), ["3", "1", "2"]);
    hand(event.wait()).finish();
}

#[test]
fn a_woken_waiter_goes_on_even_if_the_event_is_cleared_first() {
    let event = Event::new();
    let mut early = hand(event.wait());
    early.wait();
    event.set();
    event.clear();
    let mut late = hand(event.wait());
    late.wait();
    early.finish();
    late.wait();
    assert!(!event.is_set());
    assert_eq!(late.wakes(), 0);
}

#[test]
fn setting_twice_wakes_once() {
    let event = Event::new();
    let mut waiter = hand(event.wait());
    waiter.wait();
    event.set();
    event.set();
    assert_eq!(waiter.wakes(), 1);
}

#[test]
fn a_dropped_waiter_leaves_the_others_alone() {
    let event = Event::new();
    let mut waiters: Vec<_> = (0..3).map(|_| hand(event.wait())).collect();
    waiters.iter_mut().for_each(|waiter| waiter.wait());
    drop(waiters.remove(1));
    event.set();
    waiters.iter_mut().for_each(|waiter| waiter.finish());
}

#[test]
fn a_waker_that_clears_the_event_or_panics_robs_no_waiter() {
    let event = Rc::new(Event::new());
    let waker = calling({
        let event = Rc::clone(&event);
        move || {
            event.clear();
            panic!("a hostile waker");
        }
    });
    let (mut first, mut second) = (hand(event.wait()), hand(event.wait()));
    assert!(first.poll_with(&waker).is_pending());
    second.wait();
    assert!(panics(|| event.set()));
    first.finish();
    second.finish();
    assert!(!event.is_set());
}
