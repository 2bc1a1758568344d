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
    tail: Cell<Option<NonNull<Header>>>,
}

impl ReadyQueue {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.head.get().is_none()
    }

    /// Appends a task whose queued flag the caller has just turned on.
    #[inline]
    pub(super) fn push(&self, task: Task) {
        let entry = ManuallyDrop::new(task).as_ptr();
        match self.tail.replace(Some(entry)) {
            // SAFETY: COUNTED: an entry keeps its task alive.
            Some(last) => unsafe { last.as_ref() }.ready_next.set(Some(entry)),
            None => self.head.set(Some(entry)),
        }
    }

    #[inline]
    pub(super) fn pop(&self) -> Option<Task> {
        let entry = self.head.get()?;
        // SAFETY: COUNTED: an entry keeps its task alive.
        let next = unsafe { entry.as_ref() }.ready_next.take();
        self.head.set(next);
        if next.is_none() {
            self.tail.set(None);
        }
        // SAFETY: COUNTED: the entry's count moves to the caller.
        Some(unsafe { Task::from_ptr(entry) })
    }

    /// Moves all entries to an empty queue.
    #[inline]
    pub(super) fn drain_into(&self, other: &Self) {
        debug_assert!(other.is_empty());
        other.head.set(self.head.take());
        other.tail.set(self.tail.take());
    }
}
