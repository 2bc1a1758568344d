//! The loop's one slot for what is outside of it: other threads. The loop knows what it asks of them, and no more.

use std::any::Any;
use std::rc::Rc;

use super::core::Core;
use crate::task::Task;

/// Whether something outside may still make a task ready, as far as virtual time is concerned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    Nothing,
    /// Something may come, so an idle loop waits for it.
    Messages,
    /// Blocking jobs wait or run: time stands still.
    Jobs,
}

/// What other threads use of a loop. Made when it is first needed, for most loops need none of it.
pub(crate) trait Outside {
    /// How many messages have come that were not taken in.
    fn waiting(&self) -> usize;

    /// Takes in the messages that have come, at most so many.
    fn collect(&self, core: &Core, most: usize);

    /// What may still come.
    fn awaited(&self) -> Awaited;

    /// Whether a thread has sent a row of things since the last call, and so may be about to send the next.
    fn take_is_sending(&self) -> bool;

    /// `block_on` is about to run main. What comes back lasts until main has ended.
    fn guard_main(&self, core: &Rc<Core>) -> Option<Box<dyn MainGuard>>;

    /// This task is main.
    fn main_begins(&self, main: Task);

    /// The loop begins to end: refuses new tasks, calls and items from now on.
    fn refuse(&self);

    /// Nothing comes in any more: tells those who wait, and drops what was on its way.
    fn close(&self, core: &Core);

    /// Waits for the blocking jobs that run. Tasks have withdrawn the others.
    fn finish_jobs(&self);

    fn as_any(&self) -> &dyn Any;
}

/// Stands by while main runs.
pub(crate) trait MainGuard {
    /// Main has ended, cancelled or not.
    fn main_has_ended(self: Box<Self>, core: &Rc<Core>, is_cancelled: bool);
}

impl Core {
    pub(super) fn outside(&self) -> Option<&dyn Outside> {
        self.outside.get().map(|outside| &**outside)
    }

    /// What fills the slot; `make` makes it now, if this is its first use.
    pub(crate) fn outside_or(&self, make: impl FnOnce() -> Box<dyn Outside>) -> &dyn Outside {
        &**self.outside.get_or_init(make)
    }

    /// How many messages of other threads have not been taken in.
    pub(super) fn messages(&self) -> usize {
        self.outside().map_or(0, |outside| outside.waiting())
    }

    /// The loop begins to end. Nothing new begins from now on: a task is cancelled inside the call that spawns it, and what
    /// other threads send is refused.
    pub(super) fn refuse_work(&self) {
        self.tasks.refuse_tasks();
        if let Some(outside) = self.outside() {
            outside.refuse();
        }
    }

    pub(super) fn guard_main(self: &Rc<Self>) -> Option<Box<dyn MainGuard>> {
        self.outside()?.guard_main(self)
    }
}
