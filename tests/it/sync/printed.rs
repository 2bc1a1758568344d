//! What the primitives of `sync` print of themselves: their state, and how many wait.

use std::fmt::Debug;
use std::rc::Rc;

use looplet::sync::{Barrier, Condition, Event, Mutex, Semaphore, oneshot};

use crate::support::hand;

fn text(it: impl Debug) -> String {
    format!("{it:?}")
}

#[test]
fn an_event_a_condition_and_a_barrier_say_how_many_wait() {
    let (event, barrier) = (Event::new(), Barrier::new(3));
    let (mutex, condition) = (Mutex::new(()), Condition::new());
    let mut waiting = hand(event.wait());
    waiting.wait();
    assert_eq!(text(&event), "Event { is_set: false, waiting: 1 }");
    event.set();
    waiting.finish();
    assert_eq!(text(&event), "Event { is_set: true, waiting: 0 }");

    let mut notified = hand(async { drop(condition.wait(mutex.lock().await).await) });
    assert_eq!(text(&condition), "Condition { waiting: 0 }");
    notified.wait();
    assert_eq!(text(&condition), "Condition { waiting: 1 }");

    let mut arrived = hand(barrier.wait());
    arrived.wait();
    assert_eq!(
        text(&barrier),
        "Barrier { parties: 3, n_waiting: 1, is_broken: false }"
    );
    barrier.abort();
    assert_eq!(
        text(&barrier),
        "Barrier { parties: 3, n_waiting: 0, is_broken: true }"
    );
}

#[test]
fn the_guards_of_a_mutex_print_what_it_guards() {
    let mutex = Rc::new(Mutex::new("soup"));
    let guard = mutex.try_lock().unwrap();
    assert_eq!(text(&guard), "\"soup\"");
    assert_eq!(text(&mutex), "Mutex { value: <locked>, waiting: 0 }");
    drop(guard);
    assert_eq!(text(&mutex), "Mutex { value: \"soup\", waiting: 0 }");
    let guard = hand(Rc::clone(&mutex).lock_owned()).finish();
    assert_eq!(text(&guard), "\"soup\"");
}

#[test]
fn a_semaphore_says_how_many_permits_are_left() {
    let semaphore = Rc::new(Semaphore::new(2));
    let permit = semaphore.try_acquire().unwrap();
    assert_eq!(text(&semaphore), "Semaphore { available: 1, waiting: 0 }");
    let owned = hand(Rc::clone(&semaphore).acquire_owned()).finish();
    assert_eq!(
        (text(&permit), text(&owned)),
        ("Permit(..)".into(), "OwnedPermit(..)".into())
    );
    let mut third = hand(semaphore.acquire());
    third.wait();
    assert_eq!(text(&semaphore), "Semaphore { available: 0, waiting: 1 }");
}

#[test]
fn the_ends_of_a_oneshot_say_whether_the_other_one_is_there() {
    let (sender, receiver) = oneshot::<()>();
    assert_eq!(text(&sender), "Sender { is_closed: false }");
    assert_eq!(text(&receiver), "Receiver { has_sender: true }");
    drop(sender);
    assert_eq!(text(&receiver), "Receiver { has_sender: false }");
    let (sender, receiver) = oneshot::<()>();
    drop(receiver);
    assert_eq!(text(&sender), "Sender { is_closed: true }");
}
