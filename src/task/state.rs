//! The plain state of a task: flags and the task's number in one word.
//!
//! Only the owner thread reads or writes it (OWNER-THREAD), so a transition is a load and a store. A transition returns
//! the action that the caller must take.

use std::cell::Cell;

/// In the ready queue: exactly one entry stands for this task (ONE-ENTRY).
const QUEUED: u64 = 1 << 0;
/// The future is being polled or dropped, somewhere on the call stack.
const RUNNING: u64 = 1 << 1;
/// The future has been dropped.
const FINISHED: u64 = 1 << 2;
/// Cancellation was requested.
const CANCEL: u64 = 1 << 3;
/// The join handle exists and may still take the output.
const HANDLE: u64 = 1 << 4;
/// The cell holds a value or a panic that was not taken yet.
const PAYLOAD: u64 = 1 << 5;
/// Two bits for the [`Outcome`]; valid once FINISHED is set.
const OUTCOME_SHIFT: u32 = 6;
const OUTCOME: u64 = 0b11 << OUTCOME_SHIFT;
/// The task returned an error.
const ERROR: u64 = 1 << 8;
/// The cell holds no task.
const VACANT: u64 = 1 << 9;
/// Wakeups and polls take the observed path: see `observe`.
const OBSERVED: u64 = 1 << 10;
/// The join handle was polled, so that dropping it cancels the task.
const AWAITED: u64 = 1 << 11;
/// The task's number, in spawn order, is above the flags: 52 bits last for a year of continuous spawning.
const NUMBER_SHIFT: u32 = 12;

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Value = 0,
    Panicked = 1,
    Cancelled = 2,
    Failed = 3,
}

/// What the caller of a wakeup must do next.
#[must_use]
pub(super) enum WakeAction {
    /// The task is ready already, or has finished.
    Nothing,
    /// Push it onto the ready queue.
    Enqueue,
    /// Push it onto the ready queue and notify the observer.
    NoteAndEnqueue,
}

/// What the caller of a cancellation must do next.
#[must_use]
pub(super) enum CancelAction {
    /// The task had finished already.
    TooLate,
    /// The request is recorded; the wakeup's action remains.
    Wake(WakeAction),
}

/// What the loop must do with a task taken from the ready queue.
#[must_use]
pub(super) enum RunAction {
    Poll,
    /// Poll it and notify the observer.
    PollObserved,
    /// Drop the future instead of polling it.
    Cancel,
    /// It finished while it was queued, or its destructor is running the loop.
    Skip,
}

pub(super) struct State(Cell<u64>);

impl State {
    /// The state of a new task; `handle` is false for a plain call.
    pub(super) fn new(number: u64, handle: bool) -> Self {
        let handle = if handle { HANDLE } else { 0 };
        Self(Cell::new(number << NUMBER_SHIFT | handle))
    }

    #[inline]
    fn has(&self, flags: u64) -> bool {
        self.0.get() & flags != 0
    }

    #[inline]
    fn insert(&self, flags: u64) {
        self.0.set(self.0.get() | flags);
    }

    #[inline]
    fn remove(&self, flags: u64) {
        self.0.set(self.0.get() & !flags);
    }

    /// Inserts an absent flag by addition. An `or` of one bit may be compiled to a byte store, which the processor
    /// cannot forward to the next load of the word.
    #[inline]
    fn raise(&self, flag: u64) {
        debug_assert!(!self.has(flag));
        self.0.set(self.0.get().wrapping_add(flag));
    }

    /// Removes a present flag, for the same reason by subtraction.
    #[inline]
    fn lower(&self, flag: u64) {
        debug_assert!(self.has(flag));
        self.0.set(self.0.get().wrapping_sub(flag));
    }

    pub(super) fn number(&self) -> u64 {
        self.0.get() >> NUMBER_SHIFT
    }

    pub(super) fn set_number(&self, number: u64) {
        let flags = self.0.get() & ((1 << NUMBER_SHIFT) - 1);
        self.0.set(number << NUMBER_SHIFT | flags);
    }

    /// The cell is freed.
    #[inline]
    pub(super) fn vacate(&self) {
        self.0.set(VACANT);
    }

    pub(super) fn is_vacant(&self) -> bool {
        self.has(VACANT)
    }

    pub(super) fn is_queued(&self) -> bool {
        self.has(QUEUED)
    }

    pub(super) fn is_running(&self) -> bool {
        self.has(RUNNING)
    }

    pub(super) fn is_finished(&self) -> bool {
        self.has(FINISHED)
    }

