//! Every interleaving of what other threads do to a task, run on the code that ships: real tasks and wakers, with the
//! atomics, the memory of cells and the parker replaced by those of the model checker.
//!
//! `RUSTFLAGS="--cfg looplet_loom" cargo test --release --lib loom`
//!
//! Each model ends with the loop closed and every reference gone. The checker then reports cells that were never
//! freed; cells that a thread could still be using when they were freed; and a loop that sleeps for ever.
//! `docs/soundness.md` lists which weakening of the code fails which model. Models of two tasks are in `two_tasks_loom`.

use std::future::poll_fn;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::sync::{Condvar, Mutex};
use loom::thread;

use super::sync::set_cells_per_chunk;
use super::{JoinHandle, Plain, RemoteTask, Scheduler, Unpark};

/// What the loop sleeps on: the nudge stays until it is seen, as in a channel with room for one.
pub(super) struct Nudge {
    given: Mutex<bool>,
    arrived: Condvar,
}

impl Nudge {
    pub(super) fn new() -> Self {
        Self {
            given: Mutex::new(false),
            arrived: Condvar::new(),
        }
    }

    pub(super) fn wait(&self) {
        let mut given = self.given.lock().unwrap();
        while !*given {
            given = self.arrived.wait(given).unwrap();
        }
        *given = false;
    }
}

impl Unpark for Nudge {
    fn unpark(&self) {
        *self.given.lock().unwrap() = true;
        self.arrived.notify_one();
    }
}

/// An event loop without time.
pub(crate) struct Loop {
    pub(crate) scheduler: Scheduler,
    pub(super) nudge: Arc<Nudge>,
}

impl Loop {
    pub(crate) fn new() -> Self {
        let nudge = Arc::new(Nudge::new());
        Self::with_unpark(nudge.clone(), nudge)
    }

    pub(super) fn with_unpark(parker: Arc<dyn Unpark>, nudge: Arc<Nudge>) -> Self {
        set_cells_per_chunk(1);
        Self {
            scheduler: Scheduler::new(parker),
            nudge,
        }
    }

    /// Two tasks at a time lie in one chunk.
    pub(super) fn with_neighbours() -> Self {
        let event_loop = Self::new();
        set_cells_per_chunk(2);
        event_loop
    }

    /// A task that is done once `is_done` says so, and a waker of it.
    pub(super) fn spawn(&self, is_done: impl Fn() -> bool + 'static) -> (JoinHandle<()>, Waker) {
        self.spawn_polled(move |_| is_done())
    }

    pub(super) fn spawn_polled(
        &self,
        is_done: impl Fn(&mut Context<'_>) -> bool + 'static,
    ) -> (JoinHandle<()>, Waker) {
        let place = Rc::new(std::cell::Cell::new(None));
        let there = place.clone();
        let future = poll_fn(move |cx| {
            there.set(Some(cx.waker().clone()));
            if is_done(cx) {
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
        (handle, place.take().expect("the task has run once"))
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
            self.nudge.wait();
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

/// A flag that orders nothing by itself: what is seen of it, the wakeup has brought.
#[derive(Clone)]
pub(super) struct Flag(Arc<AtomicBool>);

impl Flag {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicBool::new(false)))
    }

    pub(super) fn set(&self) {
        self.set_to(true);
    }

    pub(super) fn set_to(&self, value: bool) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> bool {
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

/// One thread has set PUSHED by a drop and not pushed yet; another sets WAKE. One of them must unpark the loop.
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
        // The waker that was forgotten: it would have rung a second time.
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

/// Cells are freed by the running loop, while other threads clone and drop.
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
        // Whatever is left of the task is now those threads' alone, and the loop still lives.
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
fn loom_a_handle_that_outlives_the_loop_goes_as_the_last_or_not() {
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
fn loom_a_waker_cloned_on_another_thread_is_dropped_on_the_owner_thread() {
    check(Some(4), || {
        let event_loop = Loop::new();
        let (handle, waker) = event_loop.spawn(|| false);
        let place = Arc::new(Mutex::new(None));
        let other = thread::spawn({
            let place = place.clone();
            move || *place.lock().unwrap() = Some(waker.clone())
        });
        event_loop.scheduler.enter(|| handle.as_task().end());
        drop(handle);
        event_loop.run_ready();
        let sent = place.lock().unwrap().take();
        event_loop.scheduler.enter(|| drop(sent));
        event_loop.run_ready();
        other.join().unwrap();
        let sent = place.lock().unwrap().take();
        event_loop.scheduler.enter(|| drop(sent));
        event_loop.close();
    });
}

/// What a thread did before its wakeup is seen by the poll, even if another's wakeup is on its way already.
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
                        // SAFETY: the thread that wrote it has set the flag and woken this task afterwards.
                        assert_eq!(unsafe { *value }, 7);
                    });
                }
                is_there
            }
        });
        let early = event_loop.scheduler.enter(|| waker.clone());
        let hasty = thread::spawn(move || early.wake());
        value.with_mut(|value| {
            // SAFETY: no thread reads it before the flag is set.
            unsafe { *value = 7 };
        });
        let other = thread::spawn(move || {
            written.set();
            waker.wake();
        });
        event_loop.run_until(|| handle.is_finished());
        event_loop.close();
        drop(handle);
        hasty.join().unwrap();
        other.join().unwrap();
    });
}

#[test]
fn loom_a_source_is_polled_by_a_loop_that_falls_asleep() {
    check(None, || {
        let event_loop = Loop::new();
        let (message, read) = (Flag::new(), Rc::new(std::cell::Cell::new(false)));
        let (sent, seen) = (message.clone(), read.clone());
        let source = event_loop.scheduler.source(poll_fn(move |_| {
            seen.set(seen.get() || message.get());
            Poll::Pending
        }));
        let other = thread::spawn(move || {
            sent.set();
            source.wake();
        });
        event_loop.run_until(|| read.get());
        event_loop.close();
        other.join().unwrap();
    });
}

#[test]
fn loom_a_source_goes_while_a_thread_wakes_it() {
    check(Some(3), || {
        let event_loop = Loop::new();
        let mut polls = 0;
        let source = event_loop.scheduler.source(poll_fn(move |cx| {
            polls += 1;
            if polls == 1 {
                // On the owner thread, through the stack too.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(())
        }));
        let other = thread::spawn(move || {
            source.wake_by_ref();
            source.clone().wake();
        });
        event_loop.run_ready();
        event_loop.run_ready();
        event_loop.close();
        other.join().unwrap();
    });
}

#[test]
fn loom_a_cancel_request_reaches_a_loop_that_falls_asleep() {
    check(Some(3), || {
        let event_loop = Loop::new();
        let (handle, waker) = event_loop.spawn(|| false);
        let remote = RemoteTask::of(handle.task());
        let threads = [
            thread::spawn(move || remote.cancel()),
            thread::spawn(move || waker.wake()),
        ];
        event_loop.run_until(|| handle.is_finished());
        assert!(handle.is_cancelled());
        event_loop.close();
        drop(handle);
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn loom_a_cancel_request_comes_while_the_loop_closes() {
    check(Some(3), || {
        let event_loop = Loop::new();
        let (handle, waker) = event_loop.spawn(|| false);
        let remote = RemoteTask::of(handle.task());
        drop(handle);
        let threads = [
            thread::spawn(move || remote.clone().cancel()),
            thread::spawn(move || drop(waker)),
        ];
        event_loop.close();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
}
