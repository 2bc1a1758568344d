//! The loop's slot for other threads: the trait through which the loop reaches the remote side.

use std::any::Any;
use std::rc::Rc;

use super::core::Core;
use super::round::POLLS_PER_LOOK;
use crate::task::Task;

/// How many messages of other threads a look takes in at most. Each may queue a task or a call, and a look follows after
/// every [`POLLS_PER_LOOK`] polls: so other threads get half of the polls at most, however fast they send. With as many
/// messages as polls, each round of a flood would be longer than the last, and timers would fire later and later.
pub(crate) const MESSAGES_PER_LOOK: usize = POLLS_PER_LOOK as usize / 2;

/// Whether another thread may still make a task ready; decides whether an idle loop in virtual time waits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    Nothing,
    /// A message may still arrive: an idle loop waits for it.
    Messages,
    /// Blocking jobs wait or run: virtual time stands still.
    Jobs,
}

/// The remote side of a loop. Made at its first use, because most loops need none of it.
pub(crate) trait Outside {
    /// How many messages have come that were not taken in.
    fn waiting(&self) -> usize;

    /// Takes in all messages that have come. A look takes in [`MESSAGES_PER_LOOK`] at most.
    fn collect_all(&self, core: &Core);

    /// What an idle loop has to wait for.
    fn awaited(&self) -> Awaited;

    /// Whether a thread has sent several items since the last call, and so may be about to send the next.
    fn take_is_sending(&self) -> bool;

    /// Called by `block_on` before main runs. The guard is kept until main has ended.
    fn guard_main(&self, _core: &Rc<Core>) -> Option<Box<dyn MainGuard>> {
        None
    }

    /// Called with the main task before its first poll.
    fn main_begins(&self, _main: Task) {}

    /// The loop begins to end: refuses new tasks, calls and items from now on.
    fn refuse(&self);

    /// No message is read any more: drops those that were not.
    fn close(&self);

    /// Waits for the blocking jobs that run. Those that did not run were withdrawn when their tasks were dropped.
    fn finish_jobs(&self);

    fn as_any(&self) -> &dyn Any;
}

/// Lives while main runs.
pub(crate) trait MainGuard {
    /// Called when main has ended.
    fn main_has_ended(self: Box<Self>, core: &Rc<Core>, is_cancelled: bool);
}

impl Core {
    pub(super) fn outside(&self) -> Option<&dyn Outside> {
        self.outside.get().map(|outside| &**outside)
    }

    /// The remote side; `make` creates it at the first use.
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
}
