//! Runs a task: polls it or ends it, and notifies its waiters.

use std::any::Any;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::ptr::NonNull;
use std::rc::Rc;
use std::task::Waker;

use super::ends::Ends;
use super::event::{TaskEvent, TaskState};
use super::guarded;
use super::header::{Header, Polled};
use super::observe::in_order;
use super::raw;
use super::reference::Task;
use super::shared::{self, Local, Observing, Phase};
use super::state::{Outcome, RunAction};
use super::waiters::{AtEnd, Ended, Extra, Group, Waiter};
use super::waker;
use super::work::Kind;
use crate::error::{JoinError, panic_message};
use crate::waiting::{self, WaitSet};

pub(super) static OBSERVING: Observing = Observing {
    spawn: Local::emit_spawn,
    wake: Local::emit_wake,
    poll: Local::poll_observed,
    forget: Local::forget_noted,
};

impl Local {
    /// Runs a task that was popped from the ready queue.
    #[inline(always)]
    pub(super) fn run(&self, entry: NonNull<Header>) {
        // SAFETY: ONE-ENTRY: the queued flag has kept the task alive; from here on an unfinished task has its own
        // reference, and a finished one is accessed by `skip` only.
        let task = unsafe { Task::borrowed(entry) };
        match task.header().state.begin_run() {
            RunAction::Poll => self.poll(&task),
            RunAction::PollObserved => self.run_observed(&task),
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

    #[cold]
    #[inline(never)]
    fn run_observed(&self, task: &Task) {
        let observing = self.observing.get().expect("there are observed tasks");
        (observing.poll)(self, task);
    }

    /// Polls an observed task.
    fn poll_observed(&self, task: &Task) {
        // The task may finish here, and this may be its last reference then.
        let task = &task.clone();
        self.emit(task, TaskEvent::PollBegins);
        let outer = waiting::replace(WaitSet::default());
        let waits = self.as_cause(task, || {
            self.poll(task);
            self.waits.take()
        });
        let noted = waiting::replace(outer);
        let is_waiting = task.state() == TaskState::Waiting && !task.is_finished();
        if is_waiting {
            self.set_noted(task, noted);
        }
        self.emit(task, TaskEvent::PollEnds);
        if is_waiting && self.is_observed() {
            self.emit(task, TaskEvent::WaitBegins(&in_order(waits, noted)));
        }
    }

    /// Polls a source. A panic of it is reported and ends nothing.
    pub(super) fn run_source(&self, entry: NonNull<Header>) {
        // SAFETY: ONE-ENTRY: as in `run`.
        let source = unsafe { Task::borrowed(entry) };
        let state = &source.header().state;
        match state.begin_run() {
            RunAction::Poll => {}
            RunAction::PollObserved => unreachable!("a source is not observed"),
            RunAction::Cancel => return self.end(&source),
            RunAction::Skip => return skip(&source),
        }
        // SAFETY: OWNER-THREAD: by `begin_run`, the future exists and is not being polled.
        let poll = || unsafe { raw::poll_work(entry) };
        match panic::catch_unwind(AssertUnwindSafe(poll)) {
            Ok(Polled::Pending) => state.suspend(),
            Ok(Polled::Panicked) => self.finish(&source, Outcome::Panicked),
            Ok(_) => self.finish(&source, Outcome::Value),
            Err(panic) => {
                state.suspend();
                self.report_of(&source, JoinError::panicked(source.called(), panic));
            }
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
            RunAction::PollObserved => self.run_observed(task),
            RunAction::Cancel | RunAction::Skip => {
                unreachable!("a new task is not cancelled")
            }
        }
        if self.is_refusing() {
            // The poll has dropped the loop, which does not end a task that is on the call stack.
            self.end(task);
        }
    }

    /// Drops the future of an unfinished task now, with the task as the current one. For a task on the call stack,
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
            guarded::drop_quietly(second);
        }
        self.finish_panicked(task, panic);
    }

    fn finish_panicked(&self, task: &Task, panic: Box<dyn Any + Send>) {
        // SAFETY: OWNER-THREAD: the future has just been dropped, and there is no value.
        unsafe { raw::put_panic(task.as_ptr(), panic) };
        self.finish(task, Outcome::Panicked);
    }

