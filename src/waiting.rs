//! What a task says it waits for: a note on the side, for those who look at a loop from outside.
//!
//! A primitive that makes its caller wait notes its kind here, in one instruction, and knows nothing of tasks. Who
//! polls a task, and wants to know, empties the notes before the poll and reads them after it; nobody else looks.

use std::cell::Cell;

/// What can be waited for beside timers and the results of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    QueueGet,
    QueuePut,
    QueueJoin,
    Lock,
    Event,
    Condition,
    Barrier,
    Message,
    Group,
    AnyOfMany,
    Forever,
}

impl Kind {
    pub(crate) const ALL: [Self; 11] = [
        Self::QueueGet,
        Self::QueuePut,
        Self::QueueJoin,
        Self::Lock,
        Self::Event,
        Self::Condition,
        Self::Barrier,
        Self::Message,
        Self::Group,
        Self::AnyOfMany,
        Self::Forever,
    ];
}

/// A set of kinds.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Kinds(u32);

impl Kinds {
    pub(crate) fn iter(self) -> impl Iterator<Item = Kind> {
        let kinds = Kind::ALL.into_iter();
        kinds.filter(move |kind| self.0 & 1 << *kind as u32 != 0)
    }

    /// The set as a number that says the same, and back.
    pub(crate) fn bits(self) -> usize {
        self.0 as usize
    }

    pub(crate) fn from_bits(bits: usize) -> Self {
        Self(bits as u32)
    }
}

thread_local! {
    static NOTED: Cell<u32> = const { Cell::new(0) };
}

/// Notes that the caller is about to wait.
#[inline]
pub(crate) fn note(kind: Kind) {
    // While the thread ends there is nobody who would read it.
    let _ = NOTED.try_with(|noted| noted.set(noted.get() | 1 << kind as u32));
}

/// What was noted since the last call; from now on that is `kinds`.
pub(crate) fn replace(kinds: Kinds) -> Kinds {
    Kinds(NOTED.replace(kinds.0))
}
