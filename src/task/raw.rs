//! The memory of a task: header and payload in one cell, and the operations that depend on its type.
//!
//! ```text
//!        +-----------------------------+  <- target of a waker, a Task, a JoinHandle, a queue entry
//! Header | vtable, shared block        |
//!        | remote word and link        |  any thread
//!        | ready link, state, count .. |  owner thread
//!        +-----------------------------+
//! Payload| the future                  |  until it is dropped,
//!        |   or its output             |  until a handle takes it
//!        |   or the payload of a panic |
//!        +-----------------------------+
//! ```

use std::any::Any;
use std::mem::{self, ManuallyDrop};
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::task::{Context, Poll};

use super::cells::{CellLayout, Cells};
use super::guarded::drop_quietly;
use super::header::{Header, Polled, Vtable};
use super::waker;
use super::work::Work;

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
        drop_value: if mem::needs_drop::<W::Output>() {
            Some(drop_value::<W>)
        } else {
            None
        },
    };
}

/// Allocates a cell with this header and no future.
///
/// The future is written in a second step to avoid moves of large futures: see `Vacant::slot`.
#[inline]
pub(super) fn allocate<W: Work>(
    cells: &Cells,
    header: impl FnOnce(&'static Vtable, u32) -> Header,
) -> NonNull<Header> {
    let (cell, offset) = cells.allocate(const { CellLayout::of::<CellOf<W>>() });
    // SAFETY: HEADER-FIRST: vacant memory with room and alignment for a `CellOf<W>`, whose first field is the header.
    unsafe { cell.write(header(CellOf::<W>::VTABLE, offset)) };
    cell
}

/// The payload of a cell.
///
/// # Safety
///
/// `task` is a live cell.
pub(super) unsafe fn payload<T>(task: NonNull<Header>) -> NonNull<T> {
    // SAFETY: COUNTED: the caller's cell is live.
    let offset = unsafe { task.as_ref() }.vtable.payload_offset;
    // SAFETY: HEADER-FIRST: the payload is at that offset in the same allocation.
    unsafe { task.byte_add(offset) }.cast()
}

/// Polls the future.
///
/// # Safety
///
/// On the owner thread, for a live cell whose future is neither dropped nor being polled.
#[inline]
pub(super) unsafe fn poll_work(task: NonNull<Header>) -> Polled {
    // SAFETY: COUNTED: the cell is live.
    let poll = unsafe { task.as_ref() }.vtable.poll;
    // SAFETY: the vtable belongs to this cell; the rest is this function's own contract.
    unsafe { poll(task) }
}

/// Drops the future and returns a panic of its destructor.
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

/// Drops the output in place and returns a panic of its destructor.
///
/// # Safety
///
/// On the owner thread, for a live cell that holds a value, which the caller owns and gives up.
pub(super) unsafe fn drop_output(task: NonNull<Header>) -> Result<(), Box<dyn Any + Send>> {
    // SAFETY: COUNTED: the cell is live.
    let Some(drop_value) = unsafe { task.as_ref() }.vtable.drop_value else {
        return Ok(());
    };
    // SAFETY: the vtable belongs to this cell; the rest is this function's own contract.
    panic::catch_unwind(AssertUnwindSafe(|| unsafe { drop_value(task) }))
}

/// Writes a panic into the payload.
///
/// # Safety
///
/// On the owner thread, for a live cell whose future and output have been dropped.
pub(super) unsafe fn put_panic(task: NonNull<Header>, panic: Box<dyn Any + Send>) {
    // SAFETY: COUNTED: the cell is live.
    let slot = unsafe { payload::<Box<dyn Any + Send>>(task) };
    // SAFETY: OWNER-THREAD: the payload is vacant and has room for a panic, one of the union's fields.
    unsafe { slot.write(panic) };
    // SAFETY: COUNTED: the cell is live.
    unsafe { task.as_ref() }.state.put_payload();
}

/// # Safety
///
/// As for `poll_work`, and `task` is a `CellOf<W>`.
unsafe fn poll<W: Work>(task: NonNull<Header>) -> Polled {
    let waker = waker::borrowed(task, W::KIND);
    let mut cx = Context::from_waker(&waker);
    // SAFETY: HEADER-FIRST: the header is the start of a `CellOf<W>`.
    let payload = unsafe { &raw mut (*task.cast::<CellOf<W>>().as_ptr()).payload };
    // SAFETY: OWNER-THREAD: no other reference to the future exists now.
    let work = unsafe { &mut *payload.cast::<W>() };
    // SAFETY: PINNED: the cell does not move, and the future is dropped in place.
    let work = unsafe { Pin::new_unchecked(work) };
    let Poll::Ready(value) = work.poll(&mut cx) else {
        return Polled::Pending;
    };
    // A panic of the future's destructor must not unwind past the value, whose destructor may panic too.
    if mem::needs_drop::<W>() {
        // SAFETY: PINNED: dropped in place, once; the future is done, so the poll has returned for good.
        let drop_work = || unsafe { ptr::drop_in_place(payload.cast::<W>()) };
        if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(drop_work)) {
            drop_quietly(value);
            // SAFETY: the future has just been dropped, and no value was written.
            unsafe { put_panic(task, panic) };
            return Polled::Panicked;
        }
    }
    // SAFETY: COUNTED: the cell is live.
    let state = unsafe { &task.as_ref().state };
    match value {
        None => Polled::Failed,
        Some(value) if state.keeps_value() => {
            let done = if W::is_error(&value) {
                Polled::DoneWithError
            } else {
                Polled::Done
            };
            // SAFETY: OWNER-THREAD: the payload is vacant now, and this is one of the union's fields.
            unsafe { payload.cast::<W::Output>().write(value) };
            state.put_payload();
            done
        }
        Some(value) => match panic::catch_unwind(AssertUnwindSafe(|| drop(value))) {
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
    // SAFETY: PINNED: dropped in place, once: the task's state has moved past the future.
    unsafe { ptr::drop_in_place(payload.cast::<W>()) };
}

/// # Safety
///
/// As for `drop_output`, and `task` is a `CellOf<W>`.
unsafe fn drop_value<W: Work>(task: NonNull<Header>) {
    // SAFETY: HEADER-FIRST: the header is the start of a `CellOf<W>`.
    let payload = unsafe { &raw mut (*task.cast::<CellOf<W>>().as_ptr()).payload };
    // SAFETY: OWNER-THREAD: the caller owns the value and gives it up.
    unsafe { ptr::drop_in_place(payload.cast::<W::Output>()) };
}
