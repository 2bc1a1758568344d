//! The primitives of this module that threads share: atomics, the memory of cells, the `Arc` of the shared block. The
//! model checker replaces them: see `remote_loom`.

#[cfg(not(looplet_loom))]
pub(super) use std::{
    alloc::{alloc, dealloc},
    sync::Arc,
    sync::atomic::{AtomicBool, AtomicIsize, AtomicPtr, AtomicU32, Ordering},
};

#[cfg(looplet_loom)]
pub(super) use {
    self::model::{AtomicBool, AtomicIsize, alloc, dealloc},
    loom::sync::Arc,
    loom::sync::atomic::{AtomicPtr, AtomicU32, Ordering},
};

#[cfg(looplet_loom)]
mod model {
    use std::alloc::Layout;

    use loom::cell::UnsafeCell;
    use loom::sync::atomic::{self, Ordering};

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

    /// A flag of the loop's block, which represents the block.
    pub(in crate::task) struct AtomicBool(Guarded<atomic::AtomicBool>);

    impl AtomicBool {
        pub(in crate::task) fn new(flag: bool) -> Self {
            Self(Guarded::new(atomic::AtomicBool::new(flag)))
        }

        pub(in crate::task) fn load(&self, order: Ordering) -> bool {
            self.0.access().load(order)
        }

        pub(in crate::task) fn swap(&self, flag: bool, order: Ordering) -> bool {
            self.0.access().swap(flag, order)
        }

        pub(in crate::task) fn fetch_or(&self, flag: bool, order: Ordering) -> bool {
            self.0.access().fetch_or(flag, order)
        }
    }

    /// Memory whose leaks the model reports.
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
