//! What other threads may do to a task: one atomic word per task, and one lock-free stack per loop.
//!
//! ```text
//!  63                              3    2      1      0
//! +---------------------------------+------+------+--------+
//! | references, signed              | DEAD | WAKE | QUEUED |
//! +---------------------------------+------+------+--------+
//! ```
//!
//! QUEUED: the task is in the stack, or one thread is about to push it. WAKE: somebody wants it to run. DEAD: the loop
//! is gone, and the word now counts every reference there is. While the loop lives the count is what other threads
//! added and took away, so the total is the owner's plain count plus this one.

use std::process;
use std::ptr::{self, NonNull};

use super::raw::Header;
use super::sync::{AtomicBool, AtomicIsize, AtomicPtr, Ordering};

const QUEUED: isize = 1 << 0;
const WAKE: isize = 1 << 1;
const DEAD: isize = 1 << 2;
const COUNT_SHIFT: u32 = 3;
const ONE: isize = 1 << COUNT_SHIFT;

/// What a thread must do after it dropped a reference.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum DropAction {
    Nothing,
    /// QUEUED was turned on: push the task on the stack and ring.
    Push,
    /// That was the last reference to a task whose loop is gone: free the memory.
    Free,
}

/// What a thread must do after it asked for a wakeup.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum WakeAction {
    /// Somebody else brings the task to the stack, and rings.
    Nothing,
    /// QUEUED was turned on: push the task on the stack and ring.
    Push,
}

/// What the owner finds in a word that it takes off the stack.
pub(super) struct Taken {
    pub(super) references: isize,
    pub(super) wake: bool,
}

/// The atomic word of one task.
pub(super) struct ForeignWord(AtomicIsize);

impl ForeignWord {
    pub(super) fn new() -> Self {
        Self(AtomicIsize::new(0))
    }

    /// One more reference, held by any thread.
    pub(super) fn add_reference(&self) {
        // Relaxed: the caller holds a reference, so the task cannot go away meanwhile; as in `Arc`.
        if self.0.fetch_add(ONE, Ordering::Relaxed) > isize::MAX / 2 {
            // Only clones that were forgotten one by one come so far; as in `Arc`.
            process::abort();
        }
    }

    /// The owner's count moves here before it overflows: clones that were made elsewhere and dropped at home.
    #[cold]
    #[inline(never)]
    pub(super) fn add_references(&self, references: isize) {
        self.0.fetch_add(references * ONE, Ordering::Relaxed);
    }

    /// One reference less, and the owner is told through the stack; after the loop's end the count alone decides.
    pub(super) fn drop_reference(&self) -> DropAction {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let dead = word & DEAD != 0;
            let next = if dead {
                word - ONE
            } else {
                (word - ONE) | QUEUED
            };
            // AcqRel: whoever frees sees all that the other holders did before they let go. And a pusher writes the link
            // after the owner has read it.
            match self
                .0
                .compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Err(now) => word = now,
                Ok(_) if dead && is_unreferenced(next) => return DropAction::Free,
                Ok(_) if dead || word & QUEUED != 0 => return DropAction::Nothing,
                Ok(_) => return DropAction::Push,
            }
        }
    }

    /// Asks for a wakeup.
    pub(super) fn wake(&self) -> WakeAction {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            // The read-modify-write happens even if WAKE is set already: it hands what this thread did before over
            // to the owner, who takes WAKE off with an acquiring swap. It acquires for the sake of the link, as above.
            let next = if word & DEAD != 0 {
                word
            } else {
                word | QUEUED | WAKE
            };
            match self
                .0
                .compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Err(now) => word = now,
                Ok(_) if word & (DEAD | QUEUED) != 0 => return WakeAction::Nothing,
                Ok(_) => return WakeAction::Push,
            }
        }
    }

    /// The owner took the task off the stack: what was counted and wanted moves to the owner.
    pub(super) fn take(&self) -> Taken {
        // AcqRel: the owner sees what was done before a wakeup or a drop; the next pusher, that the link was read.
        let word = self.0.swap(0, Ordering::AcqRel);
        Taken {
            references: word >> COUNT_SHIFT,
            wake: word & WAKE != 0,
        }
    }

    /// The owner's count has reached zero or less: is it the last reference of all, with no push under way?
    pub(super) fn is_last(&self, owner_count: isize) -> bool {
        // Acquire: while the loop closes, the last use elsewhere may have been a push that was refused.
        let word = self.0.load(Ordering::Acquire);
        word & QUEUED == 0 && (word >> COUNT_SHIFT) + owner_count == 0
    }

    /// The push met a closed stack. True if the memory is the caller's to free.
    #[must_use]
    pub(super) fn push_refused(&self) -> bool {
        // AcqRel: as in `drop_reference`.
        let word = self.0.fetch_and(!(QUEUED | WAKE), Ordering::AcqRel) & !(QUEUED | WAKE);
        word & DEAD != 0 && is_unreferenced(word)
    }

    /// The loop is going: from now on the word counts everything. True if the memory is the caller's to free.
    #[must_use]
    pub(super) fn die(&self, owner_count: isize) -> bool {
        let change = owner_count * ONE + DEAD;
        // AcqRel: as in `drop_reference`.
        is_unreferenced(self.0.fetch_add(change, Ordering::AcqRel) + change)
    }
}

/// Count zero, and no thread on its way to the stack with the task in hand.
fn is_unreferenced(word: isize) -> bool {
    word & QUEUED == 0 && word >> COUNT_SHIFT == 0
}

