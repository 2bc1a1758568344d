//! The lock-free stack of a loop: the tasks for which other threads have a request.

use std::ptr::{self, NonNull};

use super::header::Header;
use super::sync::{AtomicBool, AtomicPtr, Ordering};

/// The tasks with remote wakeups, cancel requests or drops, newest first, and whether the loop sleeps.
///
/// Pushing and falling asleep are a pair: a pusher changes the stack and then looks at the flag, the loop sets the flag
/// and then looks at the stack, by an exchange of nothing for nothing. Exchanges of one place come one after the other:
/// either the loop's sees the push, or the push sees the loop's, and with it the flag.
///
/// A thread whose push was taken before the loop fell asleep may look at the flag afterwards, and be the one that must
/// unpark it. It has no exchange to learn from, so the flag itself carries what the loop did before it fell asleep.
pub(super) struct Stack {
    head: AtomicPtr<Header>,
    asleep: AtomicBool,
}

/// The head of a closed stack; no task has this address.
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
            asleep: AtomicBool::new(false),
        }
    }

    /// Whether anything was pushed. A relaxed load, for the loop checks between any two rounds.
    #[inline]
    pub(super) fn has_remote(&self) -> bool {
        !self.head.load(Ordering::Relaxed).is_null()
    }

    /// Pushes a task whose QUEUED flag the caller has just set. False: the stack is closed.
    #[must_use]
    pub(super) fn push(&self, task: NonNull<Header>) -> bool {
        let mut head = self.head.load(Ordering::Relaxed);
        while head != closed() {
            // SAFETY: ONE-ENTRY: the task is QUEUED and not in the stack yet, so no other thread accesses the link, and
            // the owner does not free a task that is QUEUED.
            unsafe { task.as_ref() }
                .remote_next
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

    /// Takes all pushed tasks, in the order of the pushes.
    pub(super) fn take_all(&self) -> Pushed {
        // Acquire: the links are seen. Nothing is released: a link is given back by its task's word.
        Pushed::oldest_first(self.head.swap(ptr::null_mut(), Ordering::Acquire))
    }

    /// Takes all pushed tasks and refuses later pushes.
    pub(super) fn close(&self) -> Pushed {
        // Acquire: the links are seen. Nothing is released: a refused push goes by its task's word.
        Pushed::oldest_first(self.head.swap(closed(), Ordering::Acquire))
    }

    /// Records that the loop is about to sleep. False: something was pushed, so it must not.
    #[must_use]
    pub(super) fn fall_asleep(&self) -> bool {
        // Release, for a thread that must unpark and has pushed before.
        self.asleep.swap(true, Ordering::Release);
        let quiet = is_unchanged(&self.head);
        if !quiet {
            self.wake_up();
        }
        quiet
    }

    pub(super) fn wake_up(&self) {
        // Relaxed: a thread that still finds it set unparks once too often.
        self.asleep.swap(false, Ordering::Relaxed);
    }

    /// True for the one caller that must unpark a sleeping loop. What the loop did before it fell asleep is seen.
    #[must_use]
    pub(super) fn must_unpark(&self) -> bool {
        // The load keeps a flood of wakeups from writing to the flag's cache line.
        self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::Acquire)
    }
}

/// Tasks taken off the stack. The caller of `next` must call `RemoteWord::take` on the task: until then it is QUEUED
/// and not freed.
pub(super) struct Pushed(*mut Header);

impl Pushed {
    fn oldest_first(mut newest: *mut Header) -> Self {
        let mut oldest_first = ptr::null_mut();
        while let Some(task) = NonNull::new(newest) {
            // SAFETY: ONE-ENTRY: the task is off the stack and still QUEUED, so no thread frees it or writes its link.
            let link = unsafe { &task.as_ref().remote_next };
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
        // SAFETY: ONE-ENTRY: still QUEUED. The link is read before the caller takes the word, for a later push may
        // overwrite it.
        self.0 = unsafe { task.as_ref() }.remote_next.load(Ordering::Relaxed);
        Some(task)
    }
}
