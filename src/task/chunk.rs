//! A chunk: cells of one size in one allocation.

use std::alloc::{Layout, handle_alloc_error};
use std::cell::Cell;
use std::ptr::{self, NonNull};

use super::raw::Header;
use super::sync::{AtomicU32, Ordering, alloc, dealloc};

/// Sizes of cells are rounded up to this, which is also the alignment of `malloc`.
const GRAIN: usize = 16;
/// Cells of up to `GRAIN * CLASSES` bytes share chunks; a larger one, or one of larger alignment, has its own.
pub(super) const CLASSES: usize = 64;

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
        let class = layout.size().div_ceil(GRAIN) - 1;
        if layout.align() > GRAIN || class >= CLASSES {
            return Self {
                layout,
                class: CLASSES,
            };
        }
        match Layout::from_size_align((class + 1) * GRAIN, GRAIN) {
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
