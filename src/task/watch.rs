//! Watching tasks: the side doors through which a loop that is observed tells what happens, at no cost to others.
//!
//! A watched task carries a flag of its own among those that a wakeup and a turn test anyway, so both leave the usual
//! path at a test that is there already; a spawn leaves it at the test of the loop's phase. A loop is watched for one
//! of two reasons: an observer wants to hear everything, or only the notes are wanted (what a task waits for), which
//! lie in the task's ready link while it is in no queue. An observed task has an `Extra` from its birth; so its end
//! and its joins pass by this room too.

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

/// A task that waits for many others may be woken by each of them. Of so many it is told again then: of all of them
/// each time would be the square of their number.
const MAX_REPEATED_JOINS: usize = 100;

/// Hears what happens to the tasks of a loop.
pub(crate) trait Watch {
    /// The loop may be in the middle of its own work here; must not panic.
    fn notice(&self, news: News<'_>);
}

/// What has happened.
pub(crate) enum News<'a> {
    Spawned(&'a Task, Cause<'a>),
    Queued(&'a Task, Cause<'a>),
    PollBegins(&'a Task),
    PollEnds(&'a Task),
    Waits(&'a Task, &'a Notes),
    Ended(&'a Task, Outcome),
}

/// Who has done something to a task.
#[derive(Clone, Copy)]
pub(crate) enum Cause<'a> {
    Task(&'a Task),
    Call,
    Timer,
    OtherThread,
    Outside,
}

/// What a task waits for, noted while it was polled.
#[derive(Default)]
pub(crate) struct Notes {
    /// The deadlines of its timers.
    pub(crate) deadlines: Vec<u64>,
    /// The tasks whose results it awaits; one that was awaited again may be there again.
    tasks: Vec<Task>,
    /// It awaits others too, of which it was told before.
    pub(crate) others: bool,
    pub(crate) kinds: Kinds,
}

impl Notes {
    /// The tasks whose results it awaits, each one once.
    pub(crate) fn results(&self) -> Vec<TaskId> {
        let mut ids: Vec<_> = self.tasks.iter().map(Task::id).collect();
        // As they mostly are: in spawn order, and so each one once.
        if !ids.is_sorted_by(|one, next| one < next) {
            let mut known = HashSet::new();
            ids.retain(|&id| known.insert(id));
        }
        ids
    }
}

/// What a task is doing at this moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    Running,
    Ready,
    /// The kinds are known of watched tasks only.
    Waiting(Option<Kinds>),
}

/// A task as seen from outside.
pub(crate) struct Snapshot {
    pub(crate) task: Task,
    pub(crate) activity: Activity,
    /// The tasks that wait for its end; some may be the same.
    pub(crate) awaited_by: [Option<Task>; 3],
}

impl Local {
    fn is_observed(&self) -> bool {
        self.watch.borrow().is_some()
    }

    fn notify_observer(&self, news: News<'_>) {
        let watch = self.watch.borrow().clone();
        if let Some(watch) = watch {
            watch.notice(news);
        }
    }

    /// Whether new tasks are to be watched.
    fn observes_new_tasks(&self) -> bool {
        self.phase.get() == Phase::Watched || self.is_observed()
    }

    /// Calls `f` with whoever is behind what happens now.
    fn with_cause(&self, task: &Task, f: impl FnOnce(Cause<'_>)) {
        let kind_of = |header: NonNull<Header>| {
            // SAFETY: COUNTED: whoever runs is unfinished, and so alive.
            unsafe { header.as_ref() }.vtable.kind
        };
        if let Some(actor) = self.actor.get() {
            // SAFETY: COUNTED: `as_actor` holds a count of the actor.
            let actor = unsafe { Task::borrowed(actor) };
            return f(Cause::Task(&actor));
        }
        f(match self.running.get().map(kind_of) {
            Some(Kind::Call) => Cause::Call,
            Some(Kind::Task) | None if self.taking_remote.get() => Cause::OtherThread,
            _ if !task.is_cancel_requested() => Cause::Timer,
            _ => Cause::Outside,
        });
    }

    /// What happens in `f` is the task's doing, if it is watched.
    pub(super) fn as_actor<R>(&self, task: &Task, f: impl FnOnce() -> R) -> R {
        if !task.header().state.is_observed() {
            // Not even counted: it may be one that was made after its loop's end.
            return f();
        }
        let task = task.clone();
        let outer = self.actor.replace(Some(task.as_ptr()));
        let outer_notes = self.notes.take();
        let result = f();
        // What was noted in a destructor goes: a note holds a task, and so the loop's memory.
        self.notes.replace(outer_notes);
        self.actor.set(outer);
        result
    }

    /// Takes note of a new task, before it is queued, polled or refused.
    #[cold]
    #[inline(never)]
    pub(super) fn note_spawn(&self, task: &Task) {
        if !self.observes_new_tasks() || task.header().vtable.kind == Kind::Call {
            return;
        }
        task.header().state.set_observed();
        if self.is_observed() {
            task.extra();
            self.with_cause(task, |cause| {
                // Timers wake and do not spawn.
                let cause = match cause {
                    Cause::Timer => Cause::Outside,
                    cause => cause,
                };
                self.notify_observer(News::Spawned(task, cause));
            });
        }
    }

    /// A watched task, just woken, goes into the queue.
    pub(super) fn note_wakeup(&self, task: &Task) {
        if self.is_observed() {
            self.with_cause(task, |cause| {
                self.notify_observer(News::Queued(task, cause))
            });
        }
    }

    /// Polls a watched task.
    #[cold]
    #[inline(never)]
    pub(super) fn poll_observed(&self, task: &Task) {
        // It may end here, and nobody else may hold it.
        let task = &task.clone();
        let observed = self.is_observed();
        if observed {
            self.notify_observer(News::PollBegins(task));
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
            self.notify_observer(News::PollEnds(task));
            if waits {
                self.notify_observer(News::Waits(task, &notes));
            }
        }
    }

    /// The running task arms a timer.
    #[cold]
    fn note_deadline(&self, deadline: u64) {
        if self.actor.get().is_some() && self.is_observed() {
            self.notes.borrow_mut().deadlines.push(deadline);
        }
    }

    /// A task awaits the result of another one.
    #[cold]
    pub(super) fn note_join(&self, waiter: NonNull<Header>, awaited: &Task) {
        if self.actor.get() == Some(waiter) && self.is_observed() {
            let mut notes = self.notes.borrow_mut();
            if notes.tasks.last() != Some(awaited) {
                notes.tasks.push(awaited.clone());
            }
        }
    }

    /// A task has ended; the first of all who hear of it.
    #[cold]
    pub(super) fn note_end(&self, task: &Task) {
        if let Some(outcome) = task.outcome().filter(|_| self.is_observed()) {
            if task.header().vtable.kind == Kind::Task {
                self.notify_observer(News::Ended(task, outcome));
            }
        }
    }
}

/// The same as `Task::enqueue`, for a watched task. It takes an address and not the address of one, so that the usual
/// path needs no room on the stack.
#[cold]
#[inline(never)]
pub(super) fn enqueue(task: NonNull<Header>) {
    // SAFETY: COUNTED: the caller has a `Task`.
    let task = unsafe { Task::borrowed(task) };
    // In the queue before the observer hears of it: what it hears is true, and it may run the loop.
    task.enqueue();
    task.local().note_wakeup(&task);
}

/// The same, and the end of a reference.
///
/// # Safety
///
/// One of the task's counts is the caller's, which gives it up.
#[cold]
#[inline(never)]
unsafe fn enqueue_and_drop(task: NonNull<Header>) {
    enqueue(task);
    // SAFETY: COUNTED: the caller's count.
    drop(unsafe { Task::from_ptr(task) });
}

impl Task {
    /// Makes the task ready and lets go of it.
    #[inline]
    pub(super) fn wake(self) {
        match self.header().state.wake() {
            WakeAction::Nothing => {}
            WakeAction::Enqueue => self.enqueue(),
            // The last thing that happens here, so that the usual path need not keep anything for later.
            // SAFETY: COUNTED: this `Task`'s count.
            WakeAction::NoteAndEnqueue => unsafe {
                enqueue_and_drop(ManuallyDrop::new(self).as_ptr());
            },
        }
    }
}

impl Scheduler {
    /// From now on what new tasks wait for is noted. Before anything is spawned.
    pub(crate) fn note_waits(&self) {
        self.local().phase.set(Phase::Watched);
    }

    /// The same, and `watch` hears of every new task.
    pub(crate) fn watch(&self, watch: Rc<dyn Watch>) {
        self.note_waits();
        *self.local().watch.borrow_mut() = Some(watch);
    }

    /// The running task waits until then; for a watch.
    #[cold]
    pub(crate) fn note_deadline(&self, deadline: u64) {
        self.local().note_deadline(deadline);
    }

    /// How many of the tasks that the running one awaits are to be noted, beside those whose waiter it is. None if
    /// nobody hears of them.
    #[inline]
    pub(crate) fn joins_to_note(&self, again: bool) -> Option<usize> {
        let local = self.local();
        let is_observed = local.actor.get().is_some() && local.is_observed();
        is_observed.then_some(if again {
            MAX_REPEATED_JOINS
        } else {
            usize::MAX
        })
    }

    /// Whoever polls with this waker awaits these tasks, and perhaps others.
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

    /// The task that a waker is of, if it is one of this loop, and no call.
    pub(crate) fn task_behind(&self, waker: &Waker) -> Option<Task> {
        task_behind(waker, self.pointer())
    }
}

/// The task that a waker is of, if it is one of that loop, and no call.
pub(super) fn task_behind(waker: &Waker, shared: NonNull<Shared>) -> Option<Task> {
    let task = waker::task_of(waker, shared)?;
    // SAFETY: COUNTED: the waker holds a count.
    let task = unsafe { Task::borrowed(task) };
    (task.header().vtable.kind == Kind::Task).then(|| Task::clone(&task))
}

impl Task {
    /// Whether its loop takes notes of what tasks wait for.
    pub(crate) fn is_watched(&self) -> bool {
        self.header().state.is_observed()
    }

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
