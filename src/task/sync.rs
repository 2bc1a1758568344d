//! The primitives of this module that threads share: atomics, the memory of cells, the `Arc` of the shared block. The
//! model checker replaces them: see `models`.

#[cfg(not(looplet_loom))]
pub(super) use std::{
    alloc::{alloc, dealloc},
    sync::Arc,
    sync::atomic::{AtomicIsize, AtomicPtr, AtomicPtr as Link, AtomicU32, Ordering},
};

#[cfg(looplet_loom)]
pub(super) use {
    self::model::{AtomicIsize, AtomicPtr, AtomicU32, Link, alloc, cells_per_chunk, dealloc},
    loom::sync::Arc,
    loom::sync::atomic::Ordering,
};

#[cfg(all(test, looplet_loom))]
pub(super) use self::model::set_cells_per_chunk;

/// How many cells a chunk has that has room for so many.
#[cfg(not(looplet_loom))]
pub(super) fn cells_per_chunk(room: usize) -> usize {
    room
}

#[cfg(looplet_loom)]
mod model {
    use std::alloc::Layout;
    use std::cell::Cell;

    use loom::cell::UnsafeCell;
    use loom::sync::atomic::{self, Ordering};

    std::thread_local! {
        /// All threads of a model are played on one.
        static CELLS_PER_CHUNK: Cell<usize> = const { Cell::new(1) };
    }

    /// The number that the model sets. If it is one, a cell's memory is spoiled as soon as it is free.
    pub(in crate::task) fn cells_per_chunk(room: usize) -> usize {
        room.min(CELLS_PER_CHUNK.get())
    }

    #[cfg(test)]
    pub(in crate::task) fn set_cells_per_chunk(cells: usize) {
        CELLS_PER_CHUNK.set(cells);
    }

    /// A value whose lifetime is checked. Each access is recorded as a read and its drop as a write, so the model finds
    /// a free that is not ordered after the last access of another thread.
    struct Guarded<T> {
        value: T,
        uses: UnsafeCell<()>,
    }

    impl<T> Guarded<T> {
        fn new(value: T) -> Self {
            Self {
                value,
                uses: UnsafeCell::new(()),
            }
        }

        fn access(&self) -> &T {
            self.uses.with(|_| ());
            &self.value
        }

        fn change(&self) -> &T {
            self.uses.with_mut(|_| ());
            &self.value
        }
    }

    impl<T> Drop for Guarded<T> {
        fn drop(&mut self) {
            self.uses.with_mut(|_| ());
        }
    }

    /// The word of a task, which represents its cell.
    pub(in crate::task) struct AtomicIsize(Guarded<atomic::AtomicIsize>);

    impl AtomicIsize {
        pub(in crate::task) fn new(word: isize) -> Self {
            Self(Guarded::new(atomic::AtomicIsize::new(word)))
        }

        pub(in crate::task) fn load(&self, order: Ordering) -> isize {
            self.0.access().load(order)
        }

        pub(in crate::task) fn swap(&self, word: isize, order: Ordering) -> isize {
            self.0.access().swap(word, order)
        }

        pub(in crate::task) fn fetch_add(&self, add: isize, order: Ordering) -> isize {
            self.0.access().fetch_add(add, order)
        }

        pub(in crate::task) fn fetch_and(&self, mask: isize, order: Ordering) -> isize {
            self.0.access().fetch_and(mask, order)
        }

        pub(in crate::task) fn compare_exchange_weak(
            &self,
            word: isize,
            next: isize,
            success: Ordering,
            failure: Ordering,
        ) -> Result<isize, isize> {
            let word_of = self.0.access();
            word_of.compare_exchange(word, next, success, failure)
        }
    }

    /// The head of a loop's stack, which represents the loop's block.
    pub(in crate::task) struct AtomicPtr<T>(Guarded<atomic::AtomicPtr<T>>);

    impl<T> AtomicPtr<T> {
        pub(in crate::task) fn new(head: *mut T) -> Self {
            Self(Guarded::new(atomic::AtomicPtr::new(head)))
        }

        pub(in crate::task) fn load(&self, order: Ordering) -> *mut T {
            self.0.access().load(order)
        }

        pub(in crate::task) fn swap(&self, head: *mut T, order: Ordering) -> *mut T {
            self.0.access().swap(head, order)
        }

        pub(in crate::task) fn compare_exchange(
            &self,
            head: *mut T,
            next: *mut T,
            success: Ordering,
            failure: Ordering,
        ) -> Result<*mut T, *mut T> {
            let head_of = self.0.access();
            head_of.compare_exchange(head, next, success, failure)
        }

        pub(in crate::task) fn compare_exchange_weak(
            &self,
            head: *mut T,
            next: *mut T,
            success: Ordering,
            failure: Ordering,
        ) -> Result<*mut T, *mut T> {
            self.compare_exchange(head, next, success, failure)
        }
    }

    /// How many cells of a chunk are in use, which stands for the chunk.
    pub(in crate::task) struct AtomicU32(Guarded<atomic::AtomicU32>);

    impl AtomicU32 {
        pub(in crate::task) fn new(count: u32) -> Self {
            Self(Guarded::new(atomic::AtomicU32::new(count)))
        }

        pub(in crate::task) fn load(&self, order: Ordering) -> u32 {
            self.0.access().load(order)
        }

        pub(in crate::task) fn store(&self, count: u32, order: Ordering) {
            self.0.access().store(count, order);
        }

        pub(in crate::task) fn fetch_add(&self, add: u32, order: Ordering) -> u32 {
            self.0.access().fetch_add(add, order)
        }

        pub(in crate::task) fn fetch_sub(&self, sub: u32, order: Ordering) -> u32 {
            self.0.access().fetch_sub(sub, order)
        }
    }

    /// A task's link. One thread at a time has it to itself, so a store is noted as a change: the model finds a write
    /// that does not come after the one before.
    pub(in crate::task) struct Link<T>(Guarded<atomic::AtomicPtr<T>>);

    impl<T> Link<T> {
        pub(in crate::task) fn new(link: *mut T) -> Self {
            Self(Guarded::new(atomic::AtomicPtr::new(link)))
        }

        pub(in crate::task) fn load(&self, order: Ordering) -> *mut T {
            self.0.access().load(order)
        }

        pub(in crate::task) fn store(&self, link: *mut T, order: Ordering) {
            self.0.change().store(link, order);
        }
    }

    /// Memory whose leak the model reports.
    pub(in crate::task) unsafe fn alloc(layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { loom::alloc::alloc(layout) }
    }

    /// Overwrites the memory, so that a use after the free is detected.
    pub(in crate::task) unsafe fn dealloc(memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { memory.write_bytes(0xA5, layout.size()) };
        // SAFETY: as above.
        unsafe { loom::alloc::dealloc(memory, layout) };
    }
}
