//! The memory of a task: header, then future or output, in one cell, and the operations that need its type.
//!
//! ```text
//!        +-----------------------------+  <- what a waker, a Task, a JoinHandle and a queue entry point at
//! Header | vtable, shared block        |
//!        | foreign word and link       |  any thread
//!        | ready link, state, count .. |  the loop's thread
//!        +-----------------------------+
//! Payload| the future                  |  until it is dropped,
//!        |   or its output             |  then until a handle takes it
//!        |   or the payload of a panic |
//!        +-----------------------------+
//! ```

use std::any::Any;
use std::cell::{Cell, OnceCell};
use std::mem::{self, ManuallyDrop};
use std::panic::{self, AssertUnwindSafe, Location};
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::task::{Context, Poll};

use super::cells::Cells;
use super::chunk::CellLayout;
use super::extra::Extra;
use super::foreign::ForeignWord;
use super::shared::Shared;
use super::state::State;
use super::sync::Link;
use super::waiter::Waiter;
use super::waker;
use super::work::{Kind, Work};

/// The part of a task that does not depend on its type.
pub(super) struct Header {
    pub(super) vtable: &'static Vtable,
    /// The loop's block. Borrowed while the loop lives; from `Shared::bury` on the task owns a count of it.
    pub(super) shared: NonNull<Shared>,
    pub(super) foreign: ForeignWord,
    /// The next older task in the foreign stack.
    pub(super) foreign_next: Link<Header>,
    /// The next task in the ready queue.
    pub(super) ready_next: Cell<Option<NonNull<Header>>>,
    pub(super) state: State,
    /// References held on the loop's thread. Foreign drops are settled here too, so it may fall below zero.
    pub(super) count: Cell<i32>,
    /// How far the cell lies from the start of its chunk.
    pub(super) place: Cell<u32>,
    /// The task of the same loop that awaits this one's handle; then when this one ended.
    pub(super) waiter: Waiter,
    pub(super) spawned_at: &'static Location<'static>,
    /// What few tasks have: a name of their own, callbacks, a foreign waiter, context.
    pub(super) extra: OnceCell<Box<Extra>>,
}

impl Header {
    #[inline]
    pub(super) fn new(
        vtable: &'static Vtable,
        shared: NonNull<Shared>,
        state: State,
        place: u32,
        spawned_at: &'static Location<'static>,
    ) -> Self {
        Self {
            vtable,
            shared,
            foreign: ForeignWord::new(),
            foreign_next: Link::new(ptr::null_mut()),
            ready_next: Cell::new(None),
            state,
            // Its own while it is unfinished, and one for whoever makes it.
            count: Cell::new(2),
            place: Cell::new(place),
            waiter: Waiter::new(),
            spawned_at,
            extra: OnceCell::new(),
        }
    }

    /// Nobody waits, no callback is there, and none of the other rare things.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.waiter.is_vacant() && self.extra.get().is_none()
    }
}

/// How a poll ended.
#[must_use]
pub(super) enum Polled {
    Pending,
    /// The value lies in the cell, or nobody wanted it and it has been dropped.
    Done,
    /// The same, and the value is an error that somebody may be waiting for.
    DoneWithError,
    /// The destructor of the future or of an unwanted value panicked; the panic lies in the cell.
    Panicked,
    /// Finished without a value; its error went to its task group.
    Failed,
}

/// The operations of a task that depend on its type.
pub(super) struct Vtable {
    pub(super) kind: Kind,
    payload_offset: usize,
    /// Polls the future; when it is done, drops it and puts the output in its place.
    poll: unsafe fn(NonNull<Header>) -> Polled,
    /// Drops the future.
    drop_work: unsafe fn(NonNull<Header>),
    /// Drops the output.
    drop_value: unsafe fn(NonNull<Header>),
}

#[repr(C)]
struct CellOf<W: Work> {
    header: Header,
    payload: Payload<W>,
}

#[repr(C)]
union Payload<W: Work> {
    work: ManuallyDrop<W>,
    value: ManuallyDrop<W::Output>,
    panic: ManuallyDrop<Box<dyn Any + Send>>,
}

impl<W: Work> CellOf<W> {
    const VTABLE: &'static Vtable = &Vtable {
        kind: W::KIND,
        payload_offset: mem::offset_of!(Self, payload),
        poll: poll::<W>,
        drop_work: drop_work::<W>,
        drop_value: drop_value::<W>,
    };
}

