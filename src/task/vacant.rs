//! How a cell comes into being: allocated first, then filled, so that a large future moves as little as possible.

use std::cell::{Cell, OnceCell};
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::task::Waker;

use super::extra::Extra;
use super::foreign::ForeignWord;
use super::raw::{self, Fallible, Header, Kind, Once, Plain, Work};
use super::shared::{Local, Phase, Shared};
use super::state::State;
use super::sync::AtomicPtr;
use super::{JoinHandle, Task, waker};

/// A cell without its future.
#[must_use]
pub(crate) struct Vacant<F> {
    task: NonNull<Header>,
    future: PhantomData<F>,
}

impl<F: Future> Vacant<F> {
    #[inline]
    pub(super) fn new(shared: NonNull<Shared>, at: &'static Location<'static>) -> Self {
        Self { task: allocate::<Plain<F>>(shared, at), future: PhantomData }
    }

    /// Gives the task a name of its own instead of a number.
    pub(crate) fn named(self, name: &str) -> Self {
        // SAFETY: COUNTED: the cell is this value's.
        let task = unsafe { Task::borrowed(self.task) };
        task.take_name(name);
        self
    }

    /// Puts the future in and queues the task.
    #[inline]
    pub(crate) fn spawn(self, future: F) -> JoinHandle<F::Output>
    where
        F: 'static,
    {
        // SAFETY: the future borrows nothing.
        unsafe { self.spawn_unbounded(future) }
    }

    /// # Safety
    ///
    /// The task has finished, and its output is gone, before a borrow of the future or the output ends.
    #[inline]
    pub(super) unsafe fn spawn_unbounded(self, future: F) -> JoinHandle<F::Output> {
        // SAFETY: HEADER-FIRST: the cell is a `CellOf<Plain<F>>`, and `Plain` is transparent.
        let place = unsafe { raw::payload::<F>(self.task) };
        // SAFETY: HOME-THREAD: the payload is vacant.
        unsafe { ptr::write(place.as_ptr(), future) };
        // SAFETY: the future is in.
        let task = unsafe { register(self.task) };
        begin(&task);
        // SAFETY: COUNTED: the output of `Plain<F>` is that of `F`, and this is the first and only handle.
        unsafe { JoinHandle::new(task) }
    }
}

/// Spawns a future that may end without a value.
#[expect(dead_code, reason = "task groups come next")]
pub(super) fn spawn_fallible<T, F>(shared: NonNull<Shared>, at: &'static Location<'static>, future: F) -> JoinHandle<T>
where
    T: 'static,
    F: Future<Output = Option<T>> + 'static,
{
    let task = allocate::<Fallible<F>>(shared, at);
    // SAFETY: HEADER-FIRST: the cell is a `CellOf<Fallible<F>>`, and `Fallible` is transparent.
    let place = unsafe { raw::payload::<F>(task) };
    // SAFETY: HOME-THREAD: the payload is vacant.
    unsafe { ptr::write(place.as_ptr(), future) };
    // SAFETY: the future is in.
    let task = unsafe { register(task) };
    begin(&task);
    // SAFETY: COUNTED: the output of `Fallible<F>` is `T`, and this is the first and only handle.
    unsafe { JoinHandle::new(task) }
}

/// Makes a plain call, not queued yet.
pub(super) fn call(shared: NonNull<Shared>, at: &'static Location<'static>, f: impl FnOnce() + 'static) -> Call {
    Call(make_call(shared, at, Once::new(f)))
}

fn make_call<F: FnOnce() + 'static>(shared: NonNull<Shared>, at: &'static Location<'static>, call: Once<F>) -> Task {
    let task = allocate::<Once<F>>(shared, at);
    // SAFETY: HEADER-FIRST: the cell is a `CellOf<Once<F>>`.
    let place = unsafe { raw::payload::<Once<F>>(task) };
    // SAFETY: HOME-THREAD: the payload is vacant.
    unsafe { ptr::write(place.as_ptr(), call) };
    // SAFETY: the closure is in.
    let task = unsafe { register(task) };
    if task.local().phase.get() == Phase::Closed {
        stillborn(&task);
    }
    task
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
    let task = raw::allocate::<W>(&local.cache, |vtable| Header {
        vtable,
        shared,
        foreign: ForeignWord::new(),
        foreign_next: AtomicPtr::new(ptr::null_mut()),
        ready_next: Cell::new(None),
        state: State::new(number, is_task),
        // Its own while it is unfinished, and one for whoever makes it.
        count: Cell::new(2),
        slot: Cell::new(0),
        waiter: Cell::new(None),
        spawned_at: at,
        extra: OnceCell::new(),
    });
    if let Some(context) = local.context() {
        let extra = Extra::default();
        extra.context.replace(Some(context));
        // SAFETY: COUNTED: the cell was made just now.
        let _ = unsafe { task.as_ref() }.extra.set(Box::new(extra));
    }
    task
}

/// Lists a filled cell.
///
/// # Safety
///
/// The payload holds what the cell's type says, and the cell's second count is given to the result.
#[inline]
unsafe fn register(task: NonNull<Header>) -> Task {
    // SAFETY: COUNTED: the caller gives the count.
    let task = unsafe { Task::from_ptr(task) };
    let local = task.local();
    if task.header().vtable.kind == Kind::Task {
        local.live.set(local.live.get() + 1);
    }
    let slot = local.registry.borrow_mut().insert(task.as_ptr());
    task.header().slot.set(slot);
    task
}

/// Queues a new task; or ends it at once, if its loop is ending.
#[inline]
fn begin(task: &Task) {
    if task.local().phase.get() != Phase::Open {
        return stillborn(task);
    }
    let queued = task.header().state.wake();
    debug_assert!(queued, "a new task is not queued yet");
    task.local().ready.push(task.clone());
}

#[cold]
fn stillborn(task: &Task) {
    let local = task.local();
    local.end(task);
    if local.phase.get() == Phase::Closed {
        local.registry.borrow_mut().remove(task.header().slot.get());
        Shared::bury(task.as_ptr());
    }
}

impl Local {
    /// A copy of the context of whoever runs, for what it makes.
    #[inline]
    pub(super) fn context(&self) -> Option<super::Context> {
        self.current()?.extra.get()?.context.borrow().clone()
    }
}
