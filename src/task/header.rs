//! The header of a task: the part that does not depend on its type.
//!
//! This file has the data; the files of the higher layers add the operations.

use std::cell::Cell;
use std::panic::Location;
use std::ptr::{self, NonNull};

use super::state::State;
use super::sync::Link;
use super::word::RemoteWord;
use super::work::Kind;

/// The loop that a task belongs to: the address of its block, whose type is known to `shared` and what is above it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner(pub(super) NonNull<()>);

/// What waits for the end of the task, and its rarely needed fields: one word, which `waiters` describes.
pub(super) struct Waiters(pub(super) Cell<*mut ()>);

/// The part of a task that does not depend on its type.
pub(super) struct Header {
    pub(super) vtable: &'static Vtable,
    /// The block of its loop. Borrowed while the loop lives; from `Shared::orphan` on, the cell owns a reference to it.
    pub(super) shared: Owner,
    pub(super) remote: RemoteWord,
    /// The next older task in the remote stack.
    pub(super) remote_next: Link<Header>,
    /// The next task in the ready queue.
    pub(super) ready_next: Cell<Option<NonNull<Header>>>,
    pub(super) state: State,
    /// References counted on the owner thread. Remote drops are merged here too, so it may be negative.
    pub(super) count: Cell<i32>,
    /// The offset of the cell in its chunk.
    pub(super) offset: Cell<u32>,
    /// What waits for the end, and rarely needed fields: name, context.
    pub(super) waiters: Waiters,
    pub(super) spawned_at: &'static Location<'static>,
}

impl Header {
    #[inline]
    pub(super) fn new(
        vtable: &'static Vtable,
        shared: Owner,
        state: State,
        offset: u32,
        spawned_at: &'static Location<'static>,
    ) -> Self {
        Self {
            vtable,
            shared,
            remote: RemoteWord::new(),
            remote_next: Link::new(ptr::null_mut()),
            ready_next: Cell::new(None),
            state,
            // The unfinished task's own, and the creator's.
            count: Cell::new(2),
            offset: Cell::new(offset),
            waiters: Waiters::new(),
            spawned_at,
        }
    }
}

/// The operations of a task that depend on its type.
pub(super) struct Vtable {
    pub(super) kind: Kind,
    pub(super) payload_offset: usize,
    /// Polls the future; when it is ready, replaces it by its output.
    pub(super) poll: unsafe fn(NonNull<Header>) -> Polled,
    /// Drops the future.
    pub(super) drop_work: unsafe fn(NonNull<Header>),
    /// Drops the output, if that does anything.
    pub(super) drop_value: Option<unsafe fn(NonNull<Header>)>,
}

/// How a poll ended.
#[must_use]
pub(super) enum Polled {
    Pending,
    /// The value is in the cell, or was dropped because there is no handle for it.
    Done,
    /// The same, and the value is an error of `try_gather`.
    DoneWithError,
    /// The destructor of the future or of a value that was not kept panicked; the panic is in the cell.
    Panicked,
    /// Finished without a value; its error went to its task group.
    Failed,
}
