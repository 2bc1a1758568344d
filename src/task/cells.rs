//! The memory of all cells of a loop: chunks of cells of one size. They also serve as the list of all tasks.
//!
//! ```text
//!  class 112 bytes:  current ---+     full    partial <-- partial, ...
//!                               v       |        |
//!  chunk   +--------------------------------------------------------+
//!          | live, free, bump | cell | cell | vacant | cell | ....   |
//!          +--------------------------------------------------------+
//!          |<-------- offset -------->|  kept in each cell, to find its chunk
//! ```
//!
//! A spawn takes the cell that was freed last, or the next unused one, so there is one allocation per chunk, and the
//! list of tasks costs nothing. Empty chunks beyond a bound are deallocated. After the end of the loop, a chunk is
//! deallocated with the last of its cells, on any thread.

use std::cell::{Cell, UnsafeCell};
use std::ptr::NonNull;

pub(super) use super::chunk::CellLayout;
use super::chunk::{CLASSES, Chunk, Role, chunk_of};
use super::raw::Header;
use super::sync::{Ordering, cells_per_chunk};

/// The size of a chunk: about a hundred cells of common size, and cheap for a loop that has one task.
const CHUNK_BYTES: usize = 16 << 10;
/// The number of empty chunks that are kept for the next burst, besides the current one of each class.
const MAX_EMPTY: usize = if cfg!(looplet_loom) { 0 } else { 16 };
/// A sweep runs when one chunk in so many has become empty, so its cost is amortized over the spawns.
const SWEPT_PART: usize = if cfg!(looplet_loom) { usize::MAX } else { 4 };

/// One size of cells.
struct Class {
    /// The chunk that cells are allocated from.
    current: Cell<Option<NonNull<Chunk>>>,
    /// Other chunks with room.
    partial: Cell<Option<NonNull<Chunk>>>,
}

/// All cells of a loop.
pub(super) struct Cells {
    classes: [Class; CLASSES],
    /// All chunks. No method calls user code, so no access is nested in another.
    chunks: UnsafeCell<Vec<NonNull<Chunk>>>,
    /// How many chunks have become empty since the last sweep.
    emptied: Cell<usize>,
    /// The loop has been dropped: a new cell gets a chunk of its own, for any thread may free the others now.
    closed: Cell<bool>,
}

impl Cells {
    pub(super) fn new() -> Self {
        Self {
            classes: [const {
                Class {
                    current: Cell::new(None),
                    partial: Cell::new(None),
                }
            }; CLASSES],
            chunks: UnsafeCell::new(Vec::new()),
            emptied: Cell::new(0),
            closed: Cell::new(false),
        }
    }

    fn with_chunks<R>(&self, f: impl FnOnce(&mut Vec<NonNull<Chunk>>) -> R) -> R {
        // SAFETY: OWNER-THREAD: one thread, and no closure in this file calls this function.
        f(unsafe { &mut *self.chunks.get() })
    }

    /// Memory for a cell, and the offset to store in its header.
    #[inline]
    pub(super) fn allocate(&self, layout: CellLayout) -> (NonNull<Header>, u32) {
        let class = self.classes.get(layout.class);
        let current = class.and_then(|class| class.current.get());
        current
            .and_then(Chunk::take)
            .unwrap_or_else(|| self.allocate_slow(layout))
    }

    /// The current chunk is full, or there is none.
    #[cold]
    fn allocate_slow(&self, layout: CellLayout) -> (NonNull<Header>, u32) {
        let room = CHUNK_BYTES - size_of::<Chunk>();
        let chunk = match self.classes.get(layout.class) {
            Some(class) if !self.closed.get() => {
                let chunk = class.next_partial().unwrap_or_else(|| {
                    let capacity = cells_per_chunk(room / layout.layout.size());
                    self.list(Chunk::allocate(layout, capacity as u32))
                });
                class.make_current(chunk);
                chunk
            }
            _ => self.list(Chunk::allocate(layout, 1)),
        };
        Chunk::take(chunk).expect("a chunk with room has room")
    }

    fn list(&self, chunk: NonNull<Chunk>) -> NonNull<Chunk> {
        self.with_chunks(|chunks| {
            // SAFETY: LISTED: the chunk was just allocated, and is listed from here on.
            unsafe { chunk.as_ref() }.index.set(chunks.len());
            chunks.push(chunk);
        });
        chunk
    }

    /// Frees a cell while the loop lives.
    ///
    /// # Safety
    ///
    /// The cell is not used any more, and its contents have been dropped.
    #[inline]
    pub(super) unsafe fn free(&self, cell: NonNull<Header>) {
        // SAFETY: up to here the cell is in use.
        let this = unsafe { chunk_of(cell) };
        // SAFETY: LISTED: the loop lives, so it lists the chunk.
        let chunk = unsafe { this.as_ref() };
        // SAFETY: the memory still holds a header, which the chunk owns now.
        let vacant = unsafe { cell.as_ref() };
        vacant.state.vacate();
        vacant.ready_next.set(chunk.free.replace(Some(cell)));
        let live = chunk.live.load(Ordering::Relaxed) - 1;
        chunk.live.store(live, Ordering::Relaxed);
        match chunk.role.get() {
            Role::Current => {}
            Role::Partial if live != 0 => {}
            Role::Partial | Role::Full => self.note_room(this),
        }
    }

