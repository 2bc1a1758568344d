//! A task's turn: poll it or end it, and tell everybody who waits for its end.

use std::any::Any;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::ptr::NonNull;
use std::task::Waker;

use super::extra::Extra;
use super::raw::{self, Header, Polled};
use super::shared::{self, Local, Phase};
use super::state::{Outcome, RunAction};
use super::work::Kind;
use super::{Task, waker};
use crate::error::{JoinError, panic_message};

impl Local {
    /// Gives a task that came out of the queue its turn.
    #[inline(always)]
    pub(super) fn run(&self, entry: NonNull<Header>) {
        // SAFETY: ONE-ENTRY: the queued flag has kept the task alive so far; from here on its own count does, for it
        // is unfinished; or, if it is not, nothing but `skip` touches it.
        let task = unsafe { Task::borrowed(entry) };
        match task.header().state.begin_run() {
            RunAction::Poll => self.poll(&task),
            RunAction::PollObserved => self.poll_observed(&task),
            RunAction::Cancel => self.end(&task),
            RunAction::Skip => skip(&task),
        }
    }

    /// Whether a task that is spawned now is cancelled inside the call.
    pub(super) fn is_refusing(&self) -> bool {
        matches!(self.phase.get(), Phase::Closing | Phase::Closed)
    }

    /// Takes all entries out of the queue of a loop that has ended its tasks; what has not ended is a call that was made
    /// meanwhile, and ends now.
    pub(super) fn end_queued(&self) {
        while let Some(entry) = self.ready.pop() {
            // SAFETY: ONE-ENTRY: as in `turn`; one that is unfinished has its own count.
            let task = unsafe { Task::borrowed(entry) };
            let state = &task.header().state;
            state.unqueue();
            if state.is_finished() {
                skip(&task);
            } else if !state.is_running() {
                self.end(&task);
            }
        }
    }

    /// Polls a task whose turn has begun. A panic of the future ends the task and goes no further.
    #[inline(always)]
    pub(super) fn poll(&self, task: &Task) {
        let outer = self.running.replace(Some(task.as_ptr()));
        self.polls.set(self.polls.get() + 1);
        // SAFETY: OWNER-THREAD: `begin_run` said so: the future is there, and not on the stack.
        let poll = || unsafe { raw::poll_work(task.as_ptr()) };
        let polled = panic::catch_unwind(AssertUnwindSafe(poll));
        debug_assert_on_the_stack(task);
        self.running.set(outer);
        let polled = match polled {
            Ok(polled) => polled,
            Err(panic) => return self.poll_panicked(task, panic),
        };
        let state = &task.header().state;
        match polled {
            Polled::Pending => state.suspend(),
            Polled::Done if !state.is_cancel_requested() => self.finish_with_value(task),
            other => self.finish_polled(task, other),
        }
    }

    /// Ends a task by what its last poll has returned.
    #[cold]
    fn finish_polled(&self, task: &Task, polled: Polled) {
        let state = &task.header().state;
        let outcome = match polled {
            Polled::Panicked => Outcome::Panicked,
            // A task that cancelled itself counts as cancelled, whatever it returned.
            _ if state.is_cancel_requested() => Outcome::Cancelled,
            Polled::Failed => Outcome::Failed,
            Polled::DoneWithError => {
                state.set_error();
                Outcome::Value
            }
            Polled::Pending | Polled::Done => Outcome::Value,
        };
        self.finish(task, outcome);
    }

    /// Gives a new task its first turn inside of another one's.
    pub(super) fn first_run(&self, task: &Task) {
        match task.header().state.begin_run() {
            RunAction::Poll => self.poll(task),
            RunAction::PollObserved => self.poll_observed(task),
            RunAction::Cancel | RunAction::Skip => {
                unreachable!("nobody could ask for the end of a task that was made just now")
            }
        }
        if self.is_refusing() {
            // The poll has dropped the loop, which leaves alone what is on the stack.
            self.end(task);
        }
    }

    /// Ends a task that has not finished, now: its future is dropped, with the task as the current one. A task that is
    /// on the stack at this moment is only asked to end.
    pub(super) fn end(&self, task: &Task) {
        let state = &task.header().state;
        if state.is_finished() {
            return;
        }
        if state.is_running() {
            task.cancel();
            return;
        }
        self.as_actor(task, || self.drop_and_finish(task));
    }

