//! One word of a task: until it finishes, the task that awaits its handle; then the stamp of its end.

use std::cell::Cell;
use std::ptr::{self, NonNull};

use super::Task;
use super::raw::Header;
use super::waker;

/// Null, the address of a header with an owned reference, or a stamp. A stamp is odd, unlike an address.
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
        // SAFETY: COUNTED: an address that is no stamp owns a reference, which moves into the `Task`.
        Some(unsafe { Task::from_ptr(task) })
    }

    /// A clone of the waiter, if there is one.
    pub(super) fn peek(&self) -> Option<Task> {
        if self.is_stamp() {
            return None;
        }
        let task = NonNull::new(self.0.get())?;
        // SAFETY: COUNTED: as in `take`, but the reference stays here.
        Some(Task::clone(&*unsafe { Task::borrowed(task) }))
    }

    /// No waiter, and no stamp.
    #[inline]
    pub(super) fn is_vacant(&self) -> bool {
        self.0.get().is_null()
    }

    pub(super) fn is(&self, task: NonNull<Header>) -> bool {
        self.0.get() == task.as_ptr()
    }

    /// Sets the waiter where there is neither a waiter nor a stamp.
    ///
    /// # Safety
    ///
    /// The task is alive and of this loop.
    #[inline]
    pub(super) unsafe fn put(&self, task: NonNull<Header>) {
        debug_assert!(
            self.is_vacant(),
            "a waiter's reference or a stamp would be lost"
        );
        // SAFETY: the caller's promise.
        waker::count_up(unsafe { task.as_ref() });
        self.0.set(task.as_ptr());
    }

    /// The task ends as the `nth` of its loop: replaces the waiter by the stamp and returns it.
    #[inline]
    pub(super) fn stamp(&self, nth: u64) -> Option<Task> {
        let waiter = self.take();
        // A 32-bit word wraps after two billion ends, so it orders only ends that are closer.
        self.0
            .set(ptr::without_provenance_mut((nth as usize) << 1 | STAMP));
        waiter
    }

    /// The stamp of a finished task, which increases in the order of the ends.
    pub(super) fn ended_as(&self) -> usize {
        if self.is_stamp() {
            self.0.get().addr() >> 1
        } else {
            0
        }
    }
}
