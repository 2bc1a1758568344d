//! Models of all interleavings of remote operations on a task. They run the code that ships: real tasks and wakers,
//! with atomics, memory of cells and unpark replaced by those of the model checker.
//!
//! `RUSTFLAGS="--cfg looplet_loom" cargo test --release --lib loom`
//!
//! Each model ends with the loop closed and all references dropped. The checker reports cells that are never freed,
//! cells whose free is not ordered after all accesses, and a loop that sleeps for ever. `docs/soundness.md` lists which
//! weakening of the code fails which model.

use std::future::poll_fn;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::sync::{Condvar, Mutex};
use loom::thread;

use super::{JoinHandle, Notifier, Plain, Scheduler, Unpark};

/// The loop sleeps on this signal, which stays set until it is consumed.
struct Signal {
    is_set: Mutex<bool>,
    changed: Condvar,
}

impl Unpark for Signal {
    fn unpark(&self) {
        *self.is_set.lock().unwrap() = true;
        self.changed.notify_one();
    }
}

/// An event loop without time.
pub(crate) struct Loop {
    pub(crate) scheduler: Scheduler,
    signal: Arc<Signal>,
}

impl Loop {
    pub(crate) fn new() -> Self {
        let signal = Arc::new(Signal {
            is_set: Mutex::new(false),
            changed: Condvar::new(),
        });
        Self {
            scheduler: Scheduler::new(signal.clone()),
            signal,
        }
    }

