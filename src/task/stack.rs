//! The lock-free stack of a loop: the tasks for which other threads have a request.

use std::ptr::{self, NonNull};

use super::header::Header;
use super::sync::{AtomicPtr, Ordering};

/// The tasks with remote wakeups, cancel requests or drops, newest first. An empty stack also records whether the loop
/// sleeps: the push that replaces that mark must unpark the loop, so each sleep is ended once, and a push to a loop that
/// is awake is one exchange.
pub(super) struct Stack(AtomicPtr<Header>);

/// The head of a closed stack; no task has this address.
fn closed() -> *mut Header {
    ptr::without_provenance_mut(1)
}

/// The head of an empty stack whose loop sleeps; no task has this address.
fn asleep() -> *mut Header {
    ptr::without_provenance_mut(2)
}

/// What came of a push.
#[must_use]
pub(super) enum Push {
    /// The loop is awake.
    Done,
    /// The caller must unpark the loop.
    Unpark,
    /// The stack is closed.
    Refused,
}

impl Stack {
    pub(super) fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// Whether anything was pushed, while the loop is awake. A relaxed load, for the loop checks between any two rounds.
    #[inline]
    pub(super) fn has_remote(&self) -> bool {
        !self.0.load(Ordering::Relaxed).is_null()
    }

    /// Pushes a task whose PUSHED flag the caller has just set. After that the loop, and with it the stack, may be gone:
    /// `prepare` is called before a push that must unpark.
    pub(super) fn push(&self, task: NonNull<Header>, mut prepare: impl FnMut()) -> Push {
        let mut head = self.0.load(Ordering::Relaxed);
        while head != closed() {
            let must_unpark = head == asleep();
            let link = if must_unpark { ptr::null_mut() } else { head };
            if must_unpark {
                prepare();
            }
            // SAFETY: ONE-ENTRY: the task is PUSHED and not in the stack yet, so no other thread accesses the link, and
            // the owner does not free a task that is PUSHED.
            unsafe { task.as_ref() }
                .remote_next
                .store(link, Ordering::Relaxed);
            // AcqRel: the loop sees the link, and the thread that unparks it sees what the loop did before its sleep.
            match self.0.compare_exchange_weak(
                head,
                task.as_ptr(),
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) if must_unpark => return Push::Unpark,
                Ok(_) => return Push::Done,
                Err(now) => head = now,
            }
        }
        Push::Refused
    }

    /// Takes all pushed tasks, in the order of the pushes.
    pub(super) fn take_all(&self) -> Pushed {
        // Acquire: the links are seen. Nothing is released: a link is given back by its task's word.
        Pushed::oldest_first(self.0.swap(ptr::null_mut(), Ordering::Acquire))
    }

    /// Takes all pushed tasks and refuses later pushes.
    pub(super) fn close(&self) -> Pushed {
        // Acquire: the links are seen. Nothing is released: a refused push goes by its task's word.
        Pushed::oldest_first(self.0.swap(closed(), Ordering::Acquire))
    }

    /// Records that the loop is about to sleep. False: something was pushed, so it must not.
    #[must_use]
    pub(super) fn fall_asleep(&self) -> bool {
        // Release: the thread that unparks sees what the loop did before.
        self.replace(ptr::null_mut(), asleep(), Ordering::Release)
    }

    /// The loop is awake, also if no thread has unparked it.
    pub(super) fn wake_up(&self) {
        // Relaxed: nothing was pushed, or a later `take_all` takes it.
        self.replace(asleep(), ptr::null_mut(), Ordering::Relaxed);
    }

    fn replace(&self, head: *mut Header, next: *mut Header, order: Ordering) -> bool {
        self.0
            .compare_exchange(head, next, order, Ordering::Relaxed)
            .is_ok()
    }
}

/// Tasks taken off the stack. The caller of `next` must call `RemoteWord::take` on the task: until then it is PUSHED
/// and not freed.
pub(super) struct Pushed(*mut Header);

impl Pushed {
    fn oldest_first(head: *mut Header) -> Self {
        let mut newest = if head == asleep() {
            ptr::null_mut()
        } else {
            head
        };
        let mut oldest_first = ptr::null_mut();
        while let Some(task) = NonNull::new(newest) {
            // SAFETY: ONE-ENTRY: the task is off the stack and still PUSHED, so no thread frees it or writes its link.
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
        // SAFETY: ONE-ENTRY: still PUSHED. The link is read before the caller takes the word, for a later push may
        // overwrite it.
        self.0 = unsafe { task.as_ref() }.remote_next.load(Ordering::Relaxed);
        Some(task)
    }
}
