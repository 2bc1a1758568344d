//! Where threads meet outside of `task`: a lock, a signal and a counter, in one place, so that a model checker can take
//! their part.
//!
//! Nobody's code runs under one of these locks, so none is ever found poisoned by a thing half done: poison is ignored.

#[cfg(not(looplet_loom))]
use std::sync as parts;

#[cfg(looplet_loom)]
use loom::sync as parts;

use std::sync::PoisonError;
use std::time::Duration;

pub(crate) use parts::MutexGuard as Locked;
pub(crate) use parts::atomic::{AtomicUsize, Ordering};

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

/// A condition that is waited for under a lock. A wait may end for no reason.
pub(crate) struct Signal(parts::Condvar);

impl Signal {
    pub(crate) fn new() -> Self {
        Self(parts::Condvar::new())
    }

    pub(crate) fn wait<'a, T>(&self, locked: Locked<'a, T>) -> Locked<'a, T> {
        self.0.wait(locked).unwrap_or_else(PoisonError::into_inner)
    }

    /// Also whether the time is over. In a model it never is.
    pub(crate) fn wait_timeout<'a, T>(
        &self,
        locked: Locked<'a, T>,
        patience: Duration,
    ) -> (Locked<'a, T>, bool) {
        let waited = self.0.wait_timeout(locked, patience);
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
