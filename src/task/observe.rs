//! Observed tasks: the slow paths that notify the observer and record what a task waits for.
//!
//! An observed task has a flag among those that a wakeup and a run test anyway, and a spawn tests the phase of the loop
//! anyway, so the paths of unobserved tasks have no additional branch. The tasks of a loop are observed either for an
//! observer, or only for the notes of what each task waits for, which a dump reads. With an observer a task has an
//! `Extra` from its spawn, so its end and its joins take the slow path too.

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::rc::Rc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::raw::{self, Header};
use super::scheduler::Scheduler;
use super::shared::{Local, Phase, Shared};
use super::state::WakeAction;
use super::work::Kind;
use super::{Outcome, Task, TaskEvent, TaskState, WokenBy, waker};
use crate::waiting::{self, WaitSet, WaitsOn};

/// A task that waits for many others may be woken by each of them. Later polls note at most this many joins, for all
/// joins at each wakeup would be quadratic.
const MAX_REJOINS: usize = 100;

/// Receives the events of the tasks of a loop.
pub(crate) trait EventSink {
    /// Called in the middle of the loop's own work; must not panic.
    fn emit(&self, task: &Task, event: TaskEvent<'_>);

    fn as_any(self: Rc<Self>) -> Rc<dyn Any>;
}

/// What an observer counts of a task for its dump.
#[derive(Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) spawned: Instant,
    pub(crate) polls: u64,
    /// The total time of the polls that have ended.
    pub(crate) running: Duration,
    /// The begin of the last poll.
    pub(crate) begun: Instant,
}

/// The noted waits of tasks. They lie in a map and not in the `Extra`: in virtual time an observed task may have none,
/// and a wait must not allocate.
pub(super) type Noted = HashMap<NonNull<Header>, WaitSet, BuildHasherDefault<AddressHasher>>;

