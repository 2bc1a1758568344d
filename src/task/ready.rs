//! The ready queue: first in, first out, linked through the headers, so that a wakeup cannot fail for want of memory.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use super::Task;
use super::raw::Header;

/// Each entry owns one count of its task.
#[derive(Default)]
pub(super) struct ReadyQueue {
    head: Cell<Option<NonNull<Header>>>,
    /// The last entry; without meaning while there is none.
    tail: Cell<Option<NonNull<Header>>>,
    /// The last entry of the round that is being run. What is queued behind it belongs to the next round, so a round
    /// needs no list of its own.
    round_end: Cell<Option<NonNull<Header>>>,
}

impl ReadyQueue {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.head.get().is_none()
    }

    /// Appends a task whose queued flag the caller has just turned on.
    #[inline]
    pub(super) fn push(&self, task: Task) {
        let task = ManuallyDrop::new(task);
        task.header().ready_next.set(None);
        let entry = Some(task.as_ptr());
        match self.tail.replace(entry) {
            // SAFETY: COUNTED: an entry keeps its task alive.
            Some(last) if !self.is_empty() => unsafe { last.as_ref() }.ready_next.set(entry),
            _ => self.head.set(entry),
        }
    }

    #[inline]
    pub(super) fn pop(&self) -> Option<Task> {
        let entry = self.head.get()?;
        // SAFETY: COUNTED: an entry keeps its task alive.
        self.head.set(unsafe { entry.as_ref() }.ready_next.get());
        // SAFETY: COUNTED: the entry's count moves to the caller.
        Some(unsafe { Task::from_ptr(entry) })
    }

    /// Makes what is queued now a round.
    #[inline]
    pub(super) fn begin_round(&self) {
        debug_assert!(
            self.round_end.get().is_none(),
            "a round begins when the last one has ended"
        );
        if !self.is_empty() {
            self.round_end.set(self.tail.get());
        }
    }

    /// Takes the next entry of the round. The round is over with its last entry, before that one has had its turn.
    #[inline]
    pub(super) fn pop_of_round(&self) -> Option<Task> {
        let last = self.round_end.get()?;
        let task = self.pop()?;
        if task.as_ptr() == last {
            self.round_end.set(None);
        }
        Some(task)
    }

    /// Whether entries of the round are left.
    #[inline]
    pub(super) fn in_round(&self) -> bool {
        self.round_end.get().is_some()
    }
}
