//! Every interleaving of what other threads do to two tasks of a loop: two entries in its stack, two cells in a chunk. See
//! `remote_loom` for what is run, and how.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use loom::thread;

use super::remote_loom::{Flag, Loop, Nudge, check};
use super::{JoinHandle, Plain, Unpark};

type Threads = Vec<thread::JoinHandle<()>>;

/// Two tasks, and a thread for each that wakes it. A task is done when it is woken.
fn two_woken_by_threads(event_loop: &Loop) -> (Vec<JoinHandle<()>>, Threads) {
    let tasks = [Flag::new(), Flag::new()].map(|flag| {
        let seen = flag.clone();
        (event_loop.spawn(move || seen.get()), flag)
    });
    let woken = tasks.into_iter().map(|((handle, waker), flag)| {
        let thread = thread::spawn(move || {
            flag.set();
            waker.wake();
        });
        (handle, thread)
    });
    woken.unzip()
}

fn join(threads: impl IntoIterator<Item = thread::JoinHandle<()>>) {
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn loom_two_threads_wake_two_tasks_of_a_running_loop() {
    check(Some(2), || {
        let event_loop = Loop::new();
        let (handles, threads) = two_woken_by_threads(&event_loop);
        event_loop.run_until(|| handles.iter().all(JoinHandle::is_finished));
        event_loop.close();
        drop(handles);
        join(threads);
    });
}

#[test]
fn loom_two_tasks_are_polled_in_the_order_in_which_a_thread_has_woken_them() {
    check(Some(3), || {
        let event_loop = Loop::new();
        let polls = Rc::new(RefCell::new(Vec::new()));
        let tasks = [1, 2].map(|number| {
            let polls = polls.clone();
            event_loop.spawn(move || {
                polls.borrow_mut().push(number);
                polls.borrow().len() > 2
            })
        });
        let (handles, wakers): (Vec<_>, Vec<_>) = tasks.into_iter().unzip();
        let other = thread::spawn(move || wakers.into_iter().for_each(Waker::wake));
        event_loop.run_until(|| handles.iter().all(JoinHandle::is_finished));
        assert_eq!(*polls.borrow(), [1, 2, 1, 2]);
        event_loop.close();
        drop(handles);
        other.join().unwrap();
    });
}

/// One thread wakes a task, another one a source: the loop sleeps if neither has done so.
#[test]
fn loom_a_task_and_a_source_are_woken_in_a_loop_that_falls_asleep() {
    check(Some(2), || {
        let event_loop = Loop::new();
        let (flag, message) = (Flag::new(), Flag::new());
        let (woken, sent, read) = (flag.clone(), message.clone(), Rc::new(Cell::new(false)));
        let seen = read.clone();
        let source = event_loop.scheduler.source(poll_fn(move |_| {
            seen.set(seen.get() || message.get());
            Poll::Pending
        }));
        let (handle, waker) = event_loop.spawn(move || woken.get());
        let threads = [
            thread::spawn(move || {
                flag.set();
                waker.wake();
            }),
            thread::spawn(move || {
                sent.set();
                source.wake_by_ref();
            }),
        ];
        event_loop.run_until(|| read.get() && handle.is_finished());
        event_loop.close();
        drop(handle);
        join(threads);
    });
}

/// Each task is taken in, refused, or in the stack when it closes; and their cells go with the last of a chunk.
#[test]
fn loom_two_tasks_are_woken_while_the_loop_closes() {
    check(Some(3), || {
        let event_loop = Loop::with_neighbours();
        let tasks = [event_loop.spawn(|| false), event_loop.spawn(|| false)];
        let threads = tasks.map(|(_, waker)| thread::spawn(move || waker.wake()));
        event_loop.close();
        join(threads);
    });
}

#[test]
fn loom_two_cells_of_a_chunk_go_on_two_threads_after_the_end_of_the_loop() {
    check(None, || {
        let event_loop = Loop::with_neighbours();
        let tasks = [event_loop.spawn(|| false), event_loop.spawn(|| false)];
        event_loop.close();
        let threads = tasks.map(|(handle, waker)| {
            drop(handle);
            thread::spawn(move || drop(waker.clone()))
        });
        join(threads);
    });
}

/// The loop frees a cell, and makes another task there, while a thread is on its way out of the first one.
#[test]
fn loom_a_cell_is_used_again_and_no_wakeup_of_the_former_task_reaches_the_new_one() {
    check(Some(4), || {
        let event_loop = Loop::with_neighbours();
        let (first, waker) = event_loop.spawn(|| true);
        let other = thread::spawn(move || waker.wake());
        drop(first);
        event_loop.run_ready();
        let polls = Rc::new(Cell::new(0));
        let counted = polls.clone();
        let (second, waker) = event_loop.spawn(move || {
            counted.set(counted.get() + 1);
            false
        });
        event_loop.run_ready();
        assert_eq!(polls.get(), 1);
        event_loop.close();
        drop(second);
        drop(waker);
        other.join().unwrap();
    });
}

/// What unparks a loop with a host, as the parker does: inside of the loop nothing is needed, outside of it the host is
/// notified. The flag orders nothing by itself: what the loop did before it fell asleep happens before an unpark.
struct HostUnpark {
    outside: Flag,
    host: Arc<Nudge>,
}

impl Unpark for HostUnpark {
    fn unpark(&self) {
        if self.outside.get() {
            self.host.unpark();
        }
    }
}

/// The thread that must unpark a loop sees what the loop did before it fell asleep: that it has left for its host.
#[test]
fn loom_a_thread_that_unparks_sees_that_the_loop_has_gone_to_its_host() {
    check(Some(2), || {
        let parker = Arc::new(HostUnpark {
            outside: Flag::new(),
            host: Arc::new(Nudge::new()),
        });
        let event_loop = Loop::with_unpark(parker.clone(), parker.host.clone());
        let (handles, threads) = two_woken_by_threads(&event_loop);
        loop {
            parker.outside.set_to(false);
            event_loop.scheduler.wake_up();
            event_loop.run_ready();
            parker.outside.set_to(true);
            if !event_loop.scheduler.fall_asleep() {
                parker.host.unpark();
            }
            if handles.iter().all(JoinHandle::is_finished) {
                break;
            }
            event_loop.nudge.wait();
        }
        event_loop.close();
        drop(handles);
        join(threads);
    });
}

/// Ends the loop in a destructor.
struct Ending(Rc<RefCell<Option<Loop>>>);

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(event_loop) = self.0.take() {
            event_loop.close();
        }
    }
}

