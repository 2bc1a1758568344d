//! The waker of a task: four functions, each with a plain path for the owner thread and a cold path for remote threads.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::header::{Header, Owner};
use super::reference::{Task, clone_remote, count_up};
use super::shared::{self, Shared};
use super::word::Request;
use super::work::Kind;

#[cfg(not(looplet_loom))]
thread_local! {
    /// The loop that runs on this thread. It has no destructor, so it can be read even while the thread ends.
    static OWNER: Cell<*const Shared> = const { Cell::new(ptr::null()) };
}

#[cfg(looplet_loom)]
loom::thread_local! {
    static OWNER: Cell<*const Shared> = Cell::new(ptr::null());
}

/// Runs `f` as code of this loop: its wakers are local until `f` returns.
pub(super) fn as_owner<R>(shared: &Shared, f: impl FnOnce() -> R) -> R {
    struct Restore(*const Shared);
    impl Drop for Restore {
        fn drop(&mut self) {
            OWNER.with(|owner| owner.set(self.0));
        }
    }
    let _restore = Restore(OWNER.with(|owner| owner.replace(shared)));
    f()
}

/// Whether the task belongs to the loop that runs on this thread.
#[inline]
fn is_owner(header: &Header) -> bool {
    ptr::eq(OWNER.with(Cell::get), header.shared.0.as_ptr().cast())
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop);

/// The wakers of sources: a wakeup on the owner thread takes the remote stack too, so a source is polled in a look only.
static SOURCE_VTABLE: RawWakerVTable =
    RawWakerVTable::new(clone_source, wake_source, wake_source_by_ref, drop);

#[inline]
fn vtable_of(kind: Kind) -> &'static RawWakerVTable {
    match kind {
        Kind::Task | Kind::Call => &VTABLE,
        Kind::Source => &SOURCE_VTABLE,
    }
}

/// The waker of one poll. The unfinished task's own reference outlives the poll, so the waker is neither counted nor
/// dropped.
#[inline]
pub(super) fn borrowed(task: NonNull<Header>, kind: Kind) -> ManuallyDrop<Waker> {
    // SAFETY: COUNTED: borrowed from the running task's own reference, which `ManuallyDrop` keeps from being dropped.
    ManuallyDrop::new(unsafe { Waker::new(task.as_ptr().cast(), vtable_of(kind)) })
}

/// A waker that owns the reference of `task`.
pub(super) fn owned(task: Task) -> Waker {
    let kind = task.header().vtable.kind;
    let task = ManuallyDrop::new(task).as_ptr();
    // SAFETY: COUNTED: the reference of `task` moves into the waker.
    unsafe { Waker::new(task.as_ptr().cast(), vtable_of(kind)) }
}

/// A reference to a task for other threads, which can request its cancellation.
#[derive(Clone)]
pub(crate) struct RemoteTask(Waker);

impl RemoteTask {
    pub(crate) fn of(task: Task) -> Self {
        Self(owned(task))
    }

    /// Requests the cancellation of the task; see [`JoinHandle::cancel`](super::JoinHandle::cancel).
    pub(crate) fn cancel(self) {
        let task = pointer(ManuallyDrop::new(self.0).data());
        // SAFETY: COUNTED: the waker holds a reference.
        if is_owner(unsafe { task.as_ref() }) {
            // SAFETY: COUNTED, OWNER-THREAD: the waker's reference moves into the `Task`, which drops it.
            unsafe { Task::from_ptr(task) }.cancel();
        } else {
            shared::drop_remote(task, Request::Cancel);
        }
    }

    pub(crate) fn waker(&self) -> &Waker {
        &self.0
    }
}

/// The task of a waker, if it belongs to this loop. On the owner thread only.
#[inline]
pub(super) fn task_of(waker: &Waker, owner: Owner) -> Option<NonNull<Header>> {
    if !ptr::eq(waker.vtable(), &VTABLE) {
        return None;
    }
    let task = pointer(waker.data());
    // SAFETY: COUNTED: the waker holds a reference.
    (unsafe { task.as_ref() }.shared == owner).then_some(task)
}

/// Wakes any waker and returns a panic of an external one.
pub(super) fn wake_guarded(waker: Waker) -> std::thread::Result<()> {
    if ptr::eq(waker.vtable(), &VTABLE) {
        waker.wake();
        return Ok(());
    }
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| waker.wake()))
}

#[inline]
fn pointer(data: *const ()) -> NonNull<Header> {
    // SAFETY: the data of this vtable's wakers is always the address of a header.
    unsafe { NonNull::new_unchecked(data.cast_mut().cast()) }
}

/// Adds a reference.
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: COUNTED: the waker that is cloned holds a reference.
    let header = unsafe { pointer(data).as_ref() };
    if is_owner(header) {
        count_up(header);
    } else {
        clone_remote(header);
    }
    RawWaker::new(data, &VTABLE)
}

