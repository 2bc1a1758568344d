//! The kinds of waits that a task has begun in its current poll, for dumps and observers.
//!
//! A primitive that makes its caller wait notes its kind here, in one instruction, without access to the task. An
//! observed loop clears the notes before each poll and reads them after it; other loops ignore them.

use std::cell::Cell;

/// A kind of wait other than for a timer or the result of a task.
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

    /// The set as a number; [`from_bits`](Self::from_bits) is the inverse.
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
    // While the thread ends, no loop is left to read the note.
    let _ = NOTED.try_with(|noted| noted.set(noted.get() | 1 << kind as u32));
}

/// Returns the kinds that were noted since the last call, and replaces them by `kinds`.
pub(crate) fn replace(kinds: Kinds) -> Kinds {
    Kinds(NOTED.replace(kinds.0))
}
