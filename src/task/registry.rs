//! The list of all cells of a loop, by slot: eight bytes a task, nothing to relink when one goes.

use std::ptr::NonNull;

use super::raw::Header;

/// Below this many slots nothing is given back.
const KEPT_SLOTS: usize = 1024;

#[derive(Default)]
pub(super) struct Registry {
    slots: Vec<Option<NonNull<Header>>>,
    /// Vacant slots; those beyond the end of `slots` are stale.
    vacant: Vec<u32>,
}

impl Registry {
    /// Lists a cell and tells its slot.
    #[inline]
    pub(super) fn insert(&mut self, cell: NonNull<Header>) -> u32 {
        while let Some(slot) = self.vacant.pop() {
            if let Some(place) = self.slots.get_mut(slot as usize) {
                *place = Some(cell);
                return slot;
            }
        }
        let slot = u32::try_from(self.slots.len()).expect("more than four billion tasks at once");
        self.slots.push(Some(cell));
        slot
    }

    #[inline]
    pub(super) fn remove(&mut self, slot: u32) {
        let slot_index = slot as usize;
        if slot_index + 1 < self.slots.len() {
            self.slots[slot_index] = None;
            self.vacant.push(slot);
        } else {
            self.slots.pop();
            self.trim();
        }
    }

    /// Lets go of the vacant slots at the end, and of the memory that a burst has left behind.
    #[inline]
    fn trim(&mut self) {
        while let Some(None) = self.slots.last() {
            self.slots.pop();
        }
        if self.slots.capacity() > KEPT_SLOTS && self.slots.len() < self.slots.capacity() / 4 {
            self.shrink();
        }
    }

    #[cold]
    fn shrink(&mut self) {
        self.slots.shrink_to((self.slots.len() * 2).max(KEPT_SLOTS));
        self.vacant
            .retain(|&slot| (slot as usize) < self.slots.len());
        self.vacant
            .shrink_to((self.slots.len() * 2).max(KEPT_SLOTS));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = NonNull<Header>> {
        self.slots.iter().copied().flatten()
    }

    /// Takes any one cell out.
    pub(super) fn pop(&mut self) -> Option<NonNull<Header>> {
        self.trim();
        self.slots.pop().flatten()
    }
}
