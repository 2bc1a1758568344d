//! Observed tasks: the slow paths that notify the observer and record what a task waits for.
//!
//! An observed task has a flag among those that a wakeup and a run test anyway, and a spawn tests the phase of the loop
//! anyway, so the paths of unobserved tasks have no additional branch. The tasks of a loop are observed either for an
//! observer, or only for the notes of what each task waits for, which a dump reads. With an observer a task has an
//! `Extra` from its spawn, so its end and its joins take the slow path too.

use std::collections::HashSet;
use std::ptr::NonNull;

use super::event::{Counts, TaskEvent, TaskState, WokenBy};
use super::guarded::drop_quietly;
use super::header::Header;
use super::reference::Task;
use super::shared::{Local, Phase};
use super::state::Outcome;
use super::work::Kind;
use crate::waiting::{WaitSet, WaitsOn};

/// The waits of a poll in the order in which they are reported: times, tasks without repetitions, primitives.
pub(super) fn in_order(mut waits: Vec<WaitsOn>, noted: WaitSet) -> Vec<WaitsOn> {
    if waits.len() > 1 {
        let mut ordered = Vec::with_capacity(waits.len());
        let mut known = HashSet::new();
        let place = |wait: &WaitsOn| match wait {
            WaitsOn::Until(_) => 0,
            WaitsOn::Result(_) => 1,
            _ => 2,
        };
        for now in 0..3 {
            for wait in waits.iter().filter(|wait| place(wait) == now) {
                if now == 0 || known.insert(wait) {
                    ordered.push(wait.clone());
                }
            }
        }
        waits = ordered;
    }
    waits.extend(noted.iter());
    if waits.is_empty() {
        waits.push(WaitsOn::Elsewhere);
    }
    waits
}

impl Local {
    pub(super) fn is_observed(&self) -> bool {
        self.observer.borrow().is_some()
    }

    /// Notifies the observer, if there is one.
    pub(super) fn emit(&self, task: &Task, event: TaskEvent<'_>) {
        let observer = self.observer.borrow().clone();
        if let Some(observer) = observer {
            observer.emit(task, event);
            // The observer may have dropped the loop, and this is its last reference then.
            drop_quietly(observer);
        }
    }

    /// Calls `f` with the cause of the current event.
    fn with_cause(&self, task: &Task, f: impl FnOnce(WokenBy<'_>)) {
        if let Some(cause) = self.cause.get() {
            // SAFETY: COUNTED: `as_cause` holds a reference to the task.
            let cause = unsafe { Task::borrowed(cause) };
            return f(WokenBy::Task(&cause));
        }
        f(match self.current().map(|current| current.vtable.kind) {
            Some(Kind::Call) => WokenBy::Call,
            Some(Kind::Task | Kind::Source) | None if self.taking_remote.get() => {
                WokenBy::OtherThread
            }
            _ if !task.is_cancel_requested() => WokenBy::Timer,
            _ => WokenBy::Outside,
        });
    }

    /// Runs `f` with the task as the cause of events, if it is observed.
    pub(super) fn as_cause<R>(&self, task: &Task, f: impl FnOnce() -> R) -> R {
        if !task.is_observed() {
            return f();
        }
        let task = task.clone();
        let outer = self.cause.replace(Some(task.as_ptr()));
        let outer_waits = self.waits.take();
        let result = f();
        self.waits.replace(outer_waits);
        self.cause.set(outer);
        if let Some(observing) = self.observing.get().filter(|_| task.is_finished()) {
            (observing.forget)(self, &task);
        }
        result
    }

    /// Notifies the observer of a new task, before it is queued, polled or refused.
    #[cold]
    #[inline(never)]
    pub(super) fn note_spawn(&self, task: &Task) {
        if let Some(observing) = self.observing.get() {
            (observing.spawn)(self, task);
        }
    }

    pub(super) fn emit_spawn(&self, task: &Task) {
        let is_observed = self.is_observed();
        let is_task = task.header().vtable.kind == Kind::Task;
        if !is_task || !is_observed && self.phase.get() != Phase::Observed {
            return;
        }
        task.header().state.set_observed();
        if is_observed {
            task.extra();
            self.with_cause(task, |cause| {
                // Timers only wake.
                let cause = match cause {
                    WokenBy::Timer => WokenBy::Outside,
                    cause => cause,
                };
                self.emit(task, TaskEvent::Spawned(cause));
            });
        }
    }

    pub(super) fn emit_wake(&self, task: &Task) {
        self.with_cause(task, |cause| {
            self.emit(task, TaskEvent::WaitEnds);
            self.emit(task, TaskEvent::Queued(cause));
        });
    }

    /// Replaces the noted waits of a task.
    pub(super) fn set_noted(&self, task: &Task, noted: WaitSet) {
        let mut all = self.noted.borrow_mut();
        if noted != WaitSet::default() {
            all.insert(task.as_ptr(), noted);
        } else if !all.is_empty() {
            all.remove(&task.as_ptr());
        }
    }

    pub(super) fn forget_noted(&self, task: &Task) {
        self.set_noted(task, WaitSet::default());
    }

    /// Records a wait of the task that is run now.
    pub(super) fn note(&self, wait: WaitsOn) {
        if self.cause.get().is_some() && self.is_observed() {
            self.waits.borrow_mut().push(wait);
        }
    }

    /// Records that a task awaits the result of another one.
    #[cold]
    pub(super) fn note_join(&self, waiter: NonNull<Header>, awaited: &Task) {
        if self.cause.get() == Some(waiter) {
            self.note(WaitsOn::Result(awaited.id()));
        }
    }

    /// Notifies the observer of the end of a task, before all listeners and waiters.
    #[cold]
    pub(super) fn note_end(&self, task: &Task) {
        if !task.is_observed() {
            return;
        }
        match task.outcome() {
            Some(Outcome::Value) => self.emit(task, TaskEvent::Finished),
            Some(Outcome::Cancelled) => self.emit(task, TaskEvent::Cancelled),
            Some(Outcome::Panicked | Outcome::Failed) => self.emit(task, TaskEvent::Panicked),
            None => {}
        }
    }
}

impl Task {
    pub(super) fn is_observed(&self) -> bool {
        self.header().state.is_observed()
    }

    /// The state of an unfinished task.
    pub(crate) fn state(&self) -> TaskState {
        let state = &self.header().state;
        if state.is_running() {
            TaskState::Running
        } else if !state.is_queued() {
            TaskState::Waiting
        } else if state.is_cancel_requested() {
            TaskState::Cancelling
        } else {
            TaskState::Ready
        }
    }

    /// What primitives noted in the last poll of a waiting task; nothing, if it is not observed.
    pub(crate) fn noted(&self) -> WaitSet {
        let noted = self.local().noted.borrow();
        noted.get(&self.as_ptr()).copied().unwrap_or_default()
    }

    pub(crate) fn counts(&self) -> Option<Counts> {
        let counts = self.header().waiters.extra()?.counts.get()?;
        Some(counts.get())
    }

    pub(crate) fn set_counts(&self, counts: Counts) {
        let kept = self.extra().counts.get_or_init(|| Box::new(counts.into()));
        kept.set(counts);
    }
}