    fn drop_and_finish(&self, task: &Task) {
        task.header().state.begin_drop();
        let outer = self.running.replace(Some(task.as_ptr()));
        // SAFETY: OWNER-THREAD: the future is there, for the task has not finished, and it is not on the stack.
        let dropped = unsafe { raw::drop_future(task.as_ptr()) };
        debug_assert_on_the_stack(task);
        self.running.set(outer);
        match dropped {
            Ok(()) => self.finish(task, Outcome::Cancelled),
            Err(panic) => self.finish_panicked(task, panic),
        }
    }

    /// Ends a task whose poll has unwound.
    #[cold]
    fn poll_panicked(&self, task: &Task, panic: Box<dyn Any + Send>) {
        let outer = self.running.replace(Some(task.as_ptr()));
        // SAFETY: OWNER-THREAD: the poll has unwound, so the future is there, whole or not, and off the stack.
        let dropped = unsafe { raw::drop_future(task.as_ptr()) };
        debug_assert_on_the_stack(task);
        self.running.set(outer);
        if let Err(second) = dropped {
            raw::drop_quietly(second);
        }
        self.finish_panicked(task, panic);
    }

    fn finish_panicked(&self, task: &Task, panic: Box<dyn Any + Send>) {
        // SAFETY: OWNER-THREAD: the future has just gone, and it left no value.
        unsafe { raw::put_panic(task.as_ptr(), panic) };
        self.finish(task, Outcome::Panicked);
    }

    /// The future is gone, and has left its value: what most tasks come to.
    #[inline(never)]
    fn finish_with_value(&self, task: &Task) {
        let header = task.header();
        if header.extra.get().is_some() || header.vtable.kind == Kind::Call {
            return self.finish(task, Outcome::Value);
        }
        header.state.finish(Outcome::Value);
        self.ended.set(self.ended.get() + 1);
        Self::wake_waiter(header, header.waiter.stamp(self.ended.get()));
        // SAFETY: COUNTED: the count that a task holds of itself while it is unfinished.
        drop(unsafe { Task::from_ptr(task.as_ptr()) });
    }

    /// The future is gone: settles the outcome, tells who waits, and lets go of the task.
    #[inline(never)]
    fn finish(&self, task: &Task, outcome: Outcome) {
        let header = task.header();
        header.state.finish(outcome);
        if header.vtable.kind == Kind::Task {
            self.ended.set(self.ended.get() + 1);
        }
        if header.state.is_irregular() {
            self.irregular.set(self.irregular.get() + 1);
            // Lazy waiters hear of it too.
            header.state.set_lazy(false);
        }
        let waiter = header.waiter.stamp(self.ended.get());
        let extra = header.extra.get();
        if let Some(extra) = extra {
            self.notify_group(task, extra);
        }
        if !header.state.has_handle() {
            self.report_unhandled(task);
        }
        match extra {
            None => Self::wake_waiter(header, waiter),
            Some(extra) => {
                self.wake_all_waiters(task, extra, waiter);
                debug_assert!(extra.is_bare(), "what is left may be dropped on any thread");
            }
        }
        // SAFETY: COUNTED: the count that a task holds of itself while it is unfinished.
        drop(unsafe { Task::from_ptr(task.as_ptr()) });
    }

    /// Nobody will look at the outcome: a panic is reported.
    pub(super) fn report_unhandled(&self, task: &Task) {
        if task.header().state.outcome() != Some(Outcome::Panicked) {
            return;
        }
        if let Some(error) = task.take_panic() {
            self.report_of(task, error);
        }
    }

    /// Tells of a panic of a task, or of a plain call, which is no task.
    fn report_of(&self, task: &Task, error: JoinError) {
        let is_task = task.header().vtable.kind == Kind::Task;
        self.report(is_task.then_some(task), &error);
        // The payload is the user's value, and its destructor may panic in turn.
        raw::drop_quietly(error);
    }

    /// Wakes the waiter and queues the callbacks, in the order in which they came.
    #[cold]
    fn wake_all_waiters(&self, task: &Task, extra: &Extra, mut waiter: Option<Task>) {
        let callbacks = extra.callbacks.take();
        let early = extra.before_waiter.get();
        for (place, callback) in callbacks.into_iter().enumerate() {
            if place == early {
                self.wake_waiters(task, extra, waiter.take());
            }
            callback.schedule();
        }
        self.wake_waiters(task, extra, waiter);
        self.report_drop(task, raw::drop_guarded(extra.context.take()));
    }

