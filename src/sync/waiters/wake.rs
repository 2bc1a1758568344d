//! Waking waiters one by one, with nothing borrowed.

use std::panic::{self, AssertUnwindSafe};
use std::task::Waker;
use std::thread;

/// The next waker to wake, if any.
pub(in crate::sync) struct NextWaker {
    pub(in crate::sync) waker: Option<Waker>,
    /// No other waker follows.
    pub(in crate::sync) is_last: bool,
}

impl NextWaker {
    const NONE: Self = Self {
        waker: None,
        is_last: true,
    };

    /// This one or, if it is empty, one of another wait queue.
    pub(in crate::sync) fn or(self, other: impl FnOnce() -> Self) -> Self {
        match self.waker {
            None => other(),
            Some(_) => Self {
                waker: self.waker,
                // The other queue was not checked.
                is_last: false,
            },
        }
    }
}

/// Wakes one waiter after another until none is left. If a waker panics the rest are woken first.
pub(in crate::sync) fn wake_each(mut next: impl FnMut() -> NextWaker) {
    let NextWaker { waker, is_last } = next();
    let Some(waker) = waker else {
        return;
    };
    // The common case of a single waker needs no `catch_unwind`, unless the thread is unwinding already.
    if is_last && !thread::panicking() {
        waker.wake();
    } else {
        wake_all(waker, &mut next);
    }
}

/// Wakes the only waker there is, if any.
#[inline]
pub(in crate::sync) fn wake_one(waker: Option<Waker>) {
    if let Some(waker) = waker {
        if thread::panicking() {
            wake_all(waker, &mut || NextWaker::NONE);
        } else {
            waker.wake();
        }
    }
}

#[cold]
#[inline(never)]
fn wake_all(first: Waker, next: &mut dyn FnMut() -> NextWaker) {
    let mut panicked = None;
    let mut waker = Some(first);
    while waker.is_some() {
        let wake_rest = || {
            while let Some(this) = waker.take() {
                this.wake();
                waker = next().waker;
            }
        };
        if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(wake_rest)) {
            panicked = panicked.or(Some(payload));
            waker = next().waker;
        }
    }
    if let Some(payload) = panicked {
        if !thread::panicking() {
            panic::resume_unwind(payload);
        }
    }
}