#[derive(Default)]
pub(super) struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn write(&mut self, _: &[u8]) {
        unreachable!("an address is a `usize`");
    }

    fn write_usize(&mut self, address: usize) {
        // The golden ratio spreads the address over the upper half of the product; a map needs the lower one too.
        self.0 = (address as u64)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The waits of a poll in the order in which they are reported: times, tasks without repetitions, primitives.
fn in_order(mut waits: Vec<WaitsOn>, noted: WaitSet) -> Vec<WaitsOn> {
    waits.sort_by_key(|wait| match wait {
        WaitsOn::Until(_) => 0,
        WaitsOn::Result(_) => 1,
        _ => 2,
    });
    if waits.len() > 1 {
        let mut known = HashSet::new();
        waits.retain(|wait| matches!(wait, WaitsOn::Until(_)) || known.insert(wait.clone()));
    }
    waits.extend(noted.iter());
    if waits.is_empty() {
        waits.push(WaitsOn::Elsewhere);
    }
    waits
}

impl Local {
    fn is_observed(&self) -> bool {
        self.observer.borrow().is_some()
    }

    /// Notifies the observer, if there is one.
    fn emit(&self, task: &Task, event: TaskEvent<'_>) {
        let observer = self.observer.borrow().clone();
        if let Some(observer) = observer {
            observer.emit(task, event);
            // The observer may have dropped the loop, and this is its last reference then.
            raw::drop_quietly(observer);
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
            Some(Kind::Task) | None if self.taking_remote.get() => WokenBy::OtherThread,
            _ if !task.is_cancel_requested() => WokenBy::Timer,
            _ => WokenBy::Outside,
        });
    }

    /// Runs `f` with the task as the cause of events, if it is observed.
    pub(super) fn as_cause<R>(&self, task: &Task, f: impl FnOnce() -> R) -> R {
        if !task.is_observed() {
            // Without a clone: the task may have been created after the end of its loop.
            return f();
        }
        let task = task.clone();
        let outer = self.cause.replace(Some(task.as_ptr()));
        let outer_waits = self.waits.take();
        let result = f();
        self.waits.replace(outer_waits);
        self.cause.set(outer);
        if task.is_finished() {
            self.set_noted(&task, WaitSet::default());
        }
        result
    }

    /// Notifies the observer of a new task, before it is queued, polled or refused.
    #[cold]
    #[inline(never)]
    pub(super) fn note_spawn(&self, task: &Task) {
        let is_observed = self.is_observed();
        let is_call = task.header().vtable.kind == Kind::Call;
        if is_call || !is_observed && self.phase.get() != Phase::Observed {
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

    /// Polls an observed task.
    #[cold]
    #[inline(never)]
    pub(super) fn poll_observed(&self, task: &Task) {
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

    /// Replaces the noted waits of a task.
    fn set_noted(&self, task: &Task, noted: WaitSet) {
        let mut all = self.noted.borrow_mut();
        if noted != WaitSet::default() {
            all.insert(task.as_ptr(), noted);
        } else if !all.is_empty() {
            all.remove(&task.as_ptr());
        }
    }

    /// Records a wait of the task that is run now.
    fn note(&self, wait: WaitsOn) {
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

/// `Task::enqueue` for an observed task. It takes the pointer by value, so that the caller's fast path needs no stack
/// slot.
#[cold]
#[inline(never)]
pub(super) fn enqueue(task: NonNull<Header>) {
    // SAFETY: COUNTED: the caller holds a `Task`.
    let task = unsafe { Task::borrowed(task) };
    // The task is queued first: the observer may run the loop.
    task.enqueue();
    let local = task.local();
    local.with_cause(&task, |cause| {
        local.emit(&task, TaskEvent::WaitEnds);
        local.emit(&task, TaskEvent::Queued(cause));
    });
}

/// The same, and drops a reference.
///
/// # Safety
///
/// The caller owns a reference to the task, and gives it up.
#[cold]
#[inline(never)]
unsafe fn enqueue_and_drop(task: NonNull<Header>) {
    enqueue(task);
    // SAFETY: COUNTED: the caller's reference.
    drop(unsafe { Task::from_ptr(task) });
}

impl Task {
    /// Makes the task ready and drops this reference.
    #[inline]
    pub(super) fn wake(self) {
        match self.header().state.wake() {
            WakeAction::Nothing => {}
            WakeAction::Enqueue => self.enqueue(),
            // A tail call, so that the fast path saves no registers.
            // SAFETY: COUNTED: the reference of this `Task`.
            WakeAction::NoteAndEnqueue => unsafe {
                enqueue_and_drop(ManuallyDrop::new(self).as_ptr());
            },
        }
    }
}

impl Scheduler {
    /// Records what new tasks wait for. Call it before the first spawn.
    pub(crate) fn note_waits(&self) {
        self.local().phase.set(Phase::Observed);
    }

    /// The same, and sets the observer.
    pub(crate) fn set_observer(&self, observer: Rc<dyn EventSink>) {
        self.note_waits();
        *self.local().observer.borrow_mut() = Some(observer);
    }

    pub(crate) fn observer(&self) -> Option<Rc<dyn EventSink>> {
        self.local().observer.borrow().clone()
    }

    /// Records a wait of the task that is run now.
    #[cold]
    pub(crate) fn note(&self, wait: WaitsOn) {
        self.local().note(wait);
    }

    /// How many of the tasks that the running one awaits are to be noted, in addition to those whose waiter it is.
    /// `None` without an observer.
    #[inline]
    pub(crate) fn joins_to_note(&self, again: bool) -> Option<usize> {
        let local = self.local();
        let is_observed = local.cause.get().is_some() && local.is_observed();
        is_observed.then_some(if again { MAX_REJOINS } else { usize::MAX })
    }

    /// Records that the task of this waker awaits `tasks`, and `others` if there are more.
    #[cold]
    pub(crate) fn note_joins<'a>(
        &self,
        waker: &Waker,
        tasks: impl Iterator<Item = &'a Task>,
        others: bool,
    ) {
        let local = self.local();
        let waiter = waker::task_of(waker, self.pointer());
        if waiter.is_none() || waiter != local.cause.get() {
            return;
        }
        tasks.for_each(|task| local.note(WaitsOn::Result(task.id())));
        if others {
            local.note(WaitsOn::OtherResults);
        }
    }

    /// The task of a waker, if it is a task of this loop.
    pub(crate) fn task_behind(&self, waker: &Waker) -> Option<Task> {
        task_behind(waker, self.pointer())
    }
}

/// The task of a waker, if it is a task of that loop.
pub(super) fn task_behind(waker: &Waker, shared: NonNull<Shared>) -> Option<Task> {
    let task = waker::task_of(waker, shared)?;
    // SAFETY: COUNTED: the waker holds a reference.
    let task = unsafe { Task::borrowed(task) };
    (task.header().vtable.kind == Kind::Task).then(|| Task::clone(&task))
}

impl Task {
    #[inline]
    pub(crate) fn is_observed(&self) -> bool {
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
        let counts = self.header().extra.get()?.counts.get()?;
        Some(counts.get())
    }

    pub(crate) fn set_counts(&self, counts: Counts) {
        let kept = self.extra().counts.get_or_init(|| Box::new(counts.into()));
        kept.set(counts);
    }
}
