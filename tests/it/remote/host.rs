//! A host drives the loop: `on_wake` is called once per absence, and no arrival is missed.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use looplet::{EventLoop, Queue};

use crate::support::panic_text;

/// A loop, and the channel that its hook notifies when something arrives.
fn hosted() -> (EventLoop, Receiver<()>) {
    let (notify, notifications) = channel();
    let event_loop = EventLoop::builder()
        .on_wake(move || notify.send(()).unwrap())
        .build();
    (event_loop, notifications)
}

/// A task that waits for another thread, and its waker.
fn sleeper(event_loop: &mut EventLoop) -> (Waker, Rc<Cell<bool>>) {
    let (place, done) = (Rc::new(RefCell::new(None)), Rc::new(Cell::new(false)));
    let (waker, woken) = (Rc::clone(&place), Rc::clone(&done));
    let mut polls = 0;
    let future = poll_fn(move |cx| {
        polls += 1;
        waker.replace(Some(cx.waker().clone()));
        woken.set(polls > 1);
        if polls > 1 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    event_loop.spawn(future).detach();
    event_loop.run_until_stalled();
    (place.take().unwrap(), done)
}

#[test]
fn a_wakeup_from_another_thread_calls_the_host_once() {
    let (mut event_loop, notifications) = hosted();
    for _ in 0..3 {
        let (waker, done) = sleeper(&mut event_loop);
        let thread = thread::spawn(move || {
            waker.wake_by_ref();
            waker.wake();
        });
        notifications.recv().unwrap();
        thread.join().unwrap();
        event_loop.run_until_stalled();
        assert!(done.get() && notifications.try_recv().is_err());
    }
}

/// The hook holds up the thread that wakes, in the middle of its wakeup, until the loop has run.
#[test]
fn a_wakeup_by_value_calls_the_host_once_even_if_the_loop_runs_in_the_middle_of_it() {
    let ((notify, notifications), (go_on, has_run)) = (channel(), channel::<()>());
    let has_run = Mutex::new(has_run);
    let mut event_loop = EventLoop::builder()
        .on_wake(move || {
            notify.send(()).unwrap();
            has_run.lock().unwrap().recv().unwrap();
        })
        .build();
    let (waker, done) = sleeper(&mut event_loop);
    let thread = thread::spawn(move || waker.wake());
    notifications.recv().unwrap();
    event_loop.run_until_stalled();
    assert!(done.get());
    go_on.send(()).unwrap();
    // A second call would fail here: its permission is never given.
    drop(go_on);
    thread.join().unwrap();
    assert!(notifications.try_recv().is_err());
}

#[test]
fn whatever_arrives_during_one_absence_calls_the_host_once() {
    let (mut event_loop, notifications) = hosted();
    let ((first, first_done), (second, second_done)) =
        (sleeper(&mut event_loop), sleeper(&mut event_loop));
    let remote = event_loop.remote();
    event_loop.run_until_stalled();
    while notifications.try_recv().is_ok() {}
    thread::spawn(move || {
        first.wake();
        second.wake();
        remote.call_soon(|| ()).unwrap();
    })
    .join()
    .unwrap();
    assert_eq!(notifications.try_iter().count(), 1);
    event_loop.run_until_stalled();
    assert!(first_done.get() && second_done.get());
}

#[test]
fn it_is_called_for_a_loop_that_has_not_run_yet() {
    let (mut event_loop, notifications) = hosted();
    let remote = event_loop.remote();
    thread::spawn(move || remote.spawn(|| async {}).unwrap().join().unwrap());
    notifications.recv().unwrap();
    event_loop.run_until_stalled();
}

#[test]
fn whatever_comes_from_outside_calls_the_host() {
    let (mut event_loop, notifications) = hosted();
    let queue = Queue::unbounded();
    let (remote, ends) = (
        event_loop.remote(),
        event_loop.block_on(async { queue.remote() }),
    );
    // A job that ended while the loop is still inside would be the loop's own affair.
    let (open, gate) = channel::<()>();
    let job = event_loop
        .block_on(async { (looplet::spawn_blocking(move || gate.recv().is_err()),) })
        .0;
    drop(open);
    notifications.recv().unwrap();
    event_loop.run_until_stalled();
    while !job.is_finished() {
        notifications.recv().unwrap();
        event_loop.run_until_stalled();
    }
    while notifications.try_recv().is_ok() {
        event_loop.run_until_stalled();
    }
    thread::spawn(move || ends.put(2).map(|()| ends))
        .join()
        .unwrap()
        .unwrap();
    notifications.recv().unwrap();
    assert!(event_loop.run_once(Some(Duration::ZERO)) || queue.len() == 1);
    thread::spawn(move || remote.call_soon(|| ()))
        .join()
        .unwrap()
        .unwrap();
    notifications.recv().unwrap();
}

#[test]
fn what_arrives_while_the_loop_is_inside_is_its_own_affair() {
    let (mut event_loop, notifications) = hosted();
    let queue = Queue::unbounded();
    for _ in 0..100 {
        event_loop.block_on(async {
            let remote = queue.remote();
            let thread = thread::spawn(move || remote.put(()).unwrap());
            queue.get().await.unwrap();
            thread.join().unwrap();
            // Settles what the thread has left behind.
            looplet::yield_now().await;
            looplet::yield_now().await;
        });
        assert!(notifications.try_recv().is_err());
    }
}

#[test]
fn no_arrival_is_missed_in_a_storm() {
    const CALLS: usize = 20_000;
    let (mut event_loop, notifications) = hosted();
    let seen = Arc::new(AtomicUsize::new(0));
    let (remote, count) = (event_loop.remote(), Arc::clone(&seen));
    let thread = thread::spawn(move || {
        for _ in 0..CALLS {
            let count = Arc::clone(&count);
            remote
                .call_soon(move || {
                    count.fetch_add(1, Ordering::Relaxed);
                })
                .unwrap();
        }
    });
    let mut number = 0;
    while seen.load(Ordering::Relaxed) < CALLS {
        // If a notification were missed, this would wait for ever.
        notifications.recv().unwrap();
        number += 1;
        if number % 2 == 0 {
            event_loop.run_until_stalled();
        } else {
            // One round may leave something ready, and says so.
            while event_loop.run_once(Some(Duration::ZERO)) {}
        }
    }
    thread.join().unwrap();
}

#[test]
fn a_panicking_hook_does_no_harm() {
    let mut event_loop = EventLoop::builder()
        .on_wake(|| panic!("a bad hook"))
        .build();
    let remote = event_loop.remote();
    let task = thread::spawn(move || remote.spawn(|| async { 1 }).unwrap());
    let task = task.join().unwrap();
    event_loop.run_until_stalled();
    assert_eq!(futures::executor::block_on(task).unwrap(), 1);
}

#[test]
fn the_host_is_notified_also_after_a_panic_has_left_the_loop() {
    let (mut event_loop, notifications) = hosted();
    assert!(panic_text(|| event_loop.block_on(async { panic!("main") })).is_some());
    let remote = event_loop.remote();
    thread::spawn(move || remote.call_soon(|| ()).unwrap());
    notifications.recv().unwrap();
}

#[test]
fn a_loop_that_is_gone_calls_no_hook() {
    let (mut event_loop, notifications) = hosted();
    let (waker, _) = sleeper(&mut event_loop);
    let remote = event_loop.remote();
    drop(event_loop);
    thread::spawn(move || {
        waker.wake();
        assert!(remote.call_soon(|| ()).is_err());
    })
    .join()
    .unwrap();
    assert!(notifications.try_recv().is_err());
}

#[test]
fn run_once_waits_on_after_a_notification_for_nothing() {
    let mut event_loop = EventLoop::new();
    let wakers = Arc::new(Mutex::new(Vec::new()));
    let shelf = Arc::clone(&wakers);
    event_loop
        .spawn(poll_fn(move |cx| {
            shelf.lock().unwrap().push(cx.waker().clone());
            Poll::<()>::Pending
        }))
        .detach();
    event_loop.run_until_stalled();
    let (start, wait) = (Instant::now(), Duration::from_millis(30));
    let thread = thread::spawn(move || wakers.lock().unwrap().clear());
    assert!(!event_loop.run_once(Some(wait)));
    assert!(start.elapsed() >= wait);
    thread.join().unwrap();
}

#[test]
fn shutdown_in_manual_time_ends_when_the_grace_is_over() {
    let event_loop = EventLoop::builder().manual_time().build();
    event_loop.spawn(std::future::pending::<()>()).detach();
    event_loop.shutdown(Duration::from_millis(2));
    let event_loop = EventLoop::builder().manual_time().build();
    event_loop
        .spawn(async { looplet::sleep(Duration::from_millis(1)).await })
        .detach();
    event_loop.shutdown(Duration::from_millis(2));
}

#[test]
fn shutdown_in_manual_time_ends_tasks_that_never_rest() {
    let mut event_loop = EventLoop::builder().manual_time().build();
    // The grace counts from now, however far time has been moved.
    event_loop.advance(Duration::from_secs(1 << 30));
    let restless = event_loop.spawn(async {
        loop {
            looplet::yield_now().await;
        }
    });
    event_loop.shutdown(Duration::from_millis(2));
    assert!(restless.is_cancelled());
}

#[test]
fn a_wait_in_manual_time_lasts_as_long_on_the_wall_clock() {
    let mut event_loop = EventLoop::builder().manual_time().build();
    event_loop.advance(Duration::from_secs(1 << 30));
    let (start, wait) = (Instant::now(), Duration::from_millis(30));
    assert!(!event_loop.run_once(Some(wait)));
    assert!(start.elapsed() >= wait);
}

#[test]
fn shutdown_with_endless_grace_ends_once_nothing_can_happen_any_more() {
    let event_loop = EventLoop::builder().virtual_time().build();
    let stuck = event_loop.spawn(std::future::pending::<()>());
    event_loop.shutdown(Duration::MAX);
    assert!(stuck.is_cancelled());
}

#[test]
fn a_hosts_own_wakeups_between_two_runs_count() {
    let (mut event_loop, notifications) = hosted();
    let (waker, done) = sleeper(&mut event_loop);
    waker.wake();
    notifications.try_recv().unwrap();
    event_loop.run_until_stalled();
    assert!(done.get());
}
