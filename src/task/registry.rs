//! The list of all cells of a loop, by slot: eight bytes a task, nothing to relink when one goes.

use std::cell::UnsafeCell;
use std::ptr::{self, NonNull};

use super::raw::Header;

/// Below this many slots nothing is given back.
const KEPT_SLOTS: usize = 1024;

/// Cells, and the vacant slots between them as a list.
///
/// It is used at each spawn and each end of a task, so it does without the flag of a `RefCell`: no method calls out.
pub(super) struct Registry(UnsafeCell<Slots>);

struct Slots {
    /// The address of a cell; or, odd, twice the next vacant slot and one.
    slots: Vec<*mut Header>,
    /// The first vacant slot; or the number of slots, if none is vacant.
    vacant: usize,
    used: usize,
}

impl Registry {
    pub(super) fn new() -> Self {
        Self(UnsafeCell::new(Slots {
            slots: Vec::new(),
            vacant: 0,
            used: 0,
        }))
    }

    #[inline]
    fn with<R>(&self, f: impl FnOnce(&mut Slots) -> R) -> R {
        // SAFETY: HOME-THREAD: one thread, and none of the closures in this file calls anything that could come back.
        f(unsafe { &mut *self.0.get() })
    }

    /// Lists a cell and tells its slot.
    #[inline]
    pub(super) fn insert(&self, cell: NonNull<Header>) -> u32 {
        self.with(|slots| slots.insert(cell))
    }

    /// Takes a cell off the list.
    #[inline]
    pub(super) fn remove(&self, cell: &Header) {
        self.with(|slots| slots.remove(cell.slot.get() as usize));
    }

    /// All cells, in no order.
    pub(super) fn cells(&self) -> Vec<NonNull<Header>> {
        self.with(|slots| slots.slots.iter().copied().filter_map(cell).collect())
    }

    /// Takes all cells off the list.
    pub(super) fn take(&self) -> Vec<NonNull<Header>> {
        let cells = self.cells();
        self.with(|slots| {
            *slots = Slots {
                slots: Vec::new(),
                vacant: 0,
                used: 0,
            }
        });
        cells
    }
}

impl Slots {
    #[inline]
    fn insert(&mut self, cell: NonNull<Header>) -> u32 {
        let slot = self.vacant;
        match self.slots.get_mut(slot) {
            Some(place) => {
                self.vacant = place.addr() >> 1;
                *place = cell.as_ptr();
            }
            None => {
                self.slots.push(cell.as_ptr());
                self.vacant = self.slots.len();
            }
        }
        self.used += 1;
        u32::try_from(slot).expect("more than four billion tasks at once")
    }

    #[inline]
    fn remove(&mut self, slot: usize) {
        self.slots[slot] = vacant(self.vacant);
        self.vacant = slot;
        self.used -= 1;
        if self.slots.capacity() > KEPT_SLOTS && self.used < self.slots.capacity() / 8 {
            self.compact();
        }
    }

    /// Moves the cells together and gives the memory back that a burst has left behind.
    #[cold]
    fn compact(&mut self) {
        self.slots.retain(|&entry| cell(entry).is_some());
        for (slot, &entry) in self.slots.iter().enumerate() {
            // SAFETY: COUNTED: a listed cell is live.
            unsafe { &*entry }.slot.set(slot as u32);
        }
        self.slots.shrink_to((self.used * 2).max(KEPT_SLOTS));
        self.vacant = self.slots.len();
    }
}

/// What stands in a vacant slot.
fn vacant(next: usize) -> *mut Header {
    ptr::without_provenance_mut(next << 1 | 1)
}

/// The cell in a slot, if it is not vacant.
fn cell(entry: *mut Header) -> Option<NonNull<Header>> {
    if entry.addr() & 1 == 0 {
        NonNull::new(entry)
    } else {
        None
    }
}
