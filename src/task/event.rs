//! What is reported of tasks: their events, the causes, and their states.

use std::any::Any;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::ptr::NonNull;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::header::Header;
use super::reference::Task;
use crate::waiting::{WaitSet, WaitsOn};

/// An event of a task, passed to an [`Observer`](crate::Observer). Plain calls are not tasks: they only appear as
/// causes.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum TaskEvent<'a> {
    /// It was spawned. It is queued too, unless it is eager or its loop is ending.
    Spawned(WokenBy<'a>),
    /// It was waiting and became ready, or is to be cancelled.
    Queued(WokenBy<'a>),
    /// Its poll begins, inside of another task's poll if it is eager.
    PollBegins,
    /// Its poll has ended. If the task has ended in it, that event came before.
    PollEnds,
    /// It waits, for any of these.
    ///
    /// If it waits for several tasks, there is a [`Result`](WaitsOn::Result) for each. If it is woken then and
    /// continues to wait for more than a hundred of them, there is one for some of them, and
    /// [`OtherResults`](WaitsOn::OtherResults) for the rest.
    WaitBegins(&'a [WaitsOn]),
    /// Its wait is over; `Queued` follows.
    WaitEnds,
    /// It has returned a value.
    Finished,
    /// It was cancelled.
    Cancelled,
    /// It has panicked, or its error went to its task group.
    Panicked,
}

/// The cause of a spawn or a wakeup.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum WokenBy<'a> {
    /// A task: code in its poll, or its end.
    Task(&'a Task),
    /// A plain call.
    Call,
    /// A timer.
    Timer,
    /// Another thread.
    OtherThread,
    /// Code outside of the running loop, or the loop itself as it ends.
    Outside,
}

/// The state of an unfinished task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskState {
    /// It is being polled.
    Running,
    /// It is in the run queue.
    Ready,
    /// It is in the run queue to be cancelled.
    Cancelling,
    /// It waits.
    Waiting,
}

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

/// The noted waits of tasks. They lie in a map and not in the `Extra`, for a loop in virtual time has observed tasks
/// without one, and a wait must not allocate.
pub(super) type Noted = HashMap<NonNull<Header>, WaitSet, BuildHasherDefault<DefaultHasher>>;