/// The loop ends on the call stack of a task, whose end then drops its waiter: the last reference, if the push of another
/// thread was refused by then. A clone that was made on that thread and dropped on the owner thread has left the waiter's plain
/// count below its share.
#[test]
fn loom_the_last_reference_goes_while_the_loop_closes() {
    check(Some(3), || {
        let event_loop = Loop::new();
        let place = Rc::new(RefCell::new(None));
        let ending = Ending(place.clone());
        let future = poll_fn(move |_| {
            let _held = &ending;
            Poll::<()>::Pending
        });
        let vacant = event_loop.scheduler.vacant::<Plain<_>>(Location::caller());
        let awaited = Rc::new(RefCell::new(vacant.spawn(future)));
        let (waiter, waker) = event_loop.spawn_polled({
            let awaited = awaited.clone();
            move |cx| Pin::new(&mut *awaited.borrow_mut()).poll(cx).is_pending()
        });
        drop(waiter);
        let (waker, copy) = thread::spawn(move || (waker.clone(), waker))
            .join()
            .unwrap();
        event_loop.scheduler.enter(|| drop(copy));
        let other = thread::spawn(move || drop(waker));
        *place.borrow_mut() = Some(event_loop);
        awaited.borrow().as_task().end();
        drop(awaited);
        other.join().unwrap();
    });
}
