//! Who hears of a task's end in the moment in which it comes, beside whoever awaits the handle: its task group, and
//! whoever waits for many or collects their results.

use std::cell::Cell;
use std::ptr;
use std::rc::Rc;
use std::task::Waker;

use super::extra::Extra;
use super::handle::AWAITS_ITSELF;
use super::scheduler::Scheduler;
use super::shared::Local;
use super::state::Outcome;
use super::watch::task_behind;
use super::{Task, raw};
use crate::error::JoinError;

/// Hears of the end of tasks.
pub(crate) trait Listener {
    /// The task has ended; the listener knows it by this number. Gives back whom to wake.
    ///
    /// The loop is in the middle of its own work here, so nobody else's code may run.
    fn ended(&self, task: &Task, number: usize) -> Option<Waker>;

    /// Where the waker lies of whoever waits for that end, if somebody may wait now.
    fn waiting(&self) -> Option<&Cell<Option<Waker>>>;
}

/// Room for a listener and the number by which it knows the task.
pub(super) type Listening = Cell<Option<(Rc<dyn Listener>, usize)>>;

impl Task {
    /// Makes an unfinished task the child of a group. The group hears of its end before anybody else does, and may
    /// take its panic.
    pub(crate) fn set_group(&self, group: Rc<dyn Listener>, number: usize) {
        debug_assert!(!self.is_finished(), "a group must hear of an end to come");
        drop(self.extra().group.replace(Some((group, number))));
    }

    /// Notes who collects the result of an unfinished task that has no waiter. It is forgotten when the handle is
    /// dropped.
    pub(crate) fn set_collector(&self, collector: Rc<dyn Listener>, number: usize) {
        let extra = self.extra();
        extra.before_waiter.set(extra.callbacks.borrow().len());
        self.listen(collector, number);
    }

    /// Lets a listener that wakes nobody hear of an unfinished task's end, beside whoever awaits the handle. It is
    /// forgotten when the handle is dropped.
    pub(crate) fn add_collector(&self, collector: Rc<dyn Listener>) {
        self.listen(collector, 0);
    }

    fn listen(&self, collector: Rc<dyn Listener>, number: usize) {
        // A finished task tells nobody, and its last waker, on any thread, would drop what is noted here.
        debug_assert!(
            !self.is_finished(),
            "a listener must hear of an end to come"
        );
        self.extra().collector.set(Some((collector, number)));
    }

    /// The tasks that wait for the end of this one; some of them may be the same.
    pub(super) fn awaited_by(&self) -> [Option<Self>; 3] {
        let header = self.header();
        let listeners = header.extra.get().map_or([None, None], |extra| {
            [&extra.collector, &extra.group].map(|listening| self.waiter_of(listening))
        });
        let [collects, owns_group] = listeners;
        [header.waiter.peek(), collects, owns_group]
    }

    /// The task that waits for what the listener hears of this one.
    fn waiter_of(&self, listening: &Listening) -> Option<Self> {
        // All of it is put back, and nobody else's code runs meanwhile.
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

    /// Takes the panic that a task of a group has ended with: it has failed, for all who ask later.
    pub(crate) fn take_failure(&self) -> Option<JoinError> {
        let panic = self.take_panic()?;
        self.header().state.finish(Outcome::Failed);
        Some(panic)
    }

    /// Whether the task has ended other than by an ordinary value.
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

    /// When a finished task ended: after all those of its loop that give a smaller number.
    pub(crate) fn ended_as(&self) -> usize {
        self.header().waiter.ended_as()
    }
}

impl Scheduler {
    /// Whoever polls with this waker is about to wait for what the collector hears.
    ///
    /// # Panics
    ///
    /// If that is a task whose own end is part of it.
    pub(crate) fn refuse_own_end(&self, waker: &Waker, collector: &Rc<impl Listener>) {
        let waiter = self.task_behind(waker).or_else(|| self.current_task());
        let is_own = waiter.is_some_and(|task| task.is_collected_by(collector));
        assert!(!is_own, "{AWAITS_ITSELF}");
    }
}

impl Local {
    /// The group is told first, for it may have a use for a panic that would be reported otherwise.
    #[cold]
    pub(super) fn notify_group(&self, task: &Task, extra: &Extra) {
        self.note_end(task);
        self.notify(task, &extra.group);
    }

    /// Tells a listener, and wakes whom it wants to be woken.
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