/// Adds a reference to a source.
unsafe fn clone_source(data: *const ()) -> RawWaker {
    // SAFETY: this function's own contract.
    let _counted = unsafe { clone(data) };
    RawWaker::new(data, &SOURCE_VTABLE)
}

/// Wakes the task and drops a reference.
unsafe fn wake(data: *const ()) {
    let task = pointer(data);
    // SAFETY: COUNTED: the waker holds a reference.
    if is_owner(unsafe { task.as_ref() }) {
        // SAFETY: COUNTED, OWNER-THREAD: the waker's reference moves into the `Task`, which drops it.
        unsafe { Task::from_ptr(task) }.wake();
    } else {
        shared::drop_remote(task, Request::Wake);
    }
}

/// Wakes the source and drops a reference.
unsafe fn wake_source(data: *const ()) {
    shared::drop_remote(pointer(data), Request::Wake);
}

/// Wakes the source.
unsafe fn wake_source_by_ref(data: *const ()) {
    wake_remote(pointer(data));
}

/// Wakes the task.
unsafe fn wake_by_ref(data: *const ()) {
    let task = pointer(data);
    // SAFETY: COUNTED: the waker holds a reference.
    let header = unsafe { task.as_ref() };
    if is_owner(header) {
        // SAFETY: COUNTED, OWNER-THREAD: the waker holds a reference for as long as this view is used.
        unsafe { Task::borrowed(task) }.schedule();
    } else {
        wake_remote(task);
    }
}

/// Drops a reference.
unsafe fn drop(data: *const ()) {
    let task = pointer(data);
    // SAFETY: COUNTED: the waker holds a reference.
    if is_owner(unsafe { task.as_ref() }) {
        // SAFETY: COUNTED, OWNER-THREAD: the waker's reference moves into the `Task`, which drops it.
        std::mem::drop(unsafe { Task::from_ptr(task) });
    } else {
        shared::drop_remote(task, Request::Nothing);
    }
}

#[cold]
#[inline(never)]
fn wake_remote(task: NonNull<Header>) {
    shared::wake_remote(task);
}

/// The task of a waker, if it is a task of that loop.
pub(super) fn task_behind(waker: &Waker, owner: Owner) -> Option<Task> {
    let task = task_of(waker, owner)?;
    // SAFETY: COUNTED: the waker holds a reference.
    let task = unsafe { Task::borrowed(task) };
    (task.header().vtable.kind == Kind::Task).then(|| Task::clone(&task))
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::panic::Location;
    use std::sync::Arc;

    use super::super::reference::MAX_REFERENCES;
    use super::super::{Plain, Scheduler, Unpark};
    use super::*;

    struct NoopUnpark;

    impl Unpark for NoopUnpark {
        fn unpark(&self) {}
    }

    #[test]
    fn more_wakers_may_be_cloned_remotely_and_dropped_here_than_a_plain_count_holds() {
        let scheduler = Scheduler::new(Arc::new(NoopUnpark));
        let handle = scheduler
            .vacant::<Plain<_>>(Location::caller())
            .spawn(pending::<()>());
        let task = handle.task();
        // As if so many clones had been made on other threads, and all but these dropped here.
        let many = MAX_REFERENCES - 10;
        task.header().remote.add_references(many as isize);
        let count = &task.header().count;
        count.set(count.get() - many);
        for _ in 0..3 {
            clone_remote(task.header());
        }
        // SAFETY: COUNTED: the three references that were added just now.
        let wakers =
            [(); 3].map(|()| unsafe { Waker::new(task.as_ptr().as_ptr().cast(), &VTABLE) });
        scheduler.enter(|| std::mem::drop(wakers));
        assert!(task.header().count.get() > -10);
        scheduler.enter(|| scheduler.end_all());
        assert!(handle.is_cancelled());
        scheduler.close();
        std::mem::drop((handle, task));
    }

    /// Two more references than the limit, some of them merged from the atomic word.
    fn exceed_the_limit() {
        let scheduler = Scheduler::new(Arc::new(NoopUnpark));
        let handle = scheduler
            .vacant::<Plain<_>>(Location::caller())
            .spawn(pending::<()>());
        let task = handle.task();
        task.header().count.set(MAX_REFERENCES - 2);
        task.header().remote.add_references(3);
        wake_remote(task.as_ptr());
        scheduler.take_remote();
        count_up(task.header());
    }

    #[test]
    #[cfg(unix)]
    fn more_references_than_a_plain_count_may_hold_end_the_process() {
        use std::os::unix::process::ExitStatusExt;

        const CHILD: &str = "LOOPLET_TEST_EXCEEDS_THE_LIMIT";
        const SIGABRT: i32 = 6;
        if std::env::var_os(CHILD).is_some() {
            return exceed_the_limit();
        }
        let name =
            "task::waker::tests::more_references_than_a_plain_count_may_hold_end_the_process";
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact"])
            .env(CHILD, "1")
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status();
        assert_eq!(status.unwrap().signal(), Some(SIGABRT));
    }
}