    /// Tells of a panic of a destructor of what a finished task has left.
    pub(super) fn report_drop(&self, task: &Task, dropped: Result<(), Box<dyn Any + Send>>) {
        if let Err(panic) = dropped {
            self.report_of(task, JoinError::panicked(&task.name(), panic));
        }
    }

    /// Wakes the task of this loop that awaits the handle, if it wants to hear of this.
    #[inline(always)]
    fn wake_waiter(header: &Header, waiter: Option<Task>) {
        if let Some(waiter) = waiter.filter(|_| !header.state.is_lazy()) {
            waiter.wake();
        }
    }

    /// The same, and whoever else awaits the handle.
    pub(super) fn wake_waiters(&self, task: &Task, extra: &Extra, waiter: Option<Task>) {
        let header = task.header();
        Self::wake_waiter(header, waiter);
        self.notify(task, &extra.collector);
        let Some(external) = extra.waiter.take() else {
            return;
        };
        if header.state.is_lazy() {
            self.discard(external);
        } else {
            self.wake_any(external);
        }
    }

    /// Wakes anybody's waker; a panic in it is reported.
    pub(super) fn wake_any(&self, waker: Waker) {
        self.report_waker(waker::wake_guarded(waker));
    }

    /// Drops anybody's waker, or what may hold one; a panic in it is reported.
    pub(super) fn discard<T>(&self, waker: T) {
        self.report_waker(raw::drop_guarded(waker));
    }

    fn report_waker(&self, outcome: std::thread::Result<()>) {
        if let Err(panic) = outcome {
            let error = JoinError::panicked("waker", panic);
            self.report(None, &error);
            raw::drop_quietly(error);
        }
    }

    /// Tells of a panic that nobody can see any more.
    pub(super) fn report(&self, task: Option<&Task>, error: &JoinError) {
        let report = self.report.borrow().clone();
        let Some(report) = report else {
            return print_report(task, error);
        };
        if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(|| report(task, error))) {
            print_report(task, error);
            print(format_args!(
                "the hook for unhandled panics panicked: {}",
                panic_message(&*panic)
            ));
            raw::drop_quietly(panic);
        }
        // It may have dropped the loop, and so be the last to hold itself.
        raw::drop_quietly(report);
    }

    /// The task or call on top of the stack.
    #[inline]
    pub(super) fn current(&self) -> Option<&Header> {
        // SAFETY: COUNTED: whoever runs is unfinished, and so alive.
        self.running
            .get()
            .map(|task: NonNull<Header>| unsafe { task.as_ref() })
    }

    /// The task on top of the stack; none inside of a plain call.
    pub(super) fn current_task(&self) -> Option<Task> {
        let task = self.running.get()?;
        // SAFETY: COUNTED: whoever runs is unfinished, and so alive.
        let task = unsafe { Task::borrowed(task) };
        (task.header().vtable.kind == Kind::Task).then(|| Task::clone(&task))
    }
}

/// What holds whenever a poll or a destructor of a future returns, whatever it did to the loop: only the frame that put a
/// task on the stack ends it.
fn debug_assert_on_the_stack(task: &Task) {
    let state = &task.header().state;
    debug_assert!(state.is_running() && !state.is_finished());
}

/// A task that finished while it was queued has lost its entry; that may have been all that kept it.
#[cold]
fn skip(task: &Task) {
    if task.header().count.get() <= 0 {
        shared::free_if_last(task.as_ptr());
    }
}

/// The report of an unhandled panic; without a task if it came out of a plain call or a waker.
pub(crate) fn unhandled(task: Option<&Task>, error: &JoinError) -> String {
    let (name, message) = (error.task_name(), error.message());
    let Some(task) = task else {
        return format!("unhandled panic in '{name}': {message}");
    };
    let at = task.spawned_at();
    format!("unhandled panic in task '{name}' (spawned at {at}): {message}")
}

/// The report where there is no hook.
fn print_report(task: Option<&Task>, error: &JoinError) {
    print(format_args!("{}", unhandled(task, error)));
}

/// Writes to stderr, if that is possible: `eprintln` panics if it is not.
pub(crate) fn print(text: fmt::Arguments<'_>) {
    let written = panic::catch_unwind(AssertUnwindSafe(|| eprintln!("looplet: {text}")));
    drop(written);
}
