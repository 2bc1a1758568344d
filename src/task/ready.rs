//! The ready queue: first in, first out, linked through the headers, so that a wakeup does not allocate.
//!
//! An entry owns no reference: a task that is queued is not freed (ONE-ENTRY), so neither a wakeup nor a run changes
//! the count.

use std::cell::Cell;
use std::ptr::NonNull;

use super::header::Header;
use super::rng::Rng;

pub(super) struct ReadyQueue {
    head: Cell<Option<NonNull<Header>>>,
    /// The last entry; dangling while the queue is empty.
    tail: Cell<NonNull<Header>>,
    /// The last entry of the current round. Entries behind it belong to the next round.
    round_end: Cell<Option<NonNull<Header>>>,
}

impl ReadyQueue {
    pub(super) fn new() -> Self {
        Self {
            head: Cell::new(None),
            tail: Cell::new(NonNull::dangling()),
            round_end: Cell::new(None),
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.head.get().is_none()
    }

    /// Appends a task whose queued flag the caller has just set.
    #[inline]
    pub(super) fn push(&self, task: NonNull<Header>) {
        // SAFETY: ONE-ENTRY: the flag keeps the task alive from now on.
        unsafe { task.as_ref() }.ready_next.set(None);
        let last = self.tail.replace(task);
        if self.is_empty() {
            self.head.set(Some(task));
        } else {
            // SAFETY: ONE-ENTRY: the queue is not empty, so its last entry is queued, and alive.
            unsafe { last.as_ref() }.ready_next.set(Some(task));
        }
    }

    /// Pops the first entry. The caller clears its queued flag.
    #[inline]
    pub(super) fn pop(&self) -> Option<NonNull<Header>> {
        let task = self.head.get()?;
        // SAFETY: ONE-ENTRY: the entry is queued, and so alive.
        self.head.set(unsafe { task.as_ref() }.ready_next.get());
        Some(task)
    }

    /// Pops the first entry, if its task has finished.
    pub(super) fn pop_ended(&self) -> Option<NonNull<Header>> {
        debug_assert!(!self.in_round(), "called between rounds only");
        let first = self.head.get()?;
        // SAFETY: ONE-ENTRY: the entry is queued, and so alive.
        let has_ended = unsafe { first.as_ref() }.state.is_finished();
        has_ended.then(|| self.pop()).flatten()
    }

    /// Begins a round of the entries queued now. False: there are none.
    #[inline]
    pub(super) fn begin_round(&self) -> bool {
        debug_assert!(
            self.round_end.get().is_none(),
            "a round begins when the last one has ended"
        );
        let ready = !self.is_empty();
        if ready {
            self.round_end.set(Some(self.tail.get()));
        }
        ready
    }

    /// Shuffles the queue.
    #[cold]
    pub(super) fn shuffle(&self, rng: &Rng) {
        let mut entries: Vec<_> = std::iter::from_fn(|| self.pop()).collect();
        rng.shuffle(&mut entries);
        entries.into_iter().for_each(|task| self.push(task));
    }

    /// Pops the next entry of the round. The round ends when its last entry is popped, before that task is run.
    #[inline]
    pub(super) fn pop_of_round(&self) -> Option<NonNull<Header>> {
        let last = self.round_end.get()?;
        let task = self.pop()?;
        if task == last {
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
