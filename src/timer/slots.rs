//! The slots of all levels: a list of timers for each, and bitmaps that find the first occupied one.

use std::mem;

use super::place::{LEVELS, Place, SLOTS};
use super::slab::{Links, NONE, Slab};
use super::sort;

/// The ends of a list; invalid while the slot's bit in `occupied` is clear.
#[derive(Clone, Copy, Default)]
struct List {
    head: u32,
    tail: u32,
}

/// Lists of timers in the order in which they were appended, linked through the slab.
pub(super) struct Slots {
    /// One bit per level that has an occupied slot.
    levels: u16,
    /// One bit per slot that has timers.
    occupied: [u64; LEVELS],
    /// One bit per slot in which a timer may come before one with an earlier deadline.
    unsorted: [u64; LEVELS],
    /// The slots of all levels up to the highest one ever used: a loop without timers allocates nothing, and short
    /// waits need no high levels.
    lists: Vec<List>,
}

impl Slots {
    pub(super) const fn new() -> Self {
        Self {
            levels: 0,
            occupied: [0; LEVELS],
            unsorted: [0; LEVELS],
            lists: Vec::new(),
        }
    }

    /// The first slot: no timer of any other slot is due before its last one.
    ///
    /// Timers on the lowest level share the most digits with the present. On every level only digits above the present
    /// one occur, so slots never wrap around.
    #[inline]
    pub(super) fn first(&self) -> Option<Place> {
        if self.levels == 0 {
            return None;
        }
        let level = self.levels.trailing_zeros() as usize;
        Some(Place::new(
            level,
            self.occupied[level].trailing_zeros() as usize,
        ))
    }

    /// The first timer of an occupied slot.
    #[inline]
    pub(super) fn head(&self, place: Place) -> u32 {
        debug_assert!(self.is_occupied(place));
        self.lists[place.index()].head
    }

    #[inline]
    fn is_occupied(&self, place: Place) -> bool {
        self.occupied[place.level()] & bit(place) != 0
    }

    /// Whether the list of this slot is known to be in the order of the deadlines.
    #[inline]
    pub(super) fn is_sorted(&self, place: Place) -> bool {
        self.unsorted[place.level()] & bit(place) == 0
    }

    /// Appends a timer to the list of a slot and returns its links, which the caller stores.
    // Inlined always: a call with five arguments costs as much as the body.
    #[inline(always)]
    pub(super) fn link<T>(
        &mut self,
        slab: &mut Slab<T>,
        place: Place,
        index: u32,
        deadline: u64,
    ) -> Links {
        if !self.is_occupied(place) {
            self.occupy(place, index);
            return Links {
                prev: NONE,
                next: NONE,
                place,
            };
        }
        let list = &mut self.lists[place.index()];
        let prev = mem::replace(&mut list.tail, index);
        let last = slab.timer_mut(prev);
        last.links.next = index;
        if deadline < last.deadline {
            self.unsorted[place.level()] |= bit(place);
        }
        Links {
            prev,
            next: NONE,
            place,
        }
    }

    #[inline]
    fn occupy(&mut self, place: Place, index: u32) {
        let level = place.level();
        self.levels |= 1 << level;
        self.occupied[level] |= bit(place);
        if place.index() >= self.lists.len() {
            self.grow(level);
        }
        self.lists[place.index()] = List {
            head: index,
            tail: index,
        };
    }

    #[cold]
    fn grow(&mut self, level: usize) {
        self.lists.resize((level + 1) * SLOTS, List::default());
    }

    /// Removes a timer with these links from its list.
    #[inline(always)]
    pub(super) fn unlink<T>(&mut self, slab: &mut Slab<T>, links: Links) {
        let Links { prev, next, place } = links;
        if prev == NONE && next == NONE {
            return self.vacate(place);
        }
        if prev == NONE {
            self.lists[place.index()].head = next;
        } else {
            slab.timer_mut(prev).links.next = next;
        }
        if next == NONE {
            self.lists[place.index()].tail = prev;
        } else {
            slab.timer_mut(next).links.prev = prev;
        }
    }