    /// A task that finishes once `is_done` returns true, and a waker of it.
    fn spawn(&self, is_done: impl Fn() -> bool + 'static) -> (JoinHandle<()>, Waker) {
        let slot = Rc::new(std::cell::Cell::new(None));
        let waker_slot = slot.clone();
        let future = poll_fn(move |cx| {
            waker_slot.set(Some(cx.waker().clone()));
            if is_done() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        let handle = self
            .scheduler
            .vacant::<Plain<_>>(Location::caller())
            .spawn(future);
        self.run_ready();
        (handle, slot.take().expect("the task has run once"))
    }

    pub(crate) fn run_ready(&self) {
        self.scheduler.enter(|| {
            if self.scheduler.has_remote() {
                self.scheduler.take_remote();
            }
            while self.scheduler.is_ready() {
                let _ = self.scheduler.begin_round();
                while self.scheduler.run(1) {}
            }
        });
    }

    pub(crate) fn sleep(&self) {
        if self.scheduler.fall_asleep() {
            let mut is_set = self.signal.is_set.lock().unwrap();
            while !*is_set {
                is_set = self.signal.changed.wait(is_set).unwrap();
            }
            *is_set = false;
            drop(is_set);
            self.scheduler.wake_up();
        }
    }

    pub(crate) fn run_until(&self, is_done: impl Fn() -> bool) {
        loop {
            self.run_ready();
            if is_done() {
                return;
            }
            self.sleep();
        }
    }

    pub(crate) fn close(self) {
        self.scheduler.enter(|| self.scheduler.end_all());
        self.scheduler.close();
    }
}

pub(crate) fn check(preemptions: Option<usize>, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(preemptions);
    builder.check(model);
}

/// A relaxed flag: only the wakeup orders accesses to it.
#[derive(Clone)]
struct Flag(Arc<AtomicBool>);

impl Flag {
    fn new() -> Self {
        Self(Arc::new(AtomicBool::new(false)))
    }

    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn loom_a_wakeup_reaches_a_loop_that_falls_asleep() {
    check(None, || {
        let event_loop = Loop::new();
        let flag = Flag::new();
        let (handle, waker) = event_loop.spawn({
            let flag = flag.clone();
            move || flag.get()
        });
        let other = thread::spawn(move || {
            flag.set();
            waker.wake();
        });
        event_loop.run_until(|| handle.is_finished());
        event_loop.close();
        drop(handle);
        other.join().unwrap();
    });
}

/// One thread has set QUEUED by a drop and not pushed yet; another sets WAKE. The first must unpark.
#[test]
fn loom_a_wakeup_reaches_a_loop_past_a_drop_that_is_under_way() {
    check(Some(3), || {
        let event_loop = Loop::new();
        let flag = Flag::new();
        let (handle, waker) = event_loop.spawn({
            let flag = flag.clone();
            move || flag.get()
        });
        let idle = event_loop.scheduler.enter(|| waker.clone());
        let dropper = thread::spawn(move || drop(idle));
        let other = thread::spawn(move || {
            flag.set();
            waker.wake_by_ref();
            std::mem::forget(waker);
        });
        event_loop.run_until(|| handle.is_finished());
        other.join().unwrap();
        dropper.join().unwrap();
        // The forgotten waker's reference: the drop on the other thread would have been a second unpark.
        let ptr = handle.as_task().as_ptr();
        // SAFETY: COUNTED: the reference of the forgotten waker.
        drop(unsafe { super::Task::from_ptr(ptr) });
        event_loop.close();
        drop(handle);
    });
}

#[test]
fn loom_two_threads_wake_a_task_of_a_running_loop() {
    check(Some(2), || {
        let event_loop = Loop::new();
        let flags = [Flag::new(), Flag::new()];
        let (handle, waker) = event_loop.spawn({
            let flags = flags.clone();
            move || flags.iter().all(Flag::get)
        });
        let second = event_loop.scheduler.enter(|| waker.clone());
        let threads = [waker, second].into_iter().zip(flags).map(|(waker, flag)| {
            thread::spawn(move || {
                flag.set();
                waker.wake();
            })
        });
        let threads: Vec<_> = threads.collect();
        event_loop.run_until(|| handle.is_finished());
        event_loop.close();
        drop(handle);
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
}

/// The running loop frees cells while other threads clone and drop.
#[test]
fn loom_two_threads_clone_and_drop_while_the_loop_frees() {
    check(Some(4), || {
        let event_loop = Loop::new();
        let (handle, waker) = event_loop.spawn(|| false);
        let second = event_loop.scheduler.enter(|| waker.clone());
        let threads = [
            thread::spawn(move || drop(waker.clone())),
            thread::spawn(move || drop(second)),
        ];
        // Only the threads hold references to the task from now on, and the loop still lives.
        event_loop.scheduler.enter(|| {
            handle.as_task().end();
            drop(handle);
        });
        event_loop.run_ready();
        event_loop.run_ready();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        event_loop.close();
    });
}

#[test]
fn loom_two_threads_drop_while_the_loop_closes() {
    check(Some(4), || {
        let event_loop = Loop::new();
        let (handle, waker) = event_loop.spawn(|| false);
        let second = event_loop.scheduler.enter(|| waker.clone());
        drop(handle);
        let threads = [
            thread::spawn(move || drop(waker.clone())),
            thread::spawn(move || drop(second)),
        ];
        event_loop.close();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn loom_two_threads_wake_while_the_loop_closes() {
    check(Some(3), || {
        let event_loop = Loop::new();
        let (handle, waker) = event_loop.spawn(|| false);
        let second = event_loop.scheduler.enter(|| waker.clone());
        drop(handle);
        let threads = [
            thread::spawn(move || waker.wake()),
            thread::spawn(move || second.wake_by_ref()),
        ];
        event_loop.close();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn loom_a_handle_that_outlives_the_loop_may_be_the_last_reference_or_not() {
    check(None, || {
        let event_loop = Loop::new();
        let (handle, waker) = event_loop.spawn(|| false);
        let other = thread::spawn(move || waker.wake());
        event_loop.close();
        let again = handle.task();
        drop(handle);
        drop(again);
        other.join().unwrap();
    });
}

#[test]
fn loom_a_waker_cloned_on_another_thread_is_dropped_by_the_owner() {
    check(Some(4), || {
        let event_loop = Loop::new();
        let (handle, waker) = event_loop.spawn(|| false);
        let slot = Arc::new(Mutex::new(None));
        let other = thread::spawn({
            let slot = slot.clone();
            move || *slot.lock().unwrap() = Some(waker.clone())
        });
        event_loop.scheduler.enter(|| handle.as_task().end());
        drop(handle);
        event_loop.run_ready();
        let sent = slot.lock().unwrap().take();
        event_loop.scheduler.enter(|| drop(sent));
        event_loop.run_ready();
        other.join().unwrap();
        let sent = slot.lock().unwrap().take();
        event_loop.scheduler.enter(|| drop(sent));
        event_loop.close();
    });
}

/// The poll sees what a thread wrote before its wakeup, even if another thread's wakeup is pending already.
#[test]
fn loom_a_wakeup_hands_over_what_was_done_before_it() {
    check(Some(2), || {
        let event_loop = Loop::new();
        let value = Arc::new(UnsafeCell::new(0));
        let written = Flag::new();
        let (handle, waker) = event_loop.spawn({
            let (value, written) = (value.clone(), written.clone());
            move || {
                let is_there = written.get();
                if is_there {
                    value.with(|value| {
                        // SAFETY: the writer has set the flag and woken this task afterwards.
                        assert_eq!(unsafe { *value }, 7);
                    });
                }
                is_there
            }
        });
        let early = event_loop.scheduler.enter(|| waker.clone());
        let first = thread::spawn(move || early.wake());
        value.with_mut(|value| {
            // SAFETY: the task does not read it before the flag is set.
            unsafe { *value = 7 };
        });
        let other = thread::spawn(move || {
            written.set();
            waker.wake();
        });
        event_loop.run_until(|| handle.is_finished());
        event_loop.close();
        drop(handle);
        first.join().unwrap();
        other.join().unwrap();
    });
}

#[test]
fn loom_a_message_reaches_a_loop_that_falls_asleep() {
    check(None, || {
        let event_loop = Loop::new();
        let notifier: Notifier = event_loop.scheduler.notifier();
        let message = Flag::new();
        let sent = message.clone();
        let other = thread::spawn(move || {
            sent.set();
            notifier.announce_messages();
        });
        event_loop.run_until(|| event_loop.scheduler.take_messages() && message.get());
        event_loop.close();
        other.join().unwrap();
    });
}
