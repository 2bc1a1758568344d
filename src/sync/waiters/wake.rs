//! Waking, one by one and with nothing borrowed.

use std::panic::{self, AssertUnwindSafe};
use std::task::Waker;
use std::thread;

/// Somebody who must be woken, if anybody.
pub(in crate::sync) struct Next {
    pub(in crate::sync) waker: Option<Waker>,
    /// Whether nobody else must be woken after that.
    pub(in crate::sync) is_last: bool,
}

impl Next {
    /// This one or, if there is none, somebody of another line.
    pub(in crate::sync) fn or(self, other: impl FnOnce() -> Self) -> Self {
        match self.waker {
            None => other(),
            Some(_) => Self {
                waker: self.waker,
                // The other line was not looked at.
                is_last: false,
            },
        }
    }
}

/// Wakes one after the other until there is none left, also if one of them panics; that panic goes on afterwards.
pub(in crate::sync) fn wake_each(mut next: impl FnMut() -> Next) {
    let Next { waker, is_last } = next();
    let Some(waker) = waker else {
        return;
    };
    // Usually it is only one, and its panic may go on at once, unless another one is on its way.
    if is_last && !thread::panicking() {
        waker.wake();
    } else {
        wake_all(waker, &mut next);
    }
}

/// Wakes the only one there is to wake, if any.
#[inline]
pub(in crate::sync) fn wake_one(waker: Option<Waker>) {
    if let Some(waker) = waker {
        let mut only = Some(waker);
        wake_each(|| Next {
            waker: only.take(),
            is_last: true,
        });
    }
}

#[cold]
fn wake_all(first: Waker, next: &mut dyn FnMut() -> Next) {
    let mut panicked = None;
    let mut waker = Some(first);
    while let Some(this) = waker {
        if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| this.wake())) {
            panicked = panicked.or(Some(payload));
        }
        waker = next().waker;
    }
    if let Some(payload) = panicked {
        if !thread::panicking() {
            panic::resume_unwind(payload);
        }
    }
}