    /// Lists a chunk that has room again, and sweeps if too many are empty.
    #[cold]
    fn note_room(&self, this: NonNull<Chunk>) {
        // Not a reference as an argument: it must not be freed before the function returns.
        // SAFETY: LISTED: as in `free`.
        let chunk = unsafe { this.as_ref() };
        let Some(class) = self.classes.get(chunk.cell.class) else {
            self.with_chunks(|chunks| {
                chunks.swap_remove(chunk.index.get());
                if let Some(moved) = chunks.get(chunk.index.get()) {
                    // SAFETY: LISTED.
                    unsafe { moved.as_ref() }.index.set(chunk.index.get());
                }
            });
            // SAFETY: its only cell is vacant, and it is no longer listed.
            return unsafe { Chunk::deallocate(this) };
        };
        if chunk.role.replace(Role::Partial) == Role::Full {
            chunk.next_partial.set(class.partial.replace(Some(this)));
        }
        if chunk.live.load(Ordering::Relaxed) == 0 {
            self.emptied.set(self.emptied.get() + 1);
            let many = self.with_chunks(|chunks| chunks.len()) / SWEPT_PART;
            if self.emptied.get() > many.max(MAX_EMPTY) {
                self.sweep();
            }
        }
    }

    /// Deallocates empty chunks beyond `MAX_EMPTY` and rebuilds the lists of chunks with room.
    fn sweep(&self) {
        self.emptied.set(0);
        self.classes
            .iter()
            .for_each(|class| class.partial.set(None));
        let mut kept = 0;
        self.with_chunks(|chunks| {
            chunks.retain(|&this| {
                // SAFETY: LISTED.
                let chunk = unsafe { this.as_ref() };
                let Some(class) = self.classes.get(chunk.cell.class) else {
                    return true;
                };
                if chunk.role.get() != Role::Partial {
                    return true;
                }
                if chunk.live.load(Ordering::Relaxed) == 0 {
                    kept += 1;
                    if kept > MAX_EMPTY {
                        // SAFETY: no cell is in use, and `retain` takes it off the list.
                        unsafe { Chunk::deallocate(this) };
                        return false;
                    }
                }
                chunk.next_partial.set(class.partial.replace(Some(this)));
                true
            });
            for (index, chunk) in chunks.iter().enumerate() {
                // SAFETY: LISTED.
                unsafe { chunk.as_ref() }.index.set(index);
            }
            chunks.shrink_to(chunks.len() * 2);
        });
    }

    /// All cells in use, in unspecified order.
    pub(super) fn in_use(&self) -> Vec<NonNull<Header>> {
        self.with_chunks(|chunks| {
            chunks
                .iter()
                .flat_map(|&chunk| Chunk::cells(chunk))
                .collect()
        })
    }

    /// The end of the loop: calls `orphan` with each cell in use and releases all chunks; a chunk is deallocated with
    /// the last of its cells.
    pub(super) fn close(&self, orphan: impl Fn(NonNull<Header>)) {
        self.closed.set(true);
        for class in &self.classes {
            class.current.set(None);
            class.partial.set(None);
        }
        for chunk in self.with_chunks(std::mem::take) {
            // A count of the loop's own keeps the chunk alive while orphaned cells may be freed.
            // SAFETY: LISTED: the chunk was listed up to here, and cells are freed by `orphan` at the earliest.
            unsafe { chunk.as_ref() }
                .live
                .fetch_add(1, Ordering::Relaxed);
            Chunk::cells(chunk)
                .collect::<Vec<_>>()
                .into_iter()
                .for_each(&orphan);
            // SAFETY: the count that was just added.
            unsafe { Chunk::release(chunk) };
        }
    }

    /// Removes the chunk of a cell that was allocated after the end of the loop from the list.
    pub(super) fn unlist_last(&self) {
        self.with_chunks(Vec::pop);
    }
}

impl Class {
    fn next_partial(&self) -> Option<NonNull<Chunk>> {
        let chunk = self.partial.get()?;
        // SAFETY: LISTED.
        self.partial
            .set(unsafe { chunk.as_ref() }.next_partial.take());
        Some(chunk)
    }

    fn make_current(&self, chunk: NonNull<Chunk>) {
        if let Some(full) = self.current.replace(Some(chunk)) {
            // SAFETY: LISTED.
            unsafe { full.as_ref() }.role.set(Role::Full);
        }
        // SAFETY: LISTED.
        unsafe { chunk.as_ref() }.role.set(Role::Current);
    }
}
