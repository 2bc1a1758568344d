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

use std::alloc::{Layout, handle_alloc_error};
use std::cell::{Cell, UnsafeCell};
use std::ptr::{self, NonNull};

use super::header::Header;
use super::sync::{AtomicU32, Ordering, alloc, cells_per_chunk, dealloc};

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

/// The largest alignment of cells that share chunks; that of `malloc`.
const MAX_ALIGN: usize = 16;
/// Sizes of cells are rounded up to a multiple of `FINE` up to `FINE_BYTES`, and of `COARSE` beyond.
const FINE: usize = 8;
const FINE_BYTES: usize = 256;
const COARSE: usize = 32;
/// The number of sizes. Larger cells, and cells of larger alignment, have a chunk each.
pub(super) const CLASSES: usize = FINE_BYTES / FINE + (1024 - FINE_BYTES) / COARSE;

/// The layout and size class of a cell; a constant of its type.
#[derive(Clone, Copy)]
pub(super) struct CellLayout {
    pub(super) layout: Layout,
    /// `CLASSES`: a chunk of its own.
    pub(super) class: usize,
}

impl CellLayout {
    pub(super) const fn of<T>() -> Self {
        let layout = Layout::new::<T>().pad_to_align();
        let size = layout.size();
        let (class, rounded) = if size <= FINE_BYTES {
            let units = size.div_ceil(FINE);
            (units - 1, units * FINE)
        } else {
            let units = (size - FINE_BYTES).div_ceil(COARSE);
            (FINE_BYTES / FINE + units - 1, FINE_BYTES + units * COARSE)
        };
        if layout.align() > MAX_ALIGN || class >= CLASSES {
            return Self {
                layout,
                class: CLASSES,
            };
        }
        // All cells of a type of this alignment are aligned: its size is a multiple of it, and so is the rounded one.
        match Layout::from_size_align(rounded, MAX_ALIGN) {
            Ok(layout) => Self { layout, class },
            Err(_) => unreachable!(),
        }
    }
}

/// The head of a chunk; its cells follow.
pub(super) struct Chunk {
    pub(super) cell: CellLayout,
    capacity: u32,
    /// How many cells have been allocated at least once.
    bump: Cell<u32>,
    /// The free list: the cell that was freed last; each holds the next in its ready link.
    pub(super) free: Cell<Option<NonNull<Header>>>,
    /// Cells in use. Plain loads and stores while the loop lives; any thread may decrement it afterwards.
    pub(super) live: AtomicU32,
    /// The index of the chunk in the loop's list.
    pub(super) index: Cell<usize>,
    /// The next chunk in the list of chunks with room.
    pub(super) next_partial: Cell<Option<NonNull<Chunk>>>,
    pub(super) role: Cell<Role>,
}

/// How a spawn finds a chunk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Not at all: it has no room.
    Full,
    /// In the list of chunks with room.
    Partial,
    /// It is the one that cells are allocated from.
    Current,
}

impl Chunk {
    /// The layout of a chunk, and the offset of the first cell.
    fn layout(cell: CellLayout, capacity: u32) -> (Layout, usize) {
        let cells =
            Layout::from_size_align(cell.layout.size() * capacity as usize, cell.layout.align());
        let whole = cells.and_then(|cells| Layout::new::<Self>().extend(cells));
        whole.expect("a chunk fits into memory")
    }

    pub(super) fn allocate(cell: CellLayout, capacity: u32) -> NonNull<Self> {
        let (layout, _) = Self::layout(cell, capacity);
        // SAFETY: a chunk has at least a head, so the size is not zero.
        let chunk = unsafe { alloc(layout) }.cast();
        let chunk = NonNull::new(chunk).unwrap_or_else(|| handle_alloc_error(layout));
        let head = Self {
            cell,
            capacity,
            bump: Cell::new(0),
            free: Cell::new(None),
            live: AtomicU32::new(0),
            index: Cell::new(0),
            next_partial: Cell::new(None),
            role: Cell::new(Role::Full),
        };
        // SAFETY: new memory that begins with room for a head.
        unsafe { chunk.write(head) };
        chunk
    }

