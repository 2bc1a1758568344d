//! `Task`: a reference-counted pointer to a task of any type.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::mem::ManuallyDrop;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::process;
use std::ptr::{self, NonNull};

use super::header::Header;

/// The process is aborted beyond this count, as in `Arc`: only forgotten wakers add up to it. The atomic word
/// is wide enough for more.
pub(super) const MAX_REFERENCES: i32 = if isize::BITS < 64 {
    i32::MAX >> 6
} else {
    i32::MAX >> 1
};

/// A reference to a task, without its result: to inspect, name or cancel the task.
///
/// Clones refer to the same task and compare equal. Dropping one does not affect the task.
///
/// # Examples
///
/// ```
/// looplet::run(async {
///     let handle = looplet::spawn_named("worker", std::future::pending::<()>());
///     let task = handle.task();
///     assert_eq!(format!("{task:?}"), "<Task pending name='worker'>");
///     task.cancel();
///     assert!(handle.await.unwrap_err().is_cancelled());
///     assert!(task.is_cancelled());
/// });
/// ```
///
/// A `Task` is not `Send`:
///
/// ```compile_fail,E0277
/// fn send<T: Send>() {}
/// send::<looplet::Task>();
/// ```
pub struct Task(pub(super) NonNull<Header>);

impl Task {
    /// # Safety
    ///
    /// `task` is a live cell, one reference to it moves into the `Task`, and this is the owner thread.
    pub(super) unsafe fn from_ptr(task: NonNull<Header>) -> Self {
        Self(task)
    }

    /// A view that owns no reference.
    ///
    /// # Safety
    ///
    /// `task` is a live cell for as long as the view is used, and this is the owner thread.
    pub(super) unsafe fn borrowed(task: NonNull<Header>) -> ManuallyDrop<Self> {
        ManuallyDrop::new(Self(task))
    }

    pub(super) fn as_ptr(&self) -> NonNull<Header> {
        self.0
    }

    #[inline]
    pub(super) fn header(&self) -> &Header {
        // SAFETY: COUNTED: this `Task` owns a reference.
        unsafe { self.0.as_ref() }
    }
}

/// Sorts tasks that differ in `order`. It is a pointer, so that one copy of the sort serves every order.
pub(super) fn sort(tasks: &mut [Task], order: fn(&Task, &Task) -> Ordering) {
    tasks.sort_unstable_by(order);
}

/// Adds a reference on another thread, or after the end of the loop.
#[cold]
#[inline(never)]
pub(super) fn clone_remote(header: &Header) {
    header.remote.add_reference();
}

/// Adds a reference to the plain count.
#[inline]
pub(super) fn count_up(header: &Header) {
    let count = header.count.get();
    if count >= MAX_REFERENCES {
        process::abort();
    }
    header.count.set(count + 1);
}

// A panic of the future is caught, and the task's state is consistent then.
impl UnwindSafe for Task {}
impl RefUnwindSafe for Task {}

impl PartialEq for Task {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self.0.as_ptr(), other.0.as_ptr())
    }
}

impl Eq for Task {}

impl Hash for Task {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

const _: () = assert!(size_of::<Option<Task>>() == 8 || size_of::<usize>() != 8);
