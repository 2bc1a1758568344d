//! The memory of the wheel: timers in one vector, addressed by key, linked by index.

use std::mem;
use std::num::NonZeroU32;

use super::place::Place;

/// The null index: the link of a timer without a neighbour on that side, and the end of the free list.
pub(super) const NONE: u32 = u32::MAX;

/// The most timers: an index has 31 bits.
const MAX_TIMERS: usize = 1 << 31;

/// The capacity that is kept when the last timer is gone. Memory of a burst beyond that (40 bytes per timer) is freed,
/// unless the burst before needed as much, since a third burst is likely then.
const KEPT: usize = 4096;

/// Up to this many entries the order of the free list does not matter: they fit into the first-level cache.
const CACHED: usize = 64;

/// Identifies an armed timer; stale once that timer has fired or was cancelled.
///
/// The generation distinguishes timers that used the same entry one after the other. It counts all arms of a wheel, so
/// a stale key could match another timer only after 2^32 arms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(super) index: u32,
    generation: NonZeroU32,
}

impl Key {
    /// The key as 63 bits; the low 32 bits are never zero.
    #[inline]
    pub(crate) fn to_bits(self) -> u64 {
        u64::from(self.index) << 32 | u64::from(self.generation.get())
    }

    #[inline]
    pub(crate) fn from_bits(bits: u64) -> Option<Self> {
        Some(Self {
            index: (bits >> 32) as u32,
            generation: NonZeroU32::new(bits as u32)?,
        })
    }
}

/// The slot of a timer, and its neighbours on the list of that slot.
#[derive(Clone, Copy)]
pub(super) struct Links {
    pub(super) prev: u32,
    pub(super) next: u32,
    pub(super) place: Place,
}

/// One armed timer.
pub(super) struct Timer<T> {
    pub(super) deadline: u64,
    pub(super) links: Links,
    generation: NonZeroU32,
    pub(super) value: T,
}

/// The generation is never zero, so the variants need no tag.
enum Entry<T> {
    Armed(Timer<T>),
    Free { next: u32 },
}

pub(super) struct Slab<T> {
    entries: Vec<Entry<T>>,
    free: u32,
    len: u32,
    generation: NonZeroU32,
    /// The number of entries when the vector was last cleared.
    last_peak: usize,
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self {
            entries: Vec::new(),
            free: NONE,
            len: 0,
            generation: NonZeroU32::MIN,
            last_peak: 0,
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// The key of the next timer that is inserted.
    #[inline]
    pub(super) fn next_key(&self) -> Key {
        let index = if self.free == NONE {
            self.entries.len() as u32
        } else {
            self.free
        };
        Key {
            index,
            generation: self.generation,
        }
    }

    /// Stores a timer under the key that [`next_key`](Self::next_key) returned.
    #[inline]
    pub(super) fn insert(&mut self, deadline: u64, links: Links, value: T) {
        let generation = self.generation;
        self.generation = generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        self.len += 1;
        let timer = Timer {
            deadline,
            links,
            generation,
            value,
        };
        let Some(entry) = self.entries.get_mut(self.free as usize) else {
            assert!(self.entries.len() < MAX_TIMERS, "too many timers");
            return self.entries.push(Entry::Armed(timer));
        };
        if let Entry::Free { next } = *entry {
            self.free = next;
        }
        *entry = Entry::Armed(timer);
    }

    /// The timer of this key, if it is still armed.
    #[inline]
    pub(super) fn get(&self, key: Key) -> Option<&Timer<T>> {
        match self.entries.get(key.index as usize)? {
            Entry::Armed(timer) if timer.generation == key.generation => Some(timer),
            _ => None,
        }
    }

    /// All armed timers, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Timer<T>> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Armed(timer) => Some(timer),
            Entry::Free { .. } => None,
        })
    }

    /// All armed timers, mutably, in no order.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Timer<T>> {
        self.entries.iter_mut().filter_map(|entry| match entry {
            Entry::Armed(timer) => Some(timer),
            Entry::Free { .. } => None,
        })
    }

    /// Frees the entry of a timer that is on no list any more, and returns its value.
    #[inline]
    pub(super) fn remove(&mut self, index: u32) -> T {
        let free = Entry::Free { next: self.free };
        self.free = index;
        self.len -= 1;
        let value = match mem::replace(&mut self.entries[index as usize], free) {
            Entry::Armed(timer) => timer.value,
            Entry::Free { .. } => not_armed(),
        };
        if self.len == 0 && self.entries.len() > CACHED {
            self.reset();
        }
        value
    }

    /// Discards the free list, so that the next timers lie side by side in memory again. The cost is linear in the arms
    /// since the last reset.
    #[cold]
    fn reset(&mut self) {
        let peak = self.entries.len();
        self.entries.clear();
        self.free = NONE;
        let needed_twice = peak.min(mem::replace(&mut self.last_peak, peak));
        self.entries.shrink_to(needed_twice.max(KEPT));
    }

    #[inline]
    pub(super) fn timer(&self, index: u32) -> &Timer<T> {
        match &self.entries[index as usize] {
            Entry::Armed(timer) => timer,
            Entry::Free { .. } => not_armed(),
        }
    }

    #[inline]
    pub(super) fn timer_mut(&mut self, index: u32) -> &mut Timer<T> {
        match &mut self.entries[index as usize] {
            Entry::Armed(timer) => timer,
            Entry::Free { .. } => not_armed(),
        }
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.entries.capacity()
    }
}