    /// # Safety
    ///
    /// No cell of the chunk is in use, and no list holds it.
    pub(super) unsafe fn deallocate(chunk: NonNull<Self>) {
        // SAFETY: the caller has exclusive access to the chunk.
        let head = unsafe { chunk.as_ref() };
        let (layout, _) = Self::layout(head.cell, head.capacity);
        // SAFETY: as above. It has a destructor only under the model checker.
        unsafe { ptr::drop_in_place(chunk.as_ptr()) };
        // SAFETY: it came from `allocate` with this layout.
        unsafe { dealloc(chunk.as_ptr().cast(), layout) };
    }

    fn offset(&self, number: u32) -> usize {
        let first = size_of::<Self>().next_multiple_of(self.cell.layout.align());
        first + number as usize * self.cell.layout.size()
    }

    /// Allocates a cell, if there is room, and returns it with its offset.
    #[inline]
    pub(super) fn take(this: NonNull<Self>) -> Option<(NonNull<Header>, u32)> {
        // SAFETY: LISTED: a chunk in the loop's list is alive.
        let chunk = unsafe { this.as_ref() };
        let taken = if let Some(cell) = chunk.free.get() {
            // SAFETY: a vacant cell still holds a header.
            let vacant = unsafe { cell.as_ref() };
            chunk.free.set(vacant.ready_next.get());
            (cell, vacant.offset.get())
        } else if chunk.bump.get() < chunk.capacity {
            let offset = chunk.offset(chunk.bump.get());
            chunk.bump.set(chunk.bump.get() + 1);
            // SAFETY: the offset of a cell is within the chunk.
            (unsafe { this.byte_add(offset) }.cast(), offset as u32)
        } else {
            return None;
        };
        chunk
            .live
            .store(chunk.live.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        Some(taken)
    }

    /// The cells in use.
    pub(super) fn cells(this: NonNull<Self>) -> impl Iterator<Item = NonNull<Header>> {
        // SAFETY: LISTED: as in `take`.
        let chunk = unsafe { this.as_ref() };
        let handed_out = if chunk.live.load(Ordering::Relaxed) == 0 {
            0
        } else {
            chunk.bump.get()
        };
        // SAFETY: the offset of a cell is within the chunk.
        let cells = (0..handed_out)
            .map(move |number| unsafe { this.byte_add(chunk.offset(number)) }.cast());
        // SAFETY: a cell that was allocated once holds a header, in use or vacant.
        cells.filter(|cell: &NonNull<Header>| !unsafe { cell.as_ref() }.state.is_vacant())
    }

    /// Decrements the count of cells in use after the end of the loop, on any thread.
    ///
    /// # Safety
    ///
    /// The caller owns one count of the chunk, and gives it up.
    pub(super) unsafe fn release(chunk: NonNull<Self>) {
        // SAFETY: the caller's count keeps the chunk alive.
        // AcqRel: the thread that frees the chunk must see all accesses to its cells.
        if unsafe { chunk.as_ref() }
            .live
            .fetch_sub(1, Ordering::AcqRel)
            == 1
        {
            // SAFETY: that was the last count, and the loop's list is empty.
            unsafe { Self::deallocate(chunk) };
        }
    }
}

/// The chunk of a cell.
///
/// # Safety
///
/// The cell is in use.
pub(super) unsafe fn chunk_of(cell: NonNull<Header>) -> NonNull<Chunk> {
    // SAFETY: the caller's cell holds a header.
    let offset = unsafe { cell.as_ref() }.offset.get() as usize;
    // SAFETY: the cell is at that offset in its chunk, and its pointer was derived from the chunk's.
    unsafe { cell.byte_sub(offset) }.cast()
}

/// Frees a cell after the end of its loop, on any thread.
///
/// # Safety
///
/// The cell is not used any more, its contents have been dropped, and its loop has released its chunks.
pub(super) unsafe fn free_after_close(cell: NonNull<Header>) {
    // SAFETY: up to here the cell is in use.
    let chunk = unsafe { chunk_of(cell) };
    // SAFETY: COUNTED: the cell's own count of the chunk.
    unsafe { Chunk::release(chunk) };
}
