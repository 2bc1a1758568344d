//! What a task waits for, and the notes of it.
//!
//! A primitive that makes its caller wait notes that here, in one instruction, without access to the task. An observed
//! loop clears the notes before each poll and reads them after it; other loops ignore them.

use std::cell::Cell;
use std::fmt;
use std::time::Instant;

/// The identity of a task: unique in the process, and ordered by spawn within a loop.
///
/// It prints as three numbers: that of its loop, that of the task among the unnamed tasks (for a task that was named at
/// its spawn, that of the last unnamed task before it), and that of the task among the named ones (0 if it was not
/// named at its spawn).
///
/// # Examples
///
/// ```
/// looplet::run(async {
///     let (first, second) = (looplet::spawn(async {}), looplet::spawn(async {}));
///     assert!(first.id() < second.id());
///     assert_eq!(first.id(), first.task().id());
///     assert!(first.id().to_string().ends_with(".2.0")); // the second unnamed task, after main
/// });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId {
    pub(crate) serial: u64,
    pub(crate) number: u64,
    pub(crate) named: u64,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.serial, self.number, self.named)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskId({self})")
    }
}

/// What a task waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WaitsOn {
    /// A point in time.
    Until(Instant),
    /// A time that never comes.
    Forever,
    /// The result of a task.
    Result(TaskId),
    /// The results of other tasks, which were listed before; see
    /// [`TaskEvent::WaitBegins`](crate::TaskEvent::WaitBegins).
    OtherResults,
    /// An item of a queue.
    QueueGet,
    /// Room in a queue.
    QueuePut,
    /// The completion of all items that were put into a queue.
    QueueJoin,
    /// A mutex, or a permit of a semaphore.
    Lock,
    /// An event that is not set.
    Event,
    /// A notification of a condition.
    Condition,
    /// The other tasks of a barrier.
    Barrier,
    /// The message of a oneshot channel.
    Message,
    /// The children of its task group, which are listed as [`Result`](Self::Result)s too.
    Group,
    /// The first of several tasks to end, which are listed as [`Result`](Self::Result)s too.
    AnyOfMany,
    /// A future of another crate, or a wait that was not recorded.
    Elsewhere,
}

impl WaitsOn {
    /// Whether it only repeats the [`Result`](Self::Result)s of the same wait.
    pub(crate) fn is_in_results(&self) -> bool {
        matches!(self, Self::Group | Self::AnyOfMany)
    }
}

/// Declares the waits that primitives note, in the order in which they are reported.
macro_rules! noted {
    ($($wait:ident),*) => {
        enum Bit {
            $($wait),*
        }

        impl WaitsOn {
            #[inline]
            const fn bit(&self) -> u32 {
                match self {
                    $(Self::$wait => 1 << Bit::$wait as u32,)*
                    _ => unreachable!(),
                }
            }
        }

        impl WaitSet {
            pub(crate) fn iter(self) -> impl Iterator<Item = WaitsOn> {
                let all = [$(WaitsOn::$wait),*].into_iter();
                all.filter(move |wait| self.0 & wait.bit() != 0)
            }
        }
    };
}

noted!(
    QueueGet, QueuePut, QueueJoin, Lock, Event, Condition, Barrier, Message, Group, AnyOfMany,
    Forever
);

/// A set of waits that primitives have noted.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct WaitSet(u32);

thread_local! {
    static NOTED: Cell<WaitSet> = const { Cell::new(WaitSet(0)) };
}

/// Notes that the caller is about to wait.
#[inline]
pub(crate) fn note(wait: WaitsOn) {
    // While the thread ends, no loop is left to read the note.
    let _ = NOTED.try_with(|noted| noted.set(WaitSet(noted.get().0 | wait.bit())));
}

/// Returns the waits that were noted since the last call, and replaces them by `waits`.
pub(crate) fn replace(waits: WaitSet) -> WaitSet {
    NOTED.replace(waits)
}