/// Panics: every index on a list belongs to an armed timer.
#[cold]
#[inline(never)]
fn not_armed() -> ! {
    unreachable!("a free entry is on the list of a slot")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert<T>(slab: &mut Slab<T>, value: T) -> Key {
        let key = slab.next_key();
        let place = Place::new(0, 0);
        slab.insert(
            1,
            Links {
                prev: NONE,
                next: NONE,
                place,
            },
            value,
        );
        key
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_timer_with_a_waker_fits_into_forty_bytes_and_a_key_into_eight() {
        assert_eq!(mem::size_of::<Entry<[u64; 2]>>(), 40);
        assert_eq!(mem::size_of::<Entry<std::task::Waker>>(), 40);
        assert_eq!(mem::size_of::<Key>(), 8);
        assert_eq!(mem::size_of::<Option<Key>>(), 8);
    }

    #[test]
    fn keys_stay_stale_when_their_place_is_used_again_and_when_memory_was_given_back() {
        let mut slab = Slab::new();
        let first = insert(&mut slab, 'a');
        assert_eq!(slab.remove(first.index), 'a');
        let second = insert(&mut slab, 'b');
        assert_eq!(first.index, second.index);
        assert!(slab.get(first).is_none());
        let burst: Vec<_> = (0..2 * KEPT).map(|_| insert(&mut slab, 'c')).collect();
        assert!(slab.capacity() > KEPT);
        for key in burst.iter().chain([&second]) {
            slab.remove(key.index);
        }
        assert!(slab.capacity() <= KEPT);
        insert(&mut slab, 'd');
        assert!(
            burst
                .iter()
                .chain([&first, &second])
                .all(|key| slab.get(*key).is_none())
        );
    }

    #[test]
    fn the_memory_of_a_burst_is_kept_once_it_was_needed_twice_in_a_row() {
        let mut slab = Slab::new();
        let mut burst = |n| {
            let keys: Vec<_> = (0..n).map(|_| insert(&mut slab, ())).collect();
            keys.iter().for_each(|key| slab.remove(key.index));
            slab.capacity()
        };
        assert_eq!(burst(10 * KEPT), KEPT);
        assert!(burst(10 * KEPT) >= 10 * KEPT);
        assert!(burst(10 * KEPT) >= 10 * KEPT);
        assert_eq!(burst(2 * KEPT), 2 * KEPT);
        assert_eq!(burst(2 * CACHED), KEPT);
    }

    #[test]
    fn all_armed_timers_are_seen_and_no_others() {
        let mut slab = Slab::new();
        let keys: Vec<_> = (0..4).map(|value| insert(&mut slab, value)).collect();
        slab.remove(keys[1].index);
        let values: Vec<_> = slab.iter().map(|timer| timer.value).collect();
        assert_eq!(values, [0, 2, 3]);
    }

    #[test]
    fn the_generation_skips_zero_when_it_wraps() {
        let mut slab = Slab::new();
        slab.generation = NonZeroU32::MAX;
        let (last, first) = (insert(&mut slab, 1), insert(&mut slab, 2));
        assert_eq!(last.generation, NonZeroU32::MAX);
        assert_eq!(first.generation, NonZeroU32::MIN);
        assert!(slab.get(last).is_some() && slab.get(first).is_some());
    }
}
