//! What other threads meet in this room (the atomics, and the memory of cells), in one place, so that a model checker
//! can take their part: see `foreign_loom`.

#[cfg(not(looplet_loom))]
pub(super) use std::{
    alloc::{alloc, dealloc},
    sync::atomic::{AtomicBool, AtomicIsize, AtomicPtr, AtomicU32, Ordering},
};

#[cfg(looplet_loom)]
pub(super) use {
    self::model::{AtomicIsize, alloc, dealloc},
    loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering},
};

#[cfg(looplet_loom)]
mod model {
    use std::alloc::Layout;

    use loom::cell::UnsafeCell;
    use loom::sync::atomic::{self, Ordering};

    /// A word that notes every use as a look at what it guards, and its end as a change to it. So the model finds a
    /// task that is freed before, or at the same time as, somebody else's last use of its word.
    pub(in crate::task) struct AtomicIsize {
        word: atomic::AtomicIsize,
        guarded: UnsafeCell<()>,
    }

    impl AtomicIsize {
        pub(in crate::task) fn new(word: isize) -> Self {
            Self {
                word: atomic::AtomicIsize::new(word),
                guarded: UnsafeCell::new(()),
            }
        }

        fn look(&self) -> &atomic::AtomicIsize {
            self.guarded.with(|_| ());
            &self.word
        }

        pub(in crate::task) fn load(&self, order: Ordering) -> isize {
            self.look().load(order)
        }

        pub(in crate::task) fn swap(&self, word: isize, order: Ordering) -> isize {
            self.look().swap(word, order)
        }

        pub(in crate::task) fn fetch_add(&self, add: isize, order: Ordering) -> isize {
            self.look().fetch_add(add, order)
        }

        pub(in crate::task) fn fetch_and(&self, mask: isize, order: Ordering) -> isize {
            self.look().fetch_and(mask, order)
        }

        pub(in crate::task) fn compare_exchange_weak(
            &self,
            word: isize,
            next: isize,
            success: Ordering,
            failure: Ordering,
        ) -> Result<isize, isize> {
            self.look().compare_exchange(word, next, success, failure)
        }
    }

    impl Drop for AtomicIsize {
        fn drop(&mut self) {
            self.guarded.with_mut(|_| ());
        }
    }

    /// Memory whose leak the model reports.
    pub(in crate::task) unsafe fn alloc(layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { loom::alloc::alloc(layout) }
    }

    /// Spoils the memory, so that a use after the free does not go unnoticed.
    pub(in crate::task) unsafe fn dealloc(memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { memory.write_bytes(0xA5, layout.size()) };
        // SAFETY: as above.
        unsafe { loom::alloc::dealloc(memory, layout) };
    }
}