    /// The fast path of `finish`: a value, and no waiter but a task.
    #[inline(never)]
    fn finish_with_value(&self, task: &Task) {
        let header = task.header();
        if !header.waiters.is_at_most_a_task() || header.vtable.kind != Kind::Task {
            return self.finish_counted(task);
        }
        header.state.finish(Outcome::Value);
        self.ended.set(self.ended.get() + 1);
        if let Some(waiter) = header.waiters.end_with_task(self.ended.get()) {
            waiter.wake();
        }
        // SAFETY: COUNTED: the reference that an unfinished task owns to itself.
        drop(unsafe { Task::from_ptr(task.as_ptr()) });
    }

    /// The same for a task whose end is counted.
    #[inline(never)]
    fn finish_counted(&self, task: &Task) {
        let header = task.header();
        let Some(ends) = header.waiters.end_with_ends(self.ended.get() + 1) else {
            return self.finish(task, Outcome::Value);
        };
        header.state.finish(Outcome::Value);
        self.ended.set(self.ended.get() + 1);
        if ends.count_value() {
            self.notify_ends(task, &ends);
        }
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
        let ended = header.waiters.end(self.ended.get());
        if let Ended::Extra(extra) = &ended {
            self.note_end(task);
            // It comes first, for it may take a panic that would be reported otherwise.
            if let Some((group, number)) = extra.take_group() {
                self.notify_group(task, group, number);
            }
        }
        if !header.state.has_handle() {
            self.report_unhandled(task);
        }
        match ended {
            Ended::Nothing => {}
            Ended::Wake(waiter) => self.wake_waiter(task, waiter),
            Ended::Extra(extra) if extra.is_bare() => {}
            Ended::Extra(extra) => self.empty(task, extra),
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
        guarded::drop_quietly(error);
    }

    /// Wakes the waiter and queues the callbacks, in the order of registration, and drops the context.
    #[cold]
    fn empty(&self, task: &Task, extra: &Extra) {
        for entry in extra.take_list() {
            match entry {
                AtEnd::Group(..) => unreachable!("the group comes first, and was notified"),
                AtEnd::Wake(waiter) => self.wake_waiter(task, waiter),
                AtEnd::Call(call) => {
                    call.schedule();
                }
            }
        }
        if let Some(context) = extra.context.take() {
            self.report_drop(task, guarded::drop_guarded(context));
        }
        debug_assert!(extra.is_bare(), "the rest may be dropped on any thread");
    }

    /// Reports a panic of a destructor of a finished task's contents.
    pub(super) fn report_drop(&self, task: &Task, dropped: Result<(), Box<dyn Any + Send>>) {
        if let Err(panic) = dropped {
            self.report_of(task, JoinError::panicked(task.called(), panic));
        }
    }

    fn wake_waiter(&self, task: &Task, waiter: Waiter) {
        match waiter {
            Waiter::Task(waiter) => waiter.wake(),
            Waiter::Ends(ends) => {
                ends.count();
                self.notify_ends(task, &ends);
            }
            Waiter::External(waker) => self.wake_any(waker),
        }
    }

    #[inline(never)]
    fn notify_ends(&self, task: &Task, ends: &Ends) {
        if let Some(waker) = ends.notify(task) {
            self.wake_any(waker);
        }
    }

    #[cold]
    fn notify_group(&self, task: &Task, group: Rc<dyn Group>, number: usize) {
        let woken = group.child_ended(task, number);
        guarded::drop_quietly(group);
        if let Some(waker) = woken {
            self.wake_any(waker);
        }
    }

    /// Wakes any waker and reports a panic of it.
    pub(super) fn wake_any(&self, waker: Waker) {
        self.report_waker(waker::wake_guarded(waker));
    }

    /// Drops a waker, or a value that may hold one, and reports a panic of its destructor.
    pub(super) fn discard<T>(&self, waker: T) {
        self.report_waker(guarded::drop_guarded(waker));
    }

    fn report_waker(&self, outcome: std::thread::Result<()>) {
        if let Err(panic) = outcome {
            let error = JoinError::panicked("waker", panic);
            self.report(None, &error);
            guarded::drop_quietly(error);
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
            guarded::drop_quietly(panic);
        }
        // The hook may have dropped the loop, and this is its last reference then.
        guarded::drop_quietly(report);
    }

    /// The innermost task or call on the call stack.
    #[inline]
    pub(super) fn current(&self) -> Option<&Header> {
        // SAFETY: COUNTED: a running task is unfinished, and so alive.
        self.running
            .get()
            .map(|task: NonNull<Header>| unsafe { task.as_ref() })
    }

    /// The innermost task on the call stack; none inside of a plain call.
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
