//! One word of a task: while it lives, which task awaits its handle; afterwards, when it ended.

use std::cell::Cell;
use std::ptr::{self, NonNull};

use super::Task;
use super::raw::Header;
use super::waker;

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

    /// The waiter, if there is one, which stays where it is.
    pub(super) fn peek(&self) -> Option<Task> {
        if self.is_stamp() {
            return None;
        }
        let task = NonNull::new(self.0.get())?;
        // SAFETY: COUNTED: as in `take`, but the count stays here.
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

    /// Makes a task the waiter where there is none.
    ///
    /// # Safety
    ///
    /// The task is alive and of this loop.
    #[inline]
    pub(super) unsafe fn put(&self, task: NonNull<Header>) {
        debug_assert!(
            self.is_vacant(),
            "a waiter's count would be lost, or a stamp"
        );
        // SAFETY: the caller's promise.
        waker::count_up(unsafe { task.as_ref() });
        self.0.set(task.as_ptr());
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