    /// How the task ended, if it has.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        let outcome = match (self.0.get() & OUTCOME) >> OUTCOME_SHIFT {
            0 => Outcome::Value,
            1 => Outcome::Panicked,
            2 => Outcome::Cancelled,
            _ => Outcome::Failed,
        };
        self.is_finished().then_some(outcome)
    }

    pub(super) fn is_cancel_requested(&self) -> bool {
        self.has(CANCEL)
    }

    /// A wakeup.
    #[inline]
    pub(super) fn wake(&self) -> WakeAction {
        if !self.has(QUEUED | FINISHED | OBSERVED) {
            self.raise(QUEUED);
            WakeAction::Enqueue
        } else if self.has(QUEUED | FINISHED) {
            WakeAction::Nothing
        } else {
            self.insert(QUEUED);
            WakeAction::NoteAndEnqueue
        }
    }

    /// A wakeup of what is never observed. True if it is to be queued.
    pub(super) fn wake_unobserved(&self) -> bool {
        matches!(self.wake(), WakeAction::Enqueue)
    }

    /// A new task is queued for its first poll.
    #[inline]
    pub(super) fn queue_new(&self) {
        self.raise(QUEUED);
    }

    pub(super) fn set_observed(&self) {
        self.insert(OBSERVED);
    }

    pub(super) fn is_observed(&self) -> bool {
        self.has(OBSERVED)
    }

    pub(super) fn request_cancel(&self) -> CancelAction {
        if self.is_finished() {
            return CancelAction::TooLate;
        }
        self.insert(CANCEL);
        CancelAction::Wake(self.wake())
    }

    /// The queue entry was popped and the task is not run.
    pub(super) fn unqueue(&self) {
        self.remove(QUEUED);
    }

    /// The queue entry was popped and the task is run.
    #[inline]
    pub(super) fn begin_run(&self) -> RunAction {
        let bits = self.0.get();
        if bits & (CANCEL | FINISHED | OBSERVED | RUNNING) == 0 {
            self.0.set(bits & !QUEUED | RUNNING);
            return RunAction::Poll;
        }
        self.0.set(bits & !QUEUED);
        if bits & (FINISHED | RUNNING) != 0 {
            RunAction::Skip
        } else if bits & CANCEL != 0 {
            RunAction::Cancel
        } else {
            self.insert(RUNNING);
            RunAction::PollObserved
        }
    }

    /// The poll returned `Pending`.
    #[inline]
    pub(super) fn suspend(&self) {
        self.lower(RUNNING);
    }

    /// The future is about to be dropped outside of a poll.
    pub(super) fn begin_drop(&self) {
        self.insert(RUNNING);
    }

    /// The future has been dropped.
    #[inline]
    pub(super) fn finish(&self, outcome: Outcome) {
        let bits = self.0.get() & !(RUNNING | OUTCOME);
        self.0
            .set(bits | FINISHED | (outcome as u64) << OUTCOME_SHIFT);
    }

    pub(super) fn set_error(&self) {
        self.insert(ERROR);
    }

    /// Finished without a value, or with an error.
    pub(super) fn is_irregular(&self) -> bool {
        self.is_finished() && self.has(ERROR | OUTCOME)
    }

    pub(super) fn is_awaited(&self) -> bool {
        self.has(AWAITED)
    }

    #[inline]
    pub(super) fn set_awaited(&self, awaited: bool) {
        let bits = self.0.get() & !AWAITED;
        self.0.set(if awaited { bits | AWAITED } else { bits });
    }

    pub(super) fn has_handle(&self) -> bool {
        self.has(HANDLE)
    }

    pub(super) fn remove_handle(&self) {
        self.remove(HANDLE);
    }

    /// Whether a value that the future has just returned is kept for the handle.
    #[inline]
    pub(super) fn keeps_value(&self) -> bool {
        self.0.get() & (HANDLE | CANCEL) == HANDLE
    }

    #[inline]
    pub(super) fn put_payload(&self) {
        self.insert(PAYLOAD);
    }

    pub(super) fn has_payload(&self) -> bool {
        self.has(PAYLOAD)
    }

    /// True once: the caller now owns the value of the finished task.
    #[inline]
    #[must_use]
    pub(super) fn take_value(&self) -> bool {
        let bits = self.0.get();
        let value = FINISHED | PAYLOAD | (Outcome::Value as u64) << OUTCOME_SHIFT;
        let there = bits & (FINISHED | PAYLOAD | OUTCOME) == value;
        if there {
            self.0.set(bits & !PAYLOAD);
        }
        there
    }

    /// Finished, with nothing left for a handle to take or drop.
    #[inline]
    pub(super) fn is_spent(&self) -> bool {
        self.0.get() & (FINISHED | PAYLOAD) == FINISHED
    }

    /// True once: the caller now owns the value or the panic in the cell.
    #[inline]
    #[must_use]
    pub(super) fn take_payload(&self) -> bool {
        let there = self.has(PAYLOAD);
        self.remove(PAYLOAD);
        there
    }
}
