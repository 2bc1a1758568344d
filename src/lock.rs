//! The synchronization primitives of the crate outside of `task`, in one place, so that the model checker can replace
//! them: a lock, a condition variable and an atomic counter. And the identity of a thread.
//!
//! No user code runs under one of these locks, so a panic leaves no state half changed, and poison is ignored.

#[cfg(not(looplet_loom))]
use std::sync as parts;

#[cfg(looplet_loom)]
use loom::sync as parts;

use std::ptr;
use std::sync::PoisonError;
use std::time::Duration;

pub(crate) use parts::MutexGuard as Locked;
pub(crate) use parts::atomic::{AtomicUsize, Ordering};

/// Identifies the current thread while it lives: the address of a thread-local is much cheaper to read than
/// `thread::current().id()`. Never 0.
#[inline]
pub(crate) fn this_thread() -> usize {
    #[cfg(not(looplet_loom))]
    thread_local!(static HERE: u8 = const { 0 });
    #[cfg(looplet_loom)]
    loom::thread_local!(static HERE: u8 = 0);
    HERE.with(|here| ptr::from_ref(here).addr())
}

/// A mutex.
pub(crate) struct Lock<T>(parts::Mutex<T>);

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(parts::Mutex::new(value))
    }

    #[inline]
    pub(crate) fn lock(&self) -> Locked<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A condition variable. A wait may end spuriously.
pub(crate) struct Signal(parts::Condvar);

impl Signal {
    pub(crate) fn new() -> Self {
        Self(parts::Condvar::new())
    }

    pub(crate) fn wait<'a, T>(&self, locked: Locked<'a, T>) -> Locked<'a, T> {
        self.0.wait(locked).unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns true if the wait has timed out. In a model it never does.
    pub(crate) fn wait_timeout<'a, T>(
        &self,
        locked: Locked<'a, T>,
        timeout: Duration,
    ) -> (Locked<'a, T>, bool) {
        let waited = self.0.wait_timeout(locked, timeout);
        let (locked, outcome) = waited.unwrap_or_else(PoisonError::into_inner);
        (locked, outcome.timed_out())
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}
