//! One word of a task: while it lives, which task awaits its handle; afterwards, when it ended.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};

use super::Task;
use super::raw::Header;

/// The address of a header, whose count it owns; or a stamp, which is odd, as no such address is; or null.
pub(super) struct Waiter(Cell<*mut Header>);

/// The lowest bit of a stamp.
const STAMP: usize = 1;

impl Waiter {
    pub(super) fn new() -> Self {
        Self(Cell::new(ptr::null_mut()))
    }

    #[inline]
    fn is_stamp(&self) -> bool {
        self.0.get().addr() & STAMP != 0
    }

    /// Takes the waiter out, if there is one.
    #[inline]
    pub(super) fn take(&self) -> Option<Task> {
        if self.is_stamp() {
            return None;
        }
        let task = NonNull::new(self.0.replace(ptr::null_mut()))?;
        // SAFETY: COUNTED: an address that is no stamp came from a `Task`, and its count leaves with it.
        Some(unsafe { Task::from_ptr(task) })
    }

    /// Puts another waiter in, or none. On a task that has ended nobody can wait any more.
    pub(super) fn set(&self, waiter: Option<Task>) {
        drop(self.take());
        if let Some(waiter) = waiter.filter(|_| !self.is_stamp()) {
            self.0.set(ManuallyDrop::new(waiter).as_ptr().as_ptr());
        }
    }

    /// The task ends as the `nth` of its loop: takes the waiter out for good.
    #[inline]
    pub(super) fn stamp(&self, nth: u64) -> Option<Task> {
        let waiter = self.take();
        // A word of 32 bits forgets after two billion ends which of two came first.
        self.0
            .set(ptr::without_provenance_mut((nth as usize) << 1 | STAMP));
        waiter
    }

    /// The stamp of a task that has ended: it is greater the later that was.
    pub(super) fn ended_as(&self) -> usize {
        if self.is_stamp() {
            self.0.get().addr() >> 1
        } else {
            0
        }
    }
}

impl Drop for Waiter {
    #[inline]
    fn drop(&mut self) {
        drop(self.take());
    }
}