/// Allocates a cell with this header and no future in it yet.
///
/// The two steps keep a large future from being moved more often than needed: see `Vacant::place`.
#[inline]
pub(super) fn allocate<W: Work>(
    cells: &Cells,
    header: impl FnOnce(&'static Vtable, u32) -> Header,
) -> NonNull<Header> {
    let (cell, place) = cells.allocate(const { CellLayout::of::<CellOf<W>>() });
    // SAFETY: HEADER-FIRST: vacant memory with room and alignment for a `CellOf<W>`, whose first field is the header.
    unsafe { cell.write(header(CellOf::<W>::VTABLE, place)) };
    cell
}

/// Where the future of a cell belongs.
///
/// # Safety
///
/// `task` is a live cell.
pub(super) unsafe fn payload<T>(task: NonNull<Header>) -> NonNull<T> {
    // SAFETY: COUNTED: the caller's cell is live, so its header may be read.
    let offset = unsafe { task.as_ref() }.vtable.payload_offset;
    // SAFETY: HEADER-FIRST: the payload lies that far into the same allocation.
    unsafe { task.byte_add(offset) }.cast()
}

/// Polls the future.
///
/// # Safety
///
/// On the loop's thread, for a live cell whose future is neither dropped nor on the stack.
#[inline]
pub(super) unsafe fn poll_work(task: NonNull<Header>) -> Polled {
    // SAFETY: COUNTED: the cell is live.
    let poll = unsafe { task.as_ref() }.vtable.poll;
    // SAFETY: the vtable belongs to this cell; the rest is this function's own contract.
    unsafe { poll(task) }
}

/// Drops the future; a panic of its destructor comes back.
///
/// # Safety
///
/// As for `poll_work`; afterwards there is no future.
pub(super) unsafe fn drop_future(task: NonNull<Header>) -> Result<(), Box<dyn Any + Send>> {
    // SAFETY: COUNTED: the cell is live.
    let drop_work = unsafe { task.as_ref() }.vtable.drop_work;
    // SAFETY: the vtable belongs to this cell; the rest is this function's own contract.
    panic::catch_unwind(AssertUnwindSafe(|| unsafe { drop_work(task) }))
}

/// Drops the output in place; a panic of its destructor goes on to the caller.
///
/// # Safety
///
/// On the loop's thread, for a live cell that holds a value, which the caller owns and leaves.
pub(super) unsafe fn drop_output(task: NonNull<Header>) {
    // SAFETY: COUNTED: the cell is live.
    let drop_value = unsafe { task.as_ref() }.vtable.drop_value;
    // SAFETY: the vtable belongs to this cell; the rest is this function's own contract.
    unsafe { drop_value(task) }
}

/// Puts a panic where the future was.
///
/// # Safety
///
/// On the loop's thread, for a live cell whose future and output are gone.
pub(super) unsafe fn put_panic(task: NonNull<Header>, panic: Box<dyn Any + Send>) {
    // SAFETY: COUNTED: the cell is live.
    let place = unsafe { payload::<Box<dyn Any + Send>>(task) };
    // SAFETY: HOME-THREAD: the payload is vacant and has room for a panic, one of the union's fields.
    unsafe { place.write(panic) };
    // SAFETY: COUNTED: the cell is live.
    unsafe { task.as_ref() }.state.put_payload();
}

/// # Safety
///
/// As for `poll_work`, and `task` is a `CellOf<W>`.
unsafe fn poll<W: Work>(task: NonNull<Header>) -> Polled {
    let waker = waker::borrowed(task);
    let mut cx = Context::from_waker(&waker);
    // SAFETY: HEADER-FIRST: the header is the start of a `CellOf<W>`.
    let payload = unsafe { &raw mut (*task.cast::<CellOf<W>>().as_ptr()).payload };
    // SAFETY: HOME-THREAD: nobody else touches the future now.
    let work = unsafe { &mut *payload.cast::<W>() };
    // SAFETY: PINNED: the cell does not move, and the future is dropped in place.
    let work = unsafe { Pin::new_unchecked(work) };
    let Poll::Ready(value) = work.poll(&mut cx) else {
        return Polled::Pending;
    };
    // The value must survive the future's destructor, and neither may unwind into the other.
    if mem::needs_drop::<W>() {
        // SAFETY: PINNED: dropped in place, once; the future is done, so the poll has returned for good.
        let drop_work = || unsafe { ptr::drop_in_place(payload.cast::<W>()) };
        if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(drop_work)) {
            drop_quietly(value);
            // SAFETY: the future has just gone, and no value was put.
            unsafe { put_panic(task, panic) };
            return Polled::Panicked;
        }
    }
    // SAFETY: COUNTED: the cell is live.
    let state = unsafe { &task.as_ref().state };
    match value {
        None => Polled::Failed,
        Some(value) if state.wants_value() => {
            let done = if W::is_error(&value) {
                Polled::DoneWithError
            } else {
                Polled::Done
            };
            // SAFETY: HOME-THREAD: the payload is vacant now, and this is one of the union's fields.
            unsafe { payload.cast::<W::Output>().write(value) };
            state.put_payload();
            done
        }
        Some(unwanted) => match panic::catch_unwind(AssertUnwindSafe(|| drop(unwanted))) {
            Ok(()) => Polled::Done,
            Err(panic) => {
                // SAFETY: the payload is vacant.
                unsafe { put_panic(task, panic) };
                Polled::Panicked
            }
        },
    }
}

/// # Safety
///
/// As for `drop_future`, and `task` is a `CellOf<W>`.
unsafe fn drop_work<W: Work>(task: NonNull<Header>) {
    // SAFETY: HEADER-FIRST: the header is the start of a `CellOf<W>`.
    let payload = unsafe { &raw mut (*task.cast::<CellOf<W>>().as_ptr()).payload };
    // SAFETY: PINNED: dropped in place, once: the caller's state machine has moved past the future.
    unsafe { ptr::drop_in_place(payload.cast::<W>()) };
}

/// # Safety
///
/// As for `drop_output`, and `task` is a `CellOf<W>`.
unsafe fn drop_value<W: Work>(task: NonNull<Header>) {
    // SAFETY: HEADER-FIRST: the header is the start of a `CellOf<W>`.
    let payload = unsafe { &raw mut (*task.cast::<CellOf<W>>().as_ptr()).payload };
    // SAFETY: HOME-THREAD: the caller owns the value and leaves it.
    unsafe { ptr::drop_in_place(payload.cast::<W::Output>()) };
}

/// Drops something whose destructor may panic; the panic comes back.
pub(super) fn drop_guarded<T>(value: T) -> Result<(), Box<dyn Any + Send>> {
    panic::catch_unwind(AssertUnwindSafe(|| drop(value)))
}

/// Drops something whose destructor may panic, and forgets the panic: the first one has been reported already.
pub(crate) fn drop_quietly<T>(value: T) {
    // Even a panic's payload may panic when it is dropped. What that one leaves is leaked.
    if let Err(second) = drop_guarded(value).or_else(drop_guarded) {
        mem::forget(second);
    }
}