/// The tasks that other threads have something to say about, newest first, and the sleeper's flag.
///
/// Pushing and falling asleep are a pair: a pusher changes the stack and then looks at the flag, the loop sets the flag
/// and then looks at the stack, by an exchange of nothing for nothing. Exchanges of one place come one after the other:
/// either the loop's sees the push, or the push sees the loop's, and with it the flag. The same holds for the mail.
///
/// A thread whose push was taken before the loop fell asleep may look at the flag afterwards, and be the one that must
/// ring. It has no exchange to learn from, so the flag itself carries what the loop did before it fell asleep.
pub(super) struct Stack {
    head: AtomicPtr<Header>,
    /// Something lies in a mailbox beside the stack.
    mail: AtomicBool,
    asleep: AtomicBool,
}

/// The head of a stack whose loop is gone; an address that no task has.
fn closed() -> *mut Header {
    ptr::without_provenance_mut(1)
}

/// Whether nothing was pushed: an exchange, not a load, for the sake of its place among the pushes.
///
/// Release: later pushes see the flag. Nothing is acquired, for what was pushed is still to be taken.
fn is_unchanged(head: &AtomicPtr<Header>) -> bool {
    let null = ptr::null_mut();
    head.compare_exchange(null, null, Ordering::Release, Ordering::Relaxed)
        .is_ok()
}

impl Stack {
    pub(super) fn new() -> Self {
        Self {
            head: AtomicPtr::new(ptr::null_mut()),
            mail: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
        }
    }

    /// Whether there is something to take. Two plain loads: the loop asks between any two rounds.
    #[inline]
    pub(super) fn has_news(&self) -> bool {
        !self.head.load(Ordering::Relaxed).is_null() || self.mail.load(Ordering::Relaxed)
    }

    /// Tells the loop to look into its mailbox. The letter is in it already.
    pub(super) fn announce_mail(&self) {
        // AcqRel: the loop sees the letter, and this thread whether the loop sleeps.
        self.mail.swap(true, Ordering::AcqRel);
    }

    /// Whether there is mail. What arrives after this call announces itself again.
    pub(super) fn take_mail(&self) -> bool {
        // Acquire: the letters are seen.
        self.mail.load(Ordering::Relaxed) && self.mail.swap(false, Ordering::Acquire)
    }

    /// Publishes a task whose QUEUED flag the caller has just turned on. False: the loop is gone.
    #[must_use]
    pub(super) fn push(&self, task: NonNull<Header>) -> bool {
        let mut head = self.head.load(Ordering::Relaxed);
        while head != closed() {
            // SAFETY: ONE-ENTRY: QUEUED is on and not yet in the stack, so the link is the pusher's alone, and the
            // owner does not free a task that is QUEUED.
            unsafe { task.as_ref() }
                .foreign_next
                .store(head, Ordering::Relaxed);
            // AcqRel: the loop sees the link, and this thread whether the loop sleeps.
            match self.head.compare_exchange_weak(
                head,
                task.as_ptr(),
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => head = now,
            }
        }
        false
    }

    /// Takes all that was pushed, in the order in which it was pushed.
    pub(super) fn take_all(&self) -> Pushed {
        // Acquire: the links are seen. Nothing is released: a link is given back by its task's word.
        Pushed::oldest_first(self.head.swap(ptr::null_mut(), Ordering::Acquire))
    }

    /// Refuses every later push and takes what was pushed before.
    pub(super) fn close(&self) -> Pushed {
        // Acquire: the links are seen. Nothing is released: whoever is refused goes by its task's word.
        Pushed::oldest_first(self.head.swap(closed(), Ordering::Acquire))
    }

    /// The loop is about to sleep. False: something has arrived, so it must not.
    #[must_use]
    pub(super) fn fall_asleep(&self) -> bool {
        // Release, for a thread that must ring and has pushed before. The mail's: as in `is_unchanged`.
        self.asleep.swap(true, Ordering::Release);
        let quiet = is_unchanged(&self.head) && !self.mail.fetch_or(false, Ordering::Release);
        if !quiet {
            self.wake_up();
        }
        quiet
    }

    pub(super) fn wake_up(&self) {
        // Relaxed: whoever still finds it set rings once too often.
        self.asleep.swap(false, Ordering::Relaxed);
    }

    /// True for the one caller that must ring for a sleeping loop. What the loop did before it fell asleep is seen.
    #[must_use]
    pub(super) fn must_ring(&self) -> bool {
        // The load keeps a flood of wakeups from writing to the flag's cache line.
        self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::Acquire)
    }
}

/// Tasks taken off the stack. Whoever takes the next one must call `ForeignWord::take` on it: until then it is QUEUED
/// and cannot be freed.
pub(super) struct Pushed(*mut Header);

impl Pushed {
    fn oldest_first(mut newest: *mut Header) -> Self {
        let mut oldest_first = ptr::null_mut();
        while let Some(task) = NonNull::new(newest) {
            // SAFETY: ONE-ENTRY: the task is off the stack and still QUEUED, so nobody frees it or writes its link.
            let link = unsafe { &task.as_ref().foreign_next };
            newest = link.load(Ordering::Relaxed);
            link.store(oldest_first, Ordering::Relaxed);
            oldest_first = task.as_ptr();
        }
        Self(oldest_first)
    }
}

impl Iterator for Pushed {
    type Item = NonNull<Header>;

    fn next(&mut self) -> Option<NonNull<Header>> {
        let task = NonNull::new(self.0)?;
        // SAFETY: ONE-ENTRY: still QUEUED. The link is read before the caller takes the word, for a push that comes
        // after that may overwrite it.
        self.0 = unsafe { task.as_ref() }
            .foreign_next
            .load(Ordering::Relaxed);
        Some(task)
    }
}
