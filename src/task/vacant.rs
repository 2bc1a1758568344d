//! How a cell comes into being: allocated first, then filled, so that a large future moves as little as possible.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::task::Waker;

use super::extra::Extra;
use super::raw::{self, Header};
use super::shared::{Local, Phase, Shared};
use super::state::{Outcome, State};
use super::work::{Kind, Once, Work};
use super::{JoinHandle, Task, waker};

/// A cell without its future. Dropped so, it goes as if it had never been, but that its number is used up.
#[must_use]
pub(crate) struct Vacant<W> {
    task: NonNull<Header>,
    work: PhantomData<W>,
}

impl<W> Drop for Vacant<W> {
    fn drop(&mut self) {
        free_unfilled(self.task);
    }
}

impl<W: Work> Vacant<W> {
    #[inline]
    pub(super) fn new(shared: NonNull<Shared>, at: &'static Location<'static>) -> Self {
        Self {
            task: allocate::<W>(shared, at),
            work: PhantomData,
        }
    }

    /// Gives the task a name of its own instead of a number.
    pub(crate) fn named(self, name: &str) -> Self {
        // SAFETY: COUNTED: the cell is this value's.
        let task = unsafe { Task::borrowed(self.task) };
        task.take_name(name);
        self
    }

    /// Where the future belongs.
    ///
    /// Whoever has it writes it there with `ptr::write` and calls `filled`, instead of passing it on: in a debug build
    /// each function that is given a large future and passes it on has a copy of it on its stack.
    #[inline]
    fn slot(&self) -> *mut W::Inner {
        // SAFETY: HEADER-FIRST: the cell is a `CellOf<W>`, and `W` is a transparent wrapper.
        unsafe { raw::payload::<W::Inner>(self.task) }.as_ptr()
    }

    /// The task, once its future is in.
    ///
    /// # Safety
    ///
    /// A future was written to `slot`, and the task has finished, and its output is gone, before a borrow in the
    /// future or the output ends.
    #[inline]
    unsafe fn filled(self) -> Task {
        let this = ManuallyDrop::new(self);
        // SAFETY: COUNTED: the count that a new cell has for whoever makes it.
        unsafe { Task::from_ptr(this.task) }
    }

    /// Queues the task.
    ///
    /// # Safety
    ///
    /// As for `filled`.
    #[inline]
    unsafe fn begin(self) -> JoinHandle<W::Output> {
        // SAFETY: this function's own contract.
        let task = unsafe { self.filled() };
        begin(&task);
        // SAFETY: COUNTED: the output of the cell is that of `W`, and this is the first and only handle.
        unsafe { JoinHandle::new(task) }
    }

    /// Puts a future in that may borrow, and queues the task.
    ///
    /// # Safety
    ///
    /// The task has finished, and its output is gone, before a borrow in `inner` or the output ends.
    #[inline]
    pub(super) unsafe fn spawn_unbounded(self, inner: W::Inner) -> JoinHandle<W::Output> {
        // SAFETY: OWNER-THREAD: the payload is vacant.
        unsafe { ptr::write(self.slot(), inner) };
        // SAFETY: the future is in; the rest is this function's own contract.
        unsafe { self.begin() }
    }

    /// Puts the future in and queues the task.
    #[inline]
    pub(crate) fn spawn(self, inner: W::Inner) -> JoinHandle<W::Output>
    where
        W: 'static,
    {
        // SAFETY: OWNER-THREAD: the payload is vacant.
        unsafe { ptr::write(self.slot(), inner) };
        // SAFETY: the future is in, and nothing here borrows.
        unsafe { self.begin() }
    }
}

impl<W: Work + 'static> Vacant<W> {
    /// Puts the future in and polls it once before this returns. In a loop that is ending it does not begin.
    pub(crate) fn start(self, inner: W::Inner) -> JoinHandle<W::Output> {
        // SAFETY: OWNER-THREAD: the payload is vacant.
        unsafe { ptr::write(self.slot(), inner) };
        // SAFETY: the future is in, and nothing here borrows.
        let task = unsafe { self.filled() };
        match task.local().phase.get() {
            Phase::Open => task.local().first_run(&task),
            Phase::Watched => {
                task.local().note_spawn(&task);
                if is_untouched(&task) {
                    task.local().first_run(&task);
                }
            }
            Phase::Closing | Phase::Closed => refuse(&task),
        }
        // SAFETY: COUNTED: as in `spawn_unbounded`.
        unsafe { JoinHandle::new(task) }
    }

    /// Puts the future in and drops it before this returns: the task is cancelled.
    pub(crate) fn refuse(self, inner: W::Inner) -> JoinHandle<W::Output> {
        // SAFETY: OWNER-THREAD: the payload is vacant.
        unsafe { ptr::write(self.slot(), inner) };
        // SAFETY: the future is in, and nothing here borrows.
        let task = unsafe { self.filled() };
        refuse(&task);
        // SAFETY: COUNTED: as in `spawn_unbounded`.
        unsafe { JoinHandle::new(task) }
    }
}