    #[inline]
    fn vacate(&mut self, place: Place) {
        let level = place.level();
        self.occupied[level] &= !bit(place);
        self.unsorted[level] &= !bit(place);
        if self.occupied[level] == 0 {
            self.levels &= !(1 << level);
        }
    }

    /// Moves the timers of the first slot to the levels below, front to back, when the wheel has reached the beginning
    /// of that slot.
    pub(super) fn cascade<T>(&mut self, slab: &mut Slab<T>, first: Place, elapsed: u64) {
        let mut index = self.head(first);
        fetch(slab, self.lists[first.index()]);
        self.vacate(first);
        while index != NONE {
            let timer = slab.timer(index);
            let (deadline, next) = (timer.deadline, timer.links.next);
            let place = Place::of(deadline, elapsed);
            debug_assert!(place.level() < first.level());
            let links = self.link(slab, place, index, deadline);
            slab.timer_mut(index).links = links;
            index = next;
        }
    }

    /// The earliest deadline in an occupied slot.
    pub(super) fn earliest<T>(&self, slab: &Slab<T>, place: Place) -> u64 {
        let (mut earliest, mut index) = (u64::MAX, self.head(place));
        while index != NONE {
            let timer = slab.timer(index);
            earliest = earliest.min(timer.deadline);
            index = timer.links.next;
        }
        earliest
    }

    /// Sorts the timers of an occupied slot by deadline; timers with equal deadlines keep their order.
    pub(super) fn sort<T>(&mut self, slab: &mut Slab<T>, place: Place) {
        let head = sort::by_deadline(slab, self.head(place));
        let tail = relink_backwards(slab, head);
        self.lists[place.index()] = List { head, tail };
        self.unsorted[place.level()] &= !bit(place);
    }
}

#[cfg(test)]
impl Slots {
    /// Checks all lists and bitmaps, panics on an inconsistency, and returns all deadlines.
    pub(super) fn check<T>(&self, slab: &Slab<T>, elapsed: u64) -> Vec<u64> {
        let places =
            (0..LEVELS).flat_map(|level| (0..SLOTS).map(move |slot| Place::new(level, slot)));
        for level in 0..LEVELS {
            assert_eq!(self.levels >> level & 1 == 1, self.occupied[level] != 0);
            assert_eq!(self.unsorted[level] & !self.occupied[level], 0);
        }
        places
            .filter(|place| self.is_occupied(*place))
            .flat_map(|place| self.check_list(slab, place, elapsed))
            .collect()
    }

    fn check_list<T>(&self, slab: &Slab<T>, place: Place, elapsed: u64) -> Vec<u64> {
        let (mut deadlines, mut prev, mut index) = (Vec::new(), NONE, self.head(place));
        while index != NONE {
            let timer = slab.timer(index);
            assert_eq!(timer.links.prev, prev);
            assert_eq!(
                (timer.links.place, Place::of(timer.deadline, elapsed)),
                (place, place)
            );
            deadlines.push(timer.deadline);
            (prev, index) = (index, timer.links.next);
        }
        assert_eq!(self.lists[place.index()].tail, prev);
        assert!(!deadlines.is_empty() && (!self.is_sorted(place) || deadlines.is_sorted()));
        deadlines
    }
}

/// Loads the timers of a list into the cache. A walk waits for the memory of each timer before it can load the next, so
/// two walks from both ends wait half as long.
fn fetch<T>(slab: &Slab<T>, list: List) {
    let (mut front, mut back) = (list.head, list.tail);
    while front != back {
        let next = slab.timer(front).links.next;
        if next == back {
            break;
        }
        (front, back) = (next, slab.timer(back).links.prev);
    }
}

/// Restores the `prev` links from the `next` links and returns the last timer.
fn relink_backwards<T>(slab: &mut Slab<T>, head: u32) -> u32 {
    let (mut prev, mut index) = (NONE, head);
    while index != NONE {
        let timer = slab.timer_mut(index);
        timer.links.prev = prev;
        prev = index;
        index = timer.links.next;
    }
    prev
}

#[inline]
fn bit(place: Place) -> u64 {
    1 << place.slot()
}
