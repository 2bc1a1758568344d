//! Runs a task: polls it or ends it, and notifies its waiters.

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
    /// Runs a task that was popped from the ready queue.
    #[inline(always)]
    pub(super) fn run(&self, entry: NonNull<Header>) {
        // SAFETY: ONE-ENTRY: the queued flag has kept the task alive; from here on an unfinished task has its own
        // reference, and a finished one is accessed by `skip` only.
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

    /// Empties the queue of a loop that has ended its tasks, and ends the calls that destructors have queued.
    pub(super) fn end_queued(&self) {
        while let Some(entry) = self.ready.pop() {
            // SAFETY: ONE-ENTRY: as in `run`; an unfinished task has its own reference.
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

    /// Polls a task that `begin_run` has marked as running. A panic of the future is caught and ends the task.
    #[inline(always)]
    pub(super) fn poll(&self, task: &Task) {
        let outer = self.running.replace(Some(task.as_ptr()));
        self.polls.set(self.polls.get() + 1);
        // SAFETY: OWNER-THREAD: by `begin_run`, the future exists and is not being polled.
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

    /// Finishes a task according to its last poll.
    #[cold]
    fn finish_polled(&self, task: &Task, polled: Polled) {
        let state = &task.header().state;
        let outcome = match polled {
            Polled::Panicked => Outcome::Panicked,
            // A task that cancelled itself is cancelled, whatever it returned.
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

    /// Polls a new task inside the poll of another one.
    pub(super) fn first_run(&self, task: &Task) {
        match task.header().state.begin_run() {
            RunAction::Poll => self.poll(task),
            RunAction::PollObserved => self.poll_observed(task),
            RunAction::Cancel | RunAction::Skip => {
                unreachable!("a new task is not cancelled")
            }
        }
        if self.is_refusing() {
            // The poll has dropped the loop, which does not end a task that is on the stack.
            self.end(task);
        }
    }

    /// Drops the future of an unfinished task now, with the task as the current one. For a task on the stack,
    /// cancellation is requested instead.
    pub(super) fn end(&self, task: &Task) {
        let state = &task.header().state;
        if state.is_finished() {
            return;
        }
        if state.is_running() {
            task.cancel();
            return;
        }
        self.as_cause(task, || self.drop_and_finish(task));
    }

    fn drop_and_finish(&self, task: &Task) {
        task.header().state.begin_drop();
        let outer = self.running.replace(Some(task.as_ptr()));
        // SAFETY: OWNER-THREAD: the task is unfinished, so the future exists, and it is not being polled.
        let dropped = unsafe { raw::drop_future(task.as_ptr()) };
        debug_assert_on_the_stack(task);
        self.running.set(outer);
        match dropped {
            Ok(()) => self.finish(task, Outcome::Cancelled),
            Err(panic) => self.finish_panicked(task, panic),
        }
    }

    /// Finishes a task whose poll has unwound.
    #[cold]
    fn poll_panicked(&self, task: &Task, panic: Box<dyn Any + Send>) {
        let outer = self.running.replace(Some(task.as_ptr()));
        // SAFETY: OWNER-THREAD: the poll has unwound, so the future exists and is not being polled.
        let dropped = unsafe { raw::drop_future(task.as_ptr()) };
        debug_assert_on_the_stack(task);
        self.running.set(outer);
        if let Err(second) = dropped {
            raw::drop_quietly(second);
        }
        self.finish_panicked(task, panic);
    }

    fn finish_panicked(&self, task: &Task, panic: Box<dyn Any + Send>) {
        // SAFETY: OWNER-THREAD: the future has just been dropped, and there is no value.
        unsafe { raw::put_panic(task.as_ptr(), panic) };
        self.finish(task, Outcome::Panicked);
    }

    /// The fast path of `finish`: a value, and no extra fields.
    #[inline(never)]
    fn finish_with_value(&self, task: &Task) {
        let header = task.header();
        if header.extra.get().is_some() || header.vtable.kind == Kind::Call {
            return self.finish(task, Outcome::Value);
        }
        header.state.finish(Outcome::Value);
        self.ended.set(self.ended.get() + 1);
        Self::wake_waiter(header, header.waiter.stamp(self.ended.get()));
        // SAFETY: COUNTED: the reference that an unfinished task owns to itself.
        drop(unsafe { Task::from_ptr(task.as_ptr()) });
    }

    /// Records the outcome of a task whose future has been dropped, notifies its waiters and drops its own reference.
    #[inline(never)]
    fn finish(&self, task: &Task, outcome: Outcome) {
        let header = task.header();
        header.state.finish(outcome);
        if header.vtable.kind == Kind::Task {
            self.ended.set(self.ended.get() + 1);
        }
        if header.state.is_irregular() {
            self.irregular.set(self.irregular.get() + 1);
            // Lazy waiters are woken too.
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
                debug_assert!(extra.is_bare(), "the rest may be dropped on any thread");
            }
        }
        // SAFETY: COUNTED: the reference that an unfinished task owns to itself.
        drop(unsafe { Task::from_ptr(task.as_ptr()) });
    }

    /// The task has no handle any more: its panic, if it has one, is reported.
    pub(super) fn report_unhandled(&self, task: &Task) {
        if task.header().state.outcome() != Some(Outcome::Panicked) {
            return;
        }
        if let Some(error) = task.take_panic() {
            self.report_of(task, error);
        }
    }

    /// Reports a panic of a task or a plain call, which is passed as no task.
    fn report_of(&self, task: &Task, error: JoinError) {
        let is_task = task.header().vtable.kind == Kind::Task;
        self.report(is_task.then_some(task), &error);
        // The destructor of the payload is user code, which may panic.
        raw::drop_quietly(error);
    }

    /// Wakes the waiters and queues the callbacks, in the order of registration.
    #[cold]
    fn wake_all_waiters(&self, task: &Task, extra: &Extra, mut waiter: Option<Task>) {
        let callbacks = extra.callbacks.take();
        let before_waiter = extra.before_waiter.get();
        for (index, callback) in callbacks.into_iter().enumerate() {
            if index == before_waiter {
                self.wake_waiters(task, extra, waiter.take());
            }
            callback.schedule();
        }
        self.wake_waiters(task, extra, waiter);
        self.report_drop(task, raw::drop_guarded(extra.context.take()));
    }

    /// Reports a panic of a destructor of a finished task's contents.
    pub(super) fn report_drop(&self, task: &Task, dropped: Result<(), Box<dyn Any + Send>>) {
        if let Err(panic) = dropped {
            self.report_of(task, JoinError::panicked(&task.name(), panic));
        }
    }

    /// Wakes the task of this loop that awaits the handle, unless it is lazy.
    #[inline(always)]
    fn wake_waiter(header: &Header, waiter: Option<Task>) {
        if let Some(waiter) = waiter.filter(|_| !header.state.is_lazy()) {
            waiter.wake();
        }
    }

    /// The same, and the collector and the external waiter.
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

    /// Wakes any waker and reports a panic of it.
    pub(super) fn wake_any(&self, waker: Waker) {
        self.report_waker(waker::wake_guarded(waker));
    }

    /// Drops a waker, or a value that may hold one, and reports a panic of its destructor.
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

    /// Passes an unhandled panic to the hook, or prints it.
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
        // The hook may have dropped the loop, and this is its last reference then.
        raw::drop_quietly(report);
    }

    /// The innermost task or call on the stack.
    #[inline]
    pub(super) fn current(&self) -> Option<&Header> {
        // SAFETY: COUNTED: a running task is unfinished, and so alive.
        self.running
            .get()
            .map(|task: NonNull<Header>| unsafe { task.as_ref() })
    }

    /// The innermost task on the stack; none inside of a plain call.
    pub(super) fn current_task(&self) -> Option<Task> {
        let task = self.running.get()?;
        // SAFETY: COUNTED: a running task is unfinished, and so alive.
        let task = unsafe { Task::borrowed(task) };
        (task.header().vtable.kind == Kind::Task).then(|| Task::clone(&task))
    }
}

/// Holds whenever a poll or a destructor of a future returns: only the frame that began to run a task finishes it.
fn debug_assert_on_the_stack(task: &Task) {
    let state = &task.header().state;
    debug_assert!(state.is_running() && !state.is_finished());
}

/// Frees a task that finished while it was queued, if the entry alone kept it alive.
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

/// Writes to stderr; a panic of `eprintln`, if stderr cannot be written to, is ignored.
pub(crate) fn print(text: fmt::Arguments<'_>) {
    let written = panic::catch_unwind(AssertUnwindSafe(|| eprintln!("looplet: {text}")));
    drop(written);
}