/// Makes a plain call, not queued yet.
pub(super) fn call<F: FnOnce() + 'static>(
    shared: NonNull<Shared>,
    at: &'static Location<'static>,
    f: F,
) -> Call {
    let vacant = Vacant::<Once<F>>::new(shared, at);
    // SAFETY: OWNER-THREAD: the payload is vacant.
    unsafe { ptr::write(vacant.slot(), Some(f)) };
    // SAFETY: the closure is in, and borrows nothing.
    let task = unsafe { vacant.filled() };
    if task.local().phase.get() == Phase::Closed {
        refuse(&task);
    }
    Call(task)
}

/// A plain call: runs once, when it is queued and its turn comes. Dropping this lets it be.
pub(crate) struct Call(Task);

impl Call {
    /// Puts the call into the ready queue.
    pub(crate) fn queue(&self) {
        self.0.schedule();
    }

    /// A waker that does so.
    pub(crate) fn waker(&self) -> Waker {
        waker::owned(self.0.clone())
    }

    /// Drops the call unrun, now. False: it has run, or is running, or was cancelled before.
    pub(crate) fn cancel(&self) -> bool {
        let state = &self.0.header().state;
        let in_time = !state.is_finished() && !state.is_running();
        if in_time {
            self.0.local().end(&self.0);
        }
        in_time
    }

    pub(super) fn into_task(self) -> Task {
        self.0
    }
}

#[inline]
fn allocate<W: Work>(shared: NonNull<Shared>, at: &'static Location<'static>) -> NonNull<Header> {
    // SAFETY: COUNTED: the block is alive: its loop's, or that of a live cell.
    let local = unsafe { &shared.as_ref().local };
    let is_task = matches!(W::KIND, Kind::Task);
    // A task that gets a name gives the number back: see `Task::take_name`.
    let number = local.numbered.get() + u64::from(is_task);
    local.numbered.set(number);
    let task = raw::allocate::<W>(&local.cells, |vtable, offset| {
        Header::new(vtable, shared, State::new(number, is_task), offset, at)
    });
    if let Some(context) = local.context() {
        let extra = Extra::default();
        extra.context.replace(Some(context));
        // SAFETY: COUNTED: the cell was made just now.
        let _ = unsafe { task.as_ref() }.extra.set(Box::new(extra));
    }
    task
}

/// Queues a new task; or ends it at once, if its loop is ending.
#[inline]
fn begin(task: &Task) {
    if task.local().phase.get() != Phase::Open && !may_begin(task.as_ptr()) {
        return;
    }
    task.header().state.queue_new();
    task.local().ready.push(task.as_ptr());
}

/// Takes note of a new task; or ends it at once, if its loop is ending.
#[cold]
#[inline(never)]
fn may_begin(task: NonNull<Header>) -> bool {
    // SAFETY: COUNTED: the caller has a `Task`.
    let task = unsafe { Task::borrowed(task) };
    if task.local().phase.get() != Phase::Watched {
        refuse(&task);
        return false;
    }
    task.local().note_spawn(&task);
    is_untouched(&task)
}

/// Whether a new task is as it was made. The observer, which has just heard of it, may have cancelled it, which has
/// queued it, or dropped the loop.
fn is_untouched(task: &Task) -> bool {
    let state = &task.header().state;
    !state.is_queued() && !state.is_finished()
}

/// Ends a new task that its loop does not take any more.
#[cold]
fn refuse(task: &Task) {
    let local = task.local();
    task.shared().orphan_if_closed(task.as_ptr());
    local.note_spawn(task);
    // An observer, which has just heard of the task, may have ended it with its loop.
    local.end(task);
}

/// Frees a cell that nobody has put a future in: it must not be found among the tasks that can be dropped.
#[cold]
fn free_unfilled(task: NonNull<Header>) {
    // SAFETY: COUNTED: the count that a new cell has for whoever makes it.
    let task = unsafe { Task::from_ptr(task) };
    let (header, local) = (task.header(), task.local());
    task.shared().orphan_if_closed(task.as_ptr());
    header.state.finish(Outcome::Cancelled);
    local
        .ended
        .set(local.ended.get() + u64::from(header.vtable.kind == Kind::Task));
    raw::drop_quietly(header.extra.get().and_then(|extra| extra.context.take()));
    // SAFETY: COUNTED: the count that a task holds of itself while it is unfinished.
    drop(unsafe { Task::from_ptr(task.as_ptr()) });
}

impl Local {
    /// A copy of the context of whoever runs, for what it makes.
    #[inline]
    pub(super) fn context(&self) -> Option<super::Context> {
        self.current()?.extra.get()?.context.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Pending, pending};
    use std::panic::Location;
    use std::sync::Arc;

    use super::super::{Plain, Scheduler, Unpark};

    struct NoopUnpark;

    impl Unpark for NoopUnpark {
        fn unpark(&self) {}
    }

    #[test]
    fn a_cell_that_was_never_filled_is_freed() {
        let scheduler = Scheduler::new(Arc::new(NoopUnpark));
        let vacant = || scheduler.vacant::<Plain<Pending<()>>>(Location::caller());
        let task = vacant().spawn(pending());
        drop(vacant());
        drop(vacant().named("nobody"));
        assert_eq!(scheduler.tasks(), [task.task()]);
        scheduler.enter(|| scheduler.end_all());
        scheduler.close();
        drop(vacant());
        drop(vacant().named("nobody, late"));
        assert_eq!((scheduler.live(), scheduler.spawned()), (0, 5));
        assert!(task.is_cancelled());
    }
}
