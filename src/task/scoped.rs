//! A thread-local slot that holds a reference for the duration of a call.

use std::cell::Cell;
use std::ptr;

/// Holds a reference to a value that is borrowed further down on the same stack.
pub(crate) struct Scoped<T>(Cell<*const T>);

impl<T> Scoped<T> {
    pub(crate) const fn new() -> Self {
        Self(Cell::new(ptr::null()))
    }

    /// Sets the reference to `value` for the duration of `f` and restores the former one afterwards.
    pub(crate) fn set<R>(&self, value: &T, f: impl FnOnce() -> R) -> R {
        struct Restore<'a, T>(&'a Cell<*const T>, *const T);
        impl<T> Drop for Restore<'_, T> {
            fn drop(&mut self) {
                self.0.set(self.1);
            }
        }
        let _restore = Restore(&self.0, self.0.replace(value));
        f()
    }

    /// Calls `f` with the current reference.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(Option<&T>) -> R) -> R {
        // SAFETY: SCOPED: a pointer that is not null was stored by a `set` further down on this stack (the slot is
        // thread-local and never shared), which holds the reference until it removes the pointer; the reference passed
        // to `f` ends with this call, and so before.
        f(unsafe { self.0.get().as_ref() })
    }
}
