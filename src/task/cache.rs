//! Free cells, kept per size for the next task, so that a steady spawn costs no malloc.

use std::alloc::{Layout, handle_alloc_error};
use std::cell::Cell;
use std::ptr::NonNull;

use super::sync::{alloc, dealloc};

/// Sizes are rounded up to this, which is also the alignment of what `malloc` gives.
const GRAIN: usize = 16;
/// Cells up to `GRAIN * CLASSES` bytes are kept; larger ones go back to the allocator at once.
const CLASSES: usize = 64;
/// How much is kept in all. Enough for some thousand tasks; a burst beyond that gives its memory back. Nothing is kept
/// under the model checker, which is to see each cell freed.
const KEPT_BYTES: usize = if cfg!(loom) { 0 } else { 1 << 20 };

/// The layout that a cell is allocated with. An over-aligned one is left alone, and never kept.
pub(super) const fn rounded(layout: Layout) -> Layout {
    if layout.align() > GRAIN {
        return layout.pad_to_align();
    }
    match Layout::from_size_align(layout.size().next_multiple_of(GRAIN), GRAIN) {
        Ok(layout) => layout,
        Err(_) => layout,
    }
}

pub(super) struct Cache {
    /// The first free cell of each class; each holds the address of the next in its first word.
    free: [Cell<Option<NonNull<u8>>>; CLASSES],
    bytes: Cell<usize>,
}

impl Cache {
    pub(super) fn new() -> Self {
        Self {
            free: [const { Cell::new(None) }; CLASSES],
            bytes: Cell::new(0),
        }
    }

    fn class(&self, layout: Layout) -> Option<&Cell<Option<NonNull<u8>>>> {
        if layout.align() == GRAIN {
            self.free.get(layout.size() / GRAIN - 1)
        } else {
            None
        }
    }

    /// Memory for a cell of this (rounded) layout.
    #[inline]
    pub(super) fn allocate(&self, layout: Layout) -> NonNull<u8> {
        if let Some(class) = self.class(layout) {
            if let Some(cell) = class.get() {
                // SAFETY: a cell in the list is vacant, of this class, and holds the link to the next.
                class.set(unsafe { cell.cast().read() });
                self.bytes.set(self.bytes.get() - layout.size());
                return cell;
            }
        }
        // SAFETY: a cell holds at least a header, so the size is not zero.
        let cell = unsafe { alloc(layout) };
        NonNull::new(cell).unwrap_or_else(|| handle_alloc_error(layout))
    }

    /// Takes back the memory of a cell.
    ///
    /// # Safety
    ///
    /// It came from `allocate` with this layout, and nobody uses it any more.
    #[inline]
    pub(super) unsafe fn free(&self, cell: NonNull<u8>, layout: Layout) {
        match self.class(layout) {
            Some(class) if self.bytes.get() + layout.size() <= KEPT_BYTES => {
                // SAFETY: the memory is the cache's now, aligned for a pointer and larger than one.
                unsafe { cell.cast().write(class.get()) };
                class.set(Some(cell));
                self.bytes.set(self.bytes.get() + layout.size());
            }
            // SAFETY: the caller's promise.
            _ => unsafe { deallocate(cell, layout) },
        }
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        for (class, free) in self.free.iter().enumerate() {
            let layout = Layout::from_size_align((class + 1) * GRAIN, GRAIN).expect("a class fits");
            while let Some(cell) = free.get() {
                // SAFETY: as in `allocate`.
                free.set(unsafe { cell.cast().read() });
                // SAFETY: the cell is out of the list, and its class tells its layout.
                unsafe { deallocate(cell, layout) };
            }
        }
    }
}

/// Gives a cell's memory back to the allocator; works on any thread.
///
/// # Safety
///
/// It came from `Cache::allocate` with this layout, and nobody uses it any more.
pub(super) unsafe fn deallocate(cell: NonNull<u8>, layout: Layout) {
    // SAFETY: the caller's promise.
    unsafe { dealloc(cell.as_ptr(), layout) };
}
