//! Conditions: notifications, locking again, and passing on.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use looplet::sync::{Condition, Mutex};

use crate::support::{Crew, Hand, Trace, hand, panic_text};

#[test]
fn a_notified_waiter_has_to_lock_again() {
    let (crew, trace) = (Crew::default(), Trace::default());
    let (mutex, condition) = (Rc::new(Mutex::new(())), Rc::new(Condition::new()));
    let keys: Rc<RefCell<Vec<Rc<Cell<bool>>>>> = Rc::default();
    for n in 1..=3 {
        let (mutex, condition) = (Rc::clone(&mutex), Rc::clone(&condition));
        let (trace, keys) = (trace.clone(), Rc::clone(&keys));
        crew.spawn(async move {
            let guard = condition.wait(mutex.lock().await).await;
            trace.note(n);
            // Keeps the lock until the test opens it.
            let open = Rc::new(Cell::new(false));
            keys.borrow_mut().push(Rc::clone(&open));
            while !open.get() {
                crate::support::yield_now().await;
            }
            drop(guard);
        });
    }
    crew.run();
    assert!(!mutex.is_locked());
    let held = mutex.try_lock().unwrap();
    condition.notify(1);
    crew.round();
    assert!(trace.take().is_empty());
    drop(held);
    crew.round();
    assert_eq!(trace.take(), ["1"]);
    condition.notify(2);
    crew.round();
    assert!(trace.take().is_empty() && mutex.is_locked());
    for n in ["2", "3"] {
        keys.borrow_mut().pop().unwrap().set(true);
        crew.round();
        crew.round();
        assert_eq!(trace.take(), [n]);
        assert!(mutex.is_locked());
    }
}

#[test]
fn wait_while_looks_again_after_each_notification() {
    let (mutex, condition) = (Mutex::new(0), Condition::new());
    let mut waiter = hand(async {
        let guard = mutex.lock().await;
        *condition.wait_while(guard, |value| *value == 0).await
    });
    waiter.wait();
    condition.notify(1);
    assert_eq!(waiter.wakes(), 1);
    waiter.wait();
    *mutex.try_lock().unwrap() = 7;
    condition.notify_all();
    assert_eq!(waiter.finish(), 7);
    let guard = mutex.try_lock().unwrap();
    let mut at_once = hand(condition.wait_while(guard, |value| *value == 0));
    assert_eq!(*at_once.finish(), 7);
}

/// Waiters in order, all of them in the line.
fn waiters<'a>(mutex: &'a Mutex<()>, condition: &'a Condition, count: usize) -> Vec<Hand<'a, ()>> {
    let waiter = || async { drop(condition.wait(mutex.lock().await).await) };
    let mut waiters: Vec<_> = (0..count).map(|_| hand(waiter())).collect();
    waiters.iter_mut().for_each(Hand::wait);
    waiters
}

#[test]
fn a_notified_waiter_that_is_dropped_passes_the_notification_on() {
    let (mutex, condition) = (Mutex::new(()), Condition::new());
    let mut line = waiters(&mutex, &condition, 2);
    condition.notify(1);
    assert_eq!((line[0].wakes(), line[1].wakes()), (1, 0));
    drop(line.remove(0));
    assert_eq!(line[0].wakes(), 1);
    line[0].finish();
}

#[test]
fn a_notified_waiter_dropped_while_it_waits_for_the_lock_passes_on_too() {
    let (mutex, condition) = (Mutex::new(()), Condition::new());
    let mut line = waiters(&mutex, &condition, 2);
    let held = mutex.try_lock().unwrap();
    condition.notify(1);
    line[0].wait();
    assert_eq!(line[1].wakes(), 0);
    drop(line.remove(0));
    assert_eq!(line[0].wakes(), 1);
    drop(held);
    line[0].finish();
    assert!(!mutex.is_locked());
}

#[test]
fn notifications_go_to_those_who_wait_now_and_to_each_once() {
    let (mutex, condition) = (Mutex::new(()), Condition::new());
    condition.notify(5);
    let mut line = waiters(&mutex, &condition, 3);
    condition.notify(1);
    condition.notify(1);
    assert_eq!(line.iter().map(Hand::wakes).collect::<Vec<_>>(), [1, 1, 0]);
    condition.notify_all();
    let mut late = waiters(&mutex, &condition, 1);
    line.iter_mut().for_each(Hand::finish);
    late[0].wait();
}

#[test]
fn a_dropped_waiter_gives_up_the_lock_or_its_place() {
    let (mutex, condition) = (Mutex::new(()), Condition::new());
    drop(condition.wait(mutex.try_lock().unwrap()));
    assert!(!mutex.is_locked());
    let mut line = waiters(&mutex, &condition, 2);
    drop(line.remove(0));
    condition.notify(1);
    line[0].finish();
}

#[test]
fn a_second_mutex_panics_and_says_what_to_do() {
    let (one, two, condition) = (Mutex::new(()), Mutex::new(()), Condition::new());
    let mut first = hand(condition.wait(one.try_lock().unwrap()));
    first.wait();
    let mut second = hand(condition.wait(two.try_lock().unwrap()));
    let text = panic_text(|| second.poll().is_pending()).unwrap();
    assert!(text.contains("one condition for each mutex"), "{text}");
    drop(second);
    assert!(!two.is_locked());
    drop(first);
    hand(condition.wait(two.try_lock().unwrap())).wait();
}
