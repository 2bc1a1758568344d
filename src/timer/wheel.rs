//! The wheel itself: the present, the earliest deadline, and the cascades as time advances.

use super::place::{Place, tick_of};
use super::slab::{Key, Slab};
use super::slots::Slots;

/// The timers of one loop, earliest first, equal deadlines in the order in which they were armed.
///
/// Times are nanoseconds since an origin of the caller's choice. Values are returned to the caller and never dropped in
/// here, so no destructor runs while the wheel is half changed.
///
/// Between any two calls:
///
/// * **IN PLACE**: every timer is in the slot that [`Place::of`] computes from its deadline and `elapsed` alone. So
///   timers of one deadline always share a slot.
/// * **IN LINE**: in a slot, timers of one deadline stand in the order in which they were armed.
/// * **BOUNDED**: no deadline is below `bound`, and with `exact` one is equal to it.
///
/// IN LINE holds without sequence numbers for ties. Arming appends to the slot in which, by IN PLACE, all older timers
/// of that deadline are. Removing a timer keeps the order of the others, and sorting is stable. A cascade walks the
/// first slot front to back and appends to slots of lower levels, which are all empty when it begins, because the first
/// slot is on the lowest level that has any timers. In all other cases `elapsed` moves only as far as every timer keeps
/// its place.
pub(crate) struct Wheel<T> {
    slab: Slab<T>,
    slots: Slots,
    /// The tick that all places are relative to. It never passes a timer, but may lag behind the clock.
    elapsed: u64,
    /// A lower bound of all deadlines; `u64::MAX` without timers.
    bound: u64,
    exact: bool,
    /// The slot that was last searched for its earliest timer instead of being sorted.
    searched: Option<Place>,
}

impl<T> Wheel<T> {
    /// A wheel without timers; memory is allocated when the first one is armed.
    pub(crate) const fn new() -> Self {
        Self {
            slab: Slab::new(),
            slots: Slots::new(),
            elapsed: 0,
            bound: u64::MAX,
            exact: true,
            searched: None,
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The deadline of a timer, if it is still armed.
    pub(crate) fn deadline(&self, key: Key) -> Option<u64> {
        self.slab.get(key).map(|timer| timer.deadline)
    }

    /// All armed timers with their deadlines, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.slab.iter().map(|timer| (timer.deadline, &timer.value))
    }

    /// The values of all armed timers, in no order.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slab.iter_mut().map(|timer| &mut timer.value)
    }

    /// Arms a timer; a deadline in the past is due at once.
    #[inline]
    pub(crate) fn arm(&mut self, deadline: u64, value: T) -> Key {
        debug_assert_ne!(deadline, u64::MAX, "a timer that never fires is not armed");
        let key = self.slab.next_key();
        let place = Place::of(deadline, self.elapsed);
        let links = self.slots.link(&mut self.slab, place, key.index, deadline);
        self.slab.insert(deadline, links, value);
        self.note_arrival(deadline);
        key
    }

    /// Cancels a timer and returns its value. `None`: it is not armed any more.
    #[inline]
    pub(crate) fn cancel(&mut self, key: Key) -> Option<T> {
        let timer = self.slab.get(key)?;
        let (deadline, links) = (timer.deadline, timer.links);
        self.note_departure(deadline);
        self.slots.unlink(&mut self.slab, links);
        Some(self.take(key.index))
    }

    #[inline]
    pub(crate) fn value_mut(&mut self, key: Key) -> Option<&mut T> {
        self.slab.get(key)?;
        Some(&mut self.slab.timer_mut(key.index).value)
    }

    /// Gives an armed timer another deadline, behind all timers that share it. `false`: it is not armed any more.
    #[inline]
    pub(crate) fn rearm(&mut self, key: Key, deadline: u64) -> bool {
        debug_assert_ne!(deadline, u64::MAX, "a timer that never fires is not armed");
        let Some(timer) = self.slab.get(key) else {
            return false;
        };
        let (before, links) = (timer.deadline, timer.links);
        self.slots.unlink(&mut self.slab, links);
        let place = Place::of(deadline, self.elapsed);
        let links = self.slots.link(&mut self.slab, place, key.index, deadline);
        let timer = self.slab.timer_mut(key.index);
        (timer.deadline, timer.links) = (deadline, links);
        self.note_departure(before);
        self.note_arrival(deadline);
        true
    }

