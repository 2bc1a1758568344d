//! Observed tasks: the slow paths that notify the observer and record what a task waits for.
//!
//! An observed task has a flag among those that a wakeup and a run test anyway, and a spawn tests the phase of the loop
//! anyway, so the paths of unobserved tasks have no additional branch. The tasks of a loop are observed either for an
//! observer, or only for the notes of what each task waits for, which are stored in the task's ready link while it is
//! not queued. An observed task has an `Extra` from its spawn, so its end and its joins take the slow path too.

use std::collections::HashSet;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::task::Waker;

use super::raw::Header;
use super::scheduler::Scheduler;
use super::shared::{Local, Phase, Shared};
use super::state::WakeAction;
use super::work::Kind;
use super::{Outcome, Task, TaskId, waker};
use crate::waiting::{self, Kinds};

/// A task that waits for many others may be woken by each of them. Later polls note at most this many joins, for all
/// joins at each wakeup would be quadratic.
const MAX_REJOINS: usize = 100;

/// The observer of the tasks of a loop.
pub(crate) trait Watch {
    /// Called in the middle of the loop's own work; must not panic.
    fn notice(&self, news: News<'_>);
}

/// An event of a task.
pub(crate) enum News<'a> {
    Spawned(&'a Task, Cause<'a>),
    Queued(&'a Task, Cause<'a>),
    PollBegins(&'a Task),
    PollEnds(&'a Task),
    Waits(&'a Task, &'a Notes),
    Ended(&'a Task, Outcome),
}

/// The cause of a spawn or a wakeup.
#[derive(Clone, Copy)]
pub(crate) enum Cause<'a> {
    Task(&'a Task),
    Call,
    Timer,
    OtherThread,
    Outside,
}

/// What a task waits for, recorded during its poll.
#[derive(Default)]
pub(crate) struct Notes {
    /// The deadlines of its timers.
    pub(crate) deadlines: Vec<u64>,
    /// The tasks whose results it awaits, possibly with repetitions.
    tasks: Vec<Task>,
    /// It awaits other tasks too, which were noted before.
    pub(crate) others: bool,
    pub(crate) kinds: Kinds,
}

impl Notes {
    /// The tasks whose results it awaits, without repetitions.
    pub(crate) fn results(&self) -> Vec<TaskId> {
        let mut ids: Vec<_> = self.tasks.iter().map(Task::id).collect();
        // They mostly are in spawn order, and then there are no repetitions.
        if !ids.is_sorted_by(|one, next| one < next) {
            let mut known = HashSet::new();
            ids.retain(|&id| known.insert(id));
        }
        ids
    }
}

/// What a task is doing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    Running,
    Ready,
    /// The kinds are known for observed tasks only.
    Waiting(Option<Kinds>),
}

/// The state of an unfinished task.
pub(crate) struct Snapshot {
    pub(crate) task: Task,
    pub(crate) activity: Activity,
    /// The tasks that wait for its end, possibly with repetitions.
    pub(crate) awaited_by: [Option<Task>; 2],
}

impl Local {
    fn is_observed(&self) -> bool {
        self.observer.borrow().is_some()
    }

    /// Notifies the observer, if there is one.
    fn emit(&self, news: News<'_>) {
        let observer = self.observer.borrow().clone();
        if let Some(observer) = observer {
            observer.notice(news);
        }
    }

    /// Whether new tasks are observed.
    fn observes_new_tasks(&self) -> bool {
        self.phase.get() == Phase::Observed || self.is_observed()
    }

    /// Calls `f` with the cause of the current event.
    fn with_cause(&self, task: &Task, f: impl FnOnce(Cause<'_>)) {
        let kind_of = |header: NonNull<Header>| {
            // SAFETY: COUNTED: a running task is unfinished, and so alive.
            unsafe { header.as_ref() }.vtable.kind
        };
        if let Some(actor) = self.actor.get() {
            // SAFETY: COUNTED: `as_actor` holds a reference to the actor.
            let actor = unsafe { Task::borrowed(actor) };
            return f(Cause::Task(&actor));
        }
        f(match self.running.get().map(kind_of) {
            Some(Kind::Call) => Cause::Call,
            Some(Kind::Task | Kind::Source) | None if self.taking_remote.get() => {
                Cause::OtherThread
            }
            _ if !task.is_cancel_requested() => Cause::Timer,
            _ => Cause::Outside,
        });
    }

    /// Runs `f` with the task as the cause of events, if it is observed.
    pub(super) fn as_actor<R>(&self, task: &Task, f: impl FnOnce() -> R) -> R {
        if !task.header().state.is_observed() {
            // Without a clone: the task may have been created after the end of its loop.
            return f();
        }
        let task = task.clone();
        let outer = self.actor.replace(Some(task.as_ptr()));
        let outer_notes = self.notes.take();
        let result = f();
        // Notes of a destructor are dropped: a note holds a task, and so the loop's memory.
        self.notes.replace(outer_notes);
        self.actor.set(outer);
        result
    }

    /// Notifies the observer of a new task, before it is queued, polled or refused.
    #[cold]
    #[inline(never)]
    pub(super) fn note_spawn(&self, task: &Task) {
        if !self.observes_new_tasks() || task.header().vtable.kind != Kind::Task {
            return;
        }
        task.header().state.set_observed();
        if self.is_observed() {
            task.extra();
            self.with_cause(task, |cause| {
                // Timers only wake.
                let cause = match cause {
                    Cause::Timer => Cause::Outside,
                    cause => cause,
                };
                self.emit(News::Spawned(task, cause));
            });
        }
    }

    /// Notifies the observer of a wakeup of an observed task.
    pub(super) fn note_wakeup(&self, task: &Task) {
        if self.is_observed() {
            self.with_cause(task, |cause| self.emit(News::Queued(task, cause)));
        }
    }

    /// Polls an observed task.
    #[cold]
    #[inline(never)]
    pub(super) fn poll_observed(&self, task: &Task) {
        // The task may finish here, and this may be its last reference then.
        let task = &task.clone();
        let observed = self.is_observed();
        if observed {
            self.emit(News::PollBegins(task));
        }
        let outer = waiting::replace(Kinds::default());
        let mut notes = self.as_actor(task, || {
            self.poll(task);
            self.notes.take()
        });
        notes.kinds = waiting::replace(outer);
        let state = &task.header().state;
        let waits = !state.is_finished() && !state.is_queued();
        if waits {
            let link = ptr::without_provenance_mut(notes.kinds.bits() << 1);
            task.header().ready_next.set(NonNull::new(link));
        }
        if observed {
            self.emit(News::PollEnds(task));
            if waits {
                self.emit(News::Waits(task, &notes));
            }
        }
    }

    /// Records a timer that the running task arms.
    #[cold]
    fn note_deadline(&self, deadline: u64) {
        if self.actor.get().is_some() && self.is_observed() {
            self.notes.borrow_mut().deadlines.push(deadline);
        }
    }

    /// Records that a task awaits the result of another one.
    #[cold]
    pub(super) fn note_join(&self, waiter: NonNull<Header>, awaited: &Task) {
        if self.actor.get() == Some(waiter) && self.is_observed() {
            let mut notes = self.notes.borrow_mut();
            if notes.tasks.last() != Some(awaited) {
                notes.tasks.push(awaited.clone());
            }
        }
    }

    /// Notifies the observer of the end of a task, before all listeners and waiters.
    #[cold]
    pub(super) fn note_end(&self, task: &Task) {
        if let Some(outcome) = task.outcome().filter(|_| self.is_observed()) {
            if task.header().vtable.kind == Kind::Task {
                self.emit(News::Ended(task, outcome));
            }
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
    task.local().note_wakeup(&task);
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
    pub(crate) fn watch(&self, watch: Rc<dyn Watch>) {
        self.note_waits();
        *self.local().observer.borrow_mut() = Some(watch);
    }

    /// Records a deadline that the running task waits for.
    #[cold]
    pub(crate) fn note_deadline(&self, deadline: u64) {
        self.local().note_deadline(deadline);
    }

    /// How many of the tasks that the running one awaits are to be noted, in addition to those whose waiter it is.
    /// `None` without an observer.
    #[inline]
    pub(crate) fn joins_to_note(&self, again: bool) -> Option<usize> {
        let local = self.local();
        let is_observed = local.actor.get().is_some() && local.is_observed();
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
        let Some(waiter) = waker::task_of(waker, self.pointer()) else {
            return;
        };
        let local = self.local();
        tasks.for_each(|task| local.note_join(waiter, task));
        if others && local.actor.get() == Some(waiter) {
            local.notes.borrow_mut().others = true;
        }
    }

    /// All unfinished tasks, in spawn order.
    pub(crate) fn snapshots(&self) -> Vec<Snapshot> {
        self.tasks().into_iter().map(Task::snapshot).collect()
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
    fn snapshot(self) -> Snapshot {
        let header = self.header();
        let activity = if header.state.is_running() {
            Activity::Running
        } else if header.state.is_queued() {
            Activity::Ready
        } else if header.state.is_observed() {
            let link = header.ready_next.get().map_or(0, |link| link.addr().get());
            Activity::Waiting(Some(Kinds::from_bits(link >> 1)))
        } else {
            Activity::Waiting(None)
        };
        let awaited_by = self.awaited_by();
        Snapshot {
            task: self,
            activity,
            awaited_by,
        }
    }
}
