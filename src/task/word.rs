//! The atomic word of a task, which other threads change.
//!
//! ```text
//!  63                     4    3       2       1      0
//! +------------------------+------+--------+------+--------+
//! | references, signed     | DEAD | CANCEL | WAKE | PUSHED |
//! +------------------------+------+--------+------+--------+
//! ```
//!
//! PUSHED: the task is in the stack, or one thread is about to push it. WAKE: a wakeup was requested. CANCEL: the
//! task's cancellation was requested. DEAD: the loop has been dropped, and the word counts all references. While the
//! loop lives, the word counts what remote threads added and dropped, so the total is the owner's plain count plus this
//! one.

use std::process;

use super::sync::{AtomicIsize, Ordering};

const PUSHED: isize = 1 << 0;
const WAKE: isize = 1 << 1;
const CANCEL: isize = 1 << 2;
const DEAD: isize = 1 << 3;
const COUNT_SHIFT: u32 = 4;
const ONE: isize = 1 << COUNT_SHIFT;

/// What a thread requests of the task.
#[derive(Clone, Copy)]
pub(super) enum Request {
    Nothing = 0,
    Wake = WAKE,
    Cancel = CANCEL,
}

/// What the caller of `notify` must do next.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Action {
    /// The task is dead, or the thread that set PUSHED pushes it and unparks the loop.
    Nothing,
    /// PUSHED was set: push the task onto the stack and unpark the loop.
    Push,
    /// The last reference to a dead task was dropped: free the memory.
    Free,
}

/// The content of a word, taken by the owner.
pub(super) struct Taken {
    pub(super) references: isize,
    pub(super) wake: bool,
    pub(super) cancel: bool,
}

/// The atomic word of one task.
pub(super) struct RemoteWord(AtomicIsize);

impl RemoteWord {
    pub(super) fn new() -> Self {
        Self(AtomicIsize::new(0))
    }

    /// Adds a reference on any thread.
    pub(super) fn add_reference(&self) {
        // Relaxed: the caller's reference keeps the task alive; as in `Arc`.
        if self.0.fetch_add(ONE, Ordering::Relaxed) > isize::MAX / 2 {
            // Only forgotten clones add up to this; as in `Arc`.
            process::abort();
        }
    }

    /// Moves the owner's count here before it overflows: clones made on other threads and dropped on the owner thread.
    #[cold]
    #[inline(never)]
    pub(super) fn add_references(&self, references: isize) {
        self.0.fetch_add(references * ONE, Ordering::Relaxed);
    }

    /// Drops so many references and makes a request, in one step, so that the owner is notified once. It is notified
    /// through the stack; once DEAD is set, the count alone decides.
    pub(super) fn notify(&self, dropped: isize, request: Request) -> Action {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let dead = word & DEAD != 0;
            let rest = word - dropped * ONE;
            let next = if dead {
                rest
            } else {
                rest | PUSHED | request as isize
            };
            // AcqRel: the thread that frees sees all that the other holders did before their drops. A pusher writes the
            // link after the owner has read it. And the read-modify-write happens even if it changes nothing: it hands
            // what this thread did before a request over to the owner, who takes the word with an acquiring swap.
            match self
                .0
                .compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Err(now) => word = now,
                Ok(_) if dead && is_unreferenced(next) => return Action::Free,
                Ok(_) if dead || word & PUSHED != 0 => return Action::Nothing,
                Ok(_) => return Action::Push,
            }
        }
    }

    /// The owner has taken the task off the stack: moves count and wakeup to the owner.
    pub(super) fn take(&self) -> Taken {
        // AcqRel: the owner sees what was done before a wakeup or a drop; the next pusher, that the link was read.
        let word = self.0.swap(0, Ordering::AcqRel);
        Taken {
            references: word >> COUNT_SHIFT,
            wake: word & WAKE != 0,
            cancel: word & CANCEL != 0,
        }
    }

    /// Whether no reference is left, given the owner's count, and no push is under way.
    pub(super) fn is_last(&self, owner_count: isize) -> bool {
        // Relaxed: the last use on another thread was a push, and the owner has taken the word since. A push that is
        // refused while the loop closes is no exception: then only `take_one` asks, after all references were merged.
        let word = self.0.load(Ordering::Relaxed);
        word & PUSHED == 0 && (word >> COUNT_SHIFT) + owner_count == 0
    }

    /// The stack refused the push. True if the caller must free the memory.
    #[must_use]
    pub(super) fn push_refused(&self) -> bool {
        // AcqRel: as in `notify`.
        let kept = !(PUSHED | WAKE | CANCEL);
        let word = self.0.fetch_and(kept, Ordering::AcqRel) & kept;
        word & DEAD != 0 && is_unreferenced(word)
    }

    /// The loop is being dropped: the word counts all references from now on. True if the caller must free the memory.
    #[must_use]
    pub(super) fn die(&self, owner_count: isize) -> bool {
        let change = owner_count * ONE + DEAD;
        // AcqRel: as in `notify`.
        is_unreferenced(self.0.fetch_add(change, Ordering::AcqRel) + change)
    }
}

/// Count zero, and no push under way.
fn is_unreferenced(word: isize) -> bool {
    word & PUSHED == 0 && word >> COUNT_SHIFT == 0
}
