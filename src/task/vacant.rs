//! A cell is allocated before its future is written, so that a large future is moved as little as possible.

use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::task::Waker;

use super::guarded;
use super::header::{Header, Owner};
use super::raw;
use super::reference::Task;
use super::shared::{Local, Phase};
use super::state::{Outcome, State};
use super::waiters::Context;
use super::waker;
use super::work::{Kind, Once, Source, Work};

/// A cell without a future. Dropping it frees the cell; the task's number stays used.
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
    pub(super) fn new(owner: Owner, at: &'static Location<'static>) -> Self {
        Self {
            task: allocate::<W>(owner, at),
            work: PhantomData,
        }
    }

    /// Gives the task a name instead of a number.
    pub(crate) fn named(self, name: &str) -> Self {
        // SAFETY: COUNTED: this value owns the cell.
        let task = unsafe { Task::borrowed(self.task) };
        task.take_name(name);
        self
    }

    /// The memory for the future.
    ///
    /// The caller writes the future with `ptr::write` and calls `filled`, instead of passing the future on: in a debug
    /// build, each function that passes a large future on has a copy of it on its stack.
    #[inline]
    pub(super) fn slot(&self) -> *mut W::Inner {
        // SAFETY: HEADER-FIRST: the cell is a `CellOf<W>`, and `W` is a transparent wrapper.
        unsafe { raw::payload::<W::Inner>(self.task) }.as_ptr()
    }

    /// The task, once its future was written.
    ///
    /// # Safety
    ///
    /// A future was written to `slot`, and the task has finished, and its output has been dropped, before a borrow in
    /// the future or the output ends.
    #[inline]
    pub(super) unsafe fn filled(self) -> Task {
        let this = ManuallyDrop::new(self);
        // SAFETY: COUNTED: the creator's reference to a new cell.
        unsafe { Task::from_ptr(this.task) }
    }
}

/// A new plain call, not queued yet.
pub(super) fn call<F: FnOnce() + 'static>(
    owner: Owner,
    at: &'static Location<'static>,
    f: F,
) -> Call {
    let vacant = Vacant::<Once<F>>::new(owner, at);
    // SAFETY: OWNER-THREAD: the payload is vacant.
    unsafe { ptr::write(vacant.slot(), Some(f)) };
    // SAFETY: the closure was written, and borrows nothing.
    let task = unsafe { vacant.filled() };
    if task.local().phase.get() == Phase::Closed {
        refuse(&task);
    }
    Call(task)
}

/// A new source, not woken yet, and a waker of it.
pub(super) fn source<F: Future<Output = ()> + Unpin + 'static>(
    owner: Owner,
    at: &'static Location<'static>,
    future: F,
) -> Waker {
    let vacant = Vacant::<Source<F>>::new(owner, at);
    // SAFETY: OWNER-THREAD: the payload is vacant.
    unsafe { ptr::write(vacant.slot(), future) };
    // SAFETY: the future was written, and borrows nothing.
    let task = unsafe { vacant.filled() };
    if task.local().phase.get() == Phase::Closed {
        refuse(&task);
    }
    waker::owned(task)
}

/// A plain call: runs once after it was queued. Dropping the handle does not cancel it.
pub(crate) struct Call(Task);

impl Call {
    /// Puts the call into the ready queue.
    pub(crate) fn queue(&self) {
        self.0.schedule();
    }

    /// A waker that queues the call.
    pub(crate) fn waker(&self) -> Waker {
        waker::owned(self.0.clone())
    }

    /// Drops the call without running it. False: it has run, is running, or was cancelled before.
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
fn allocate<W: Work>(owner: Owner, at: &'static Location<'static>) -> NonNull<Header> {
    // SAFETY: COUNTED: the block is kept alive by its loop or by a live cell.
    let local = unsafe { &owner.shared().local };
    let is_task = matches!(W::KIND, Kind::Task);
    // A named task returns the number: see `Task::take_name`.
    let number = local.numbered.get() + u64::from(is_task);
    local.numbered.set(number);
    let task = raw::allocate::<W>(&local.cells, |vtable, offset| {
        Header::new(vtable, owner, State::new(number, is_task), offset, at)
    });
    let context = match W::KIND {
        Kind::Task | Kind::Call => local.context(),
        Kind::Source => None,
    };
    if let Some(context) = context {
        // SAFETY: COUNTED: the cell is new.
        let extra = unsafe { task.as_ref() }.waiters.extra_or_new();
        extra.context.replace(Some(context));
    }
    task
}

/// Queues a new task, or cancels it if its loop is ending.
#[inline]
pub(super) fn begin(task: &Task) {
    if task.local().phase.get() != Phase::Open && !may_begin(task.as_ptr()) {
        return;
    }
    task.header().state.queue_new();
    task.local().ready.push(task.as_ptr());
}

/// Notifies the observer of a new task, or cancels the task if its loop is ending. True if the task is still to be
/// queued.
#[cold]
#[inline(never)]
fn may_begin(task: NonNull<Header>) -> bool {
    // SAFETY: COUNTED: the caller has a `Task`.
    let task = unsafe { Task::borrowed(task) };
    if task.local().phase.get() != Phase::Observed {
        refuse(&task);
        return false;
    }
    task.local().note_spawn(&task);
    is_untouched(&task)
}

/// Whether a new task is neither queued nor finished. The observer, which has just been notified, may have cancelled
/// the task, which queues it, or dropped the loop.
pub(super) fn is_untouched(task: &Task) -> bool {
    let state = &task.header().state;
    !state.is_queued() && !state.is_finished()
}

/// Cancels a new task of a loop that is ending.
#[cold]
pub(super) fn refuse(task: &Task) {
    let local = task.local();
    task.shared().orphan_if_closed(task.as_ptr());
    local.note_spawn(task);
    // The observer may have dropped the loop, which ends the task; `end` does nothing then.
    local.end(task);
}

/// Frees a cell without a future. It is marked as finished, so that the loop does not drop a future in it.
#[cold]
fn free_unfilled(task: NonNull<Header>) {
    // SAFETY: COUNTED: the creator's reference to a new cell.
    let task = unsafe { Task::from_ptr(task) };
    let (header, local) = (task.header(), task.local());
    task.shared().orphan_if_closed(task.as_ptr());
    header.state.finish(Outcome::Cancelled);
    local
        .ended
        .set(local.ended.get() + u64::from(header.vtable.kind == Kind::Task));
    guarded::drop_quietly(
        header
            .waiters
            .extra()
            .and_then(|extra| extra.context.take()),
    );
    // SAFETY: COUNTED: the reference that an unfinished task owns to itself.
    drop(unsafe { Task::from_ptr(task.as_ptr()) });
}

impl Local {
    /// A copy of the running task's or call's context, for a task or call that it creates.
    #[inline]
    pub(super) fn context(&self) -> Option<Context> {
        self.current()?.waiters.extra()?.context.borrow().clone()
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
        drop(vacant().named("unfilled"));
        assert_eq!(scheduler.tasks(), [task.task()]);
        scheduler.enter(|| scheduler.end_all());
        scheduler.close();
        drop(vacant());
        drop(vacant().named("unfilled, late"));
        assert_eq!((scheduler.live(), scheduler.spawned()), (0, 5));
        assert!(task.is_cancelled());
    }
}
