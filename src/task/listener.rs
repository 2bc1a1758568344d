//! Listeners are called when a task ends, in addition to the waiter of its handle: the task group, and the futures that
//! wait for many tasks.

use std::cell::Cell;
use std::ptr;
use std::rc::Rc;
use std::task::Waker;

use super::extra::Extra;
use super::handle::AWAITS_ITSELF;
use super::observe::task_behind;
use super::scheduler::Scheduler;
use super::shared::Local;
use super::state::Outcome;
use super::{Task, raw, waker};
use crate::error::JoinError;

/// Is notified of the end of tasks.
pub(crate) trait Listener {
    /// The task has ended; `number` identifies it to the listener. Returns the waker to wake.
    ///
    /// This is called in the middle of the loop's own work, so it must not run user code.
    fn ended(&self, task: &Task, number: usize) -> Option<Waker>;

    /// The cell with the waker of the listener's waiter, if it can have one now.
    fn waiting(&self) -> Option<&Cell<Option<Waker>>>;
}

/// A listener and the number that identifies the task to it.
pub(super) type Listening = Cell<Option<(Rc<dyn Listener>, usize)>>;

impl Task {
    /// Makes an unfinished task the child of a group. The group is notified of its end first, and may take its panic.
    pub(crate) fn set_group(&self, group: Rc<dyn Listener>, number: usize) {
        debug_assert!(!self.is_finished(), "the task must not have ended before");
        drop(self.extra().group.replace(Some((group, number))));
    }

    /// Sets the collector of an unfinished task that has no waiter. Dropping the handle removes it.
    pub(crate) fn set_collector(&self, collector: Rc<dyn Listener>, number: usize) {
        let extra = self.extra();
        extra.before_waiter.set(extra.callbacks.borrow().len());
        self.listen(collector, number);
    }

    /// Adds a collector that wakes no task to an unfinished task, in addition to its waiter. Dropping the handle
    /// removes it.
    pub(crate) fn add_collector(&self, collector: Rc<dyn Listener>) {
        self.listen(collector, 0);
    }

    fn listen(&self, collector: Rc<dyn Listener>, number: usize) {
        // A finished task notifies no listener, and its last waker would drop this one on any thread.
        debug_assert!(!self.is_finished(), "the task must not have ended before");
        self.extra().collector.set(Some((collector, number)));
    }

    /// The tasks that wait for the end of this one, possibly with repetitions.
    pub(crate) fn awaited_by(&self) -> [Option<Self>; 3] {
        let header = self.header();
        let listeners = header.extra.get().map_or([None, None], |extra| {
            [&extra.collector, &extra.group].map(|listening| self.waiter_of(listening))
        });
        let [collects, owns_group] = listeners;
        [header.waiter.peek(), collects, owns_group]
    }

    /// The task that waits for the listener.
    fn waiter_of(&self, listening: &Listening) -> Option<Self> {
        // Listener and waker are put back, and no user code runs meanwhile.
        let (listener, number) = listening.take()?;
        let waiter = listener.waiting().and_then(|waiting| {
            let waker = waiting.take()?;
            let waiter = task_behind(&waker, self.header().shared);
            waiting.set(Some(waker));
            waiter
        });
        listening.set(Some((listener, number)));
        waiter
    }

    fn is_collected_by(&self, collector: &Rc<impl Listener>) -> bool {
        let Some(extra) = self.header().extra.get() else {
            return false;
        };
        let listening = extra.collector.take();
        let own = listening.as_ref().map(|(listener, _)| Rc::as_ptr(listener));
        let is_same = own.is_some_and(|own| ptr::addr_eq(own, Rc::as_ptr(collector)));
        extra.collector.set(listening);
        is_same
    }

    /// Takes the panic of a task of a group. The outcome becomes `Failed`.
    pub(crate) fn take_failure(&self) -> Option<JoinError> {
        let panic = self.take_panic()?;
        self.header().state.finish(Outcome::Failed);
        Some(panic)
    }

    /// Whether the task has ended without a value or with an error.
    pub(crate) fn is_irregular(&self) -> bool {
        self.header().state.is_irregular()
    }

    /// How many tasks of the loop have ended irregularly so far.
    pub(crate) fn irregular_ends(&self) -> u64 {
        self.local().irregular.get()
    }

    /// How many tasks of the loop have ended so far.
    pub(crate) fn ends(&self) -> u64 {
        self.local().ended.get()
    }

    /// Whether both are tasks of one loop.
    pub(crate) fn has_loop_of(&self, other: &Self) -> bool {
        self.header().shared == other.header().shared
    }

    /// The position of a finished task in the order in which the tasks of its loop ended.
    pub(crate) fn ended_as(&self) -> usize {
        self.header().waiter.ended_as()
    }
}

impl Scheduler {
    /// Checks that the task of this waker, which is about to wait for the collector, is not one of the collected tasks.
    ///
    /// # Panics
    ///
    /// If it is.
    pub(crate) fn refuse_own_end(&self, waker: &Waker, collector: &Rc<impl Listener>) {
        let waiter = waker::task_of(waker, self.pointer()).or(self.local().running.get());
        let is_own = waiter.is_some_and(|waiter| {
            // SAFETY: COUNTED: the waker holds a count; and the running task is unfinished, and so alive.
            unsafe { Task::borrowed(waiter) }.is_collected_by(collector)
        });
        assert!(!is_own, "{AWAITS_ITSELF}");
    }
}

impl Local {
    /// Notifies the group. It comes first, for it may take a panic that would be reported otherwise.
    #[cold]
    pub(super) fn notify_group(&self, task: &Task, extra: &Extra) {
        self.note_end(task);
        self.notify(task, &extra.group);
    }

    /// Notifies a listener and wakes the waker that it returns.
    pub(super) fn notify(&self, task: &Task, listening: &Listening) {
        let Some((listener, number)) = listening.take() else {
            return;
        };
        let woken = listener.ended(task, number);
        raw::drop_quietly(listener);
        if let Some(waker) = woken {
            self.wake_any(waker);
        }
    }
}
