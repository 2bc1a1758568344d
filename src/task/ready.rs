//! The ready queue: first in, first out, linked through the headers, so that a wakeup cannot fail for want of memory.
//!
//! An entry owns no count: a task that is queued is not freed (ONE-ENTRY), so a wakeup need not count up, nor a turn
//! count down.

use std::cell::Cell;
use std::ptr::NonNull;

use super::raw::Header;
use super::rng::Rng;

pub(super) struct ReadyQueue {
    head: Cell<Option<NonNull<Header>>>,
    /// The last entry; dangling, or long gone, while there is none.
    tail: Cell<NonNull<Header>>,
    /// The last entry of the round that is being run. What is queued behind it belongs to the next round, so a round
    /// needs no list of its own.
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

    /// Appends a task whose queued flag the caller has just turned on.
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

    /// Takes the first entry. The caller turns its queued flag off.
    #[inline]
    pub(super) fn pop(&self) -> Option<NonNull<Header>> {
        let task = self.head.get()?;
        // SAFETY: ONE-ENTRY: the entry is queued, and so alive.
        self.head.set(unsafe { task.as_ref() }.ready_next.get());
        Some(task)
    }

    /// Takes the first entry, if nothing is left to do for it.
    pub(super) fn pop_ended(&self) -> Option<NonNull<Header>> {
        debug_assert!(!self.in_round(), "the end of a round is not lost");
        let first = self.head.get()?;
        // SAFETY: ONE-ENTRY: the entry is queued, and so alive.
        let has_ended = unsafe { first.as_ref() }.state.is_finished();
        has_ended.then(|| self.pop()).flatten()
    }

    /// Makes what is queued now a round. False: nothing is.
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

    /// Puts what is queued now into an order drawn by lot.
    #[cold]
    pub(super) fn shuffle(&self, rng: &Rng) {
        let mut entries: Vec<_> = std::iter::from_fn(|| self.pop()).collect();
        rng.shuffle(&mut entries);
        entries.into_iter().for_each(|task| self.push(task));
    }

    /// Takes the next entry of the round. The round is over with its last entry, before that one has had its turn.
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