    /// Takes the earliest timer whose deadline is not after `now`.
    pub(crate) fn pop_due(&mut self, now: u64) -> Option<T> {
        while now >= self.bound {
            let first = self.slots.first()?;
            if !self.slots.is_sorted(first) {
                self.open(first, now);
                continue;
            }
            let head = self.slots.head(first);
            let timer = self.slab.timer(head);
            let (deadline, links) = (timer.deadline, timer.links);
            if deadline <= now {
                (self.bound, self.exact) = (deadline, false);
                self.slots.unlink(&mut self.slab, links);
                return Some(self.take(head));
            }
            (self.bound, self.exact) = (deadline, true);
        }
        self.approach(now);
        None
    }

    /// The earliest deadline of all armed timers, to the nanosecond.
    #[inline]
    pub(crate) fn next_deadline(&mut self) -> Option<u64> {
        if !self.exact {
            (self.bound, self.exact) = (self.find_earliest(), true);
        }
        (self.bound != u64::MAX).then_some(self.bound)
    }

    #[inline]
    fn note_arrival(&mut self, deadline: u64) {
        if deadline <= self.bound {
            (self.bound, self.exact) = (deadline, true);
        }
    }

    #[inline]
    fn note_departure(&mut self, deadline: u64) {
        if deadline == self.bound {
            self.exact = false;
        }
    }

    #[inline]
    fn take(&mut self, index: u32) -> T {
        if self.slab.len() == 1 {
            (self.bound, self.exact) = (u64::MAX, true);
        }
        self.slab.remove(index)
    }

    /// Sorts or cascades the first slot, which is not sorted; or raises `bound` to its first tick, if that is after
    /// `now`.
    fn open(&mut self, first: Place, now: u64) {
        let begin = first.first_tick(self.elapsed);
        if first.level() == 0 {
            // A slot of level 0 cannot cascade. Only these slots hold deadlines of the past.
            self.slots.sort(&mut self.slab, first);
        } else if begin <= tick_of(now) {
            self.elapsed = begin;
            self.slots.cascade(&mut self.slab, first, begin);
        } else {
            (self.bound, self.exact) = (first.first_nanos(self.elapsed), false);
        }
    }

    /// Advances `elapsed` to `now`, up to which nothing is due, if every timer keeps its place.
    ///
    /// A sorted slot that `now` has entered is not cascaded: timers that were armed in the order of their deadlines, as
    /// with one timeout for all, never move.
    #[inline]
    fn approach(&mut self, now: u64) {
        let tick = tick_of(now);
        let is_free = match self.slots.first() {
            Some(first) => first.first_tick(self.elapsed) > tick,
            None => true,
        };
        if is_free && tick > self.elapsed {
            self.elapsed = tick;
        }
    }

    fn find_earliest(&mut self) -> u64 {
        let Some(first) = self.slots.first() else {
            return u64::MAX;
        };
        if !self.slots.is_sorted(first) {
            // The first search of a slot is cheaper than sorting it. A second one means that the earliest timers are
            // being cancelled: then sorting the slot once is cheaper than searching it again and again.
            let again = self.searched.replace(first) == Some(first);
            if !again {
                return self.slots.earliest(&self.slab, first);
            }
            self.slots.sort(&mut self.slab, first);
        }
        self.slab.timer(self.slots.head(first)).deadline
    }

    /// Panics unless IN PLACE and BOUNDED hold and the lists are intact.
    #[cfg(test)]
    pub(super) fn check(&self) {
        let deadlines = self.slots.check(&self.slab, self.elapsed);
        assert_eq!(deadlines.len(), self.len());
        let earliest = deadlines.into_iter().min().unwrap_or(u64::MAX);
        assert!(self.bound <= earliest && (!self.exact || self.bound == earliest));
    }

    /// Whether the first slot fires from its head.
    #[cfg(test)]
    pub(super) fn is_in_order(&self) -> bool {
        let first = self.slots.first();
        first.is_none_or(|first| self.slots.is_sorted(first))
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.slab.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: u64 = 1 << 10;
    const NOW: u64 = 1_000_000 * TICK;

    #[test]
    fn a_wheel_whose_timers_are_far_away_keeps_up_with_time_and_tells_near_ticks_apart() {
        for far in [None, Some(9 * NOW)] {
            let mut wheel = Wheel::new();
            if let Some(deadline) = far {
                wheel.arm(deadline, 0);
            }
            assert_eq!(wheel.pop_due(NOW), None);
            // If both were in one slot, they would be out of order.
            wheel.arm(NOW + 3 * TICK, 2);
            wheel.arm(NOW + TICK, 1);
            assert!(wheel.is_in_order());
            assert_eq!(wheel.pop_due(NOW + 3 * TICK), Some(1));
            assert_eq!(wheel.pop_due(NOW + 3 * TICK), Some(2));
        }
    }
}
