//! A thread-local place that lends out a reference for the length of a call.

use std::cell::Cell;
use std::ptr;

/// Holds a reference to something that lives further down on the same stack.
pub(crate) struct Scoped<T>(Cell<*const T>);

impl<T> Scoped<T> {
    pub(crate) const fn new() -> Self {
        Self(Cell::new(ptr::null()))
    }

    /// Lends `value` to all that `f` calls; afterwards the place holds what it held before.
    pub(crate) fn lend<R>(&self, value: &T, f: impl FnOnce() -> R) -> R {
        struct Restore<'a, T>(&'a Cell<*const T>, *const T);
        impl<T> Drop for Restore<'_, T> {
            fn drop(&mut self) {
                self.0.set(self.1);
            }
        }
        let _restore = Restore(&self.0, self.0.replace(value));
        f()
    }

    /// Looks at what is lent at the moment.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(Option<&T>) -> R) -> R {
        // SAFETY: LENT: a pointer that is not null was put there by a `lend` further down on this stack (the place is
        // thread-local and never shared), which holds the reference until it takes the pointer out again; the
        // reference handed to `f` ends with this call, and so before.
        f(unsafe { self.0.get().as_ref() })
    }
}
