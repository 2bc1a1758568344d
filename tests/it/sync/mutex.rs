//! Mutexes: fairness, hand-over, guards, and what dropping a waiter does.

use std::cell::RefCell;
use std::rc::Rc;

use futures::executor::LocalPool;
use futures::task::LocalSpawnExt;
use looplet::sync::Mutex;

use crate::support::{Crew, Trace, calling, hand, panics, yield_now};

/// Locks, notes its number, and unlocks.
fn locker(crew: &Crew, mutex: &Rc<Mutex<()>>, trace: &Trace, number: u32) -> usize {
    let (mutex, trace) = (Rc::clone(mutex), trace.clone());
    crew.spawn(async move {
        let guard = mutex.lock().await;
        trace.note(number);
        yield_now().await;
        drop(guard);
    })
}

#[test]
fn waiters_are_served_one_by_one_in_order() {
    let (crew, mutex) = (Crew::default(), Rc::new(Mutex::new(())));
    let (result, order) = (Trace::default(), Rc::new(RefCell::new(Vec::new())));
    let held = mutex.try_lock().unwrap();
    for n in 1..=2 {
        let (mutex, order) = (Rc::clone(&mutex), Rc::clone(&order));
        crew.spawn(async move {
            let guard = mutex.lock_owned().await;
            order.borrow_mut().push((n, guard));
        });
    }
    crew.run();
    assert!(order.borrow().is_empty());
    drop(held);
    assert!(mutex.is_locked());
    crew.round();
    assert_eq!(order.borrow().len(), 1);
    let third = locker(&crew, &mutex, &result, 3);
    crew.run();
    let (first, guard) = order.borrow_mut().remove(0);
    drop(guard);
    crew.round();
    let (second, guard) = order.borrow_mut().remove(0);
    assert_eq!((first, second), (1, 2));
    assert!(result.take().is_empty());
    drop(guard);
    crew.run();
    assert_eq!(result.take(), ["3"]);
    assert!(crew.is_finished(third) && !mutex.is_locked());
}

#[test]
fn a_guard_locks_and_unlocks_also_if_its_task_is_dropped() {
    let mutex = Mutex::new(1);
    let mut task = hand(async {
        let mut guard = mutex.lock().await;
        *guard += 1;
        std::future::pending::<()>().await;
    });
    task.wait();
    assert!(mutex.is_locked());
    assert!(mutex.try_lock().is_none());
    drop(task);
    assert!(!mutex.is_locked());
    assert_eq!(*mutex.try_lock().unwrap(), 2);
    assert_eq!(mutex.into_inner(), 2);
}

#[test]
fn a_granted_waiter_that_is_dropped_passes_the_lock_on() {
    let mutex = Mutex::new(());
    let held = mutex.try_lock().unwrap();
    let mut waiters: Vec<_> = (0..3).map(|_| hand(mutex.lock())).collect();
    waiters.iter_mut().for_each(|waiter| waiter.wait());
    drop(held);
    assert_eq!(waiters[0].wakes(), 1);
    drop(waiters.remove(0));
    assert_eq!((waiters[0].wakes(), waiters[1].wakes()), (1, 0));
    let guard = waiters[0].finish();
    waiters[1].wait();
    assert!(mutex.is_locked());
    drop(guard);
    drop(waiters.remove(1));
    assert!(!mutex.is_locked());
}

#[test]
fn no_newcomer_overtakes_a_granted_waiter() {
    let mutex = Mutex::new(());
    let held = mutex.try_lock().unwrap();
    let mut waiter = hand(mutex.lock());
    waiter.wait();
    drop(held);
    assert!(mutex.try_lock().is_none());
    hand(mutex.lock()).wait();
    drop(waiter.finish());
    assert!(mutex.try_lock().is_some());
}

#[test]
fn a_free_lock_does_not_suspend() {
    let mutex = Rc::new(Mutex::new(7));
    assert_eq!(*hand(mutex.lock()).finish(), 7);
    assert_eq!(*hand(Rc::clone(&mutex).lock_owned()).finish(), 7);
}

#[test]
fn an_owned_guard_outlives_every_other_handle() {
    let mutex = Rc::new(Mutex::new(String::from("a")));
    let mut guard = hand(Rc::clone(&mutex).lock_owned()).finish();
    let weak = Rc::downgrade(&mutex);
    drop(mutex);
    guard.push('b');
    assert_eq!((guard.as_str(), weak.strong_count()), ("ab", 1));
    drop(guard);
    assert_eq!(weak.strong_count(), 0);
}

#[test]
fn owned_and_borrowed_guards_wait_in_one_line() {
    let mutex = Rc::new(Mutex::new(0));
    let mut held = hand(Rc::clone(&mutex).lock_owned()).finish();
    *held += 1;
    let mut borrowed = hand(mutex.lock());
    borrowed.wait();
    let mut owned = hand(Rc::clone(&mutex).lock_owned());
    owned.wait();
    assert_eq!(
        format!("{mutex:?}"),
        "Mutex { value: <locked>, waiting: 2 }"
    );
    drop(held);
    let mut guard = borrowed.finish();
    *guard += 1;
    drop(guard);
    assert_eq!(*owned.finish(), 2);
    assert_eq!(format!("{mutex:?}"), "Mutex { value: 2, waiting: 0 }");
}

#[test]
fn a_panic_with_the_lock_held_unlocks_it() {
    let mutex = Mutex::new(0);
    assert!(panics(|| {
        let _guard = mutex.try_lock();
        panic!("on purpose");
    }));
    assert!(!mutex.is_locked());
}

#[test]
fn a_waker_may_use_the_mutex_while_it_is_woken() {
    let mutex = Rc::new(Mutex::new(0));
    let held = mutex.try_lock().unwrap();
    let waker = calling({
        let mutex = Rc::clone(&mutex);
        move || assert!(mutex.try_lock().is_none() && mutex.is_locked())
    });
    let mut waiter = hand(mutex.lock());
    assert!(waiter.poll_with(&waker).is_pending());
    drop(held);
    drop(waiter.finish());
}

#[test]
fn tasks_that_lock_one_after_another_see_the_work_of_the_others() {
    let (mut pool, mutex) = (LocalPool::new(), Rc::new(Mutex::new(0)));
    for _ in 0..10 {
        let mutex = Rc::clone(&mutex);
        let task = async move {
            for _ in 0..100 {
                let mut guard = mutex.lock().await;
                let seen = *guard;
                yield_now().await;
                *guard = seen + 1;
            }
        };
        pool.spawner().spawn_local(task).unwrap();
    }
    pool.run();
    assert_eq!(*mutex.try_lock().unwrap(), 1000);
}
