//! The level and slot of a timer: pure arithmetic on ticks.
//!
//! A tick is a number in base 64. The level of a timer is the highest digit in which its tick differs from the wheel's
//! current tick; the slot is the timer's own digit there.

/// A tick is 2^10 ns, about a microsecond: short enough that few deadlines share one, and it leaves 54 bits of a `u64`,
/// which are exactly nine digits of six bits.
const TICK_BITS: u32 = 10;

/// 64 slots per level: the bits of one word of the bitmaps.
pub(super) const SLOTS: usize = 64;
const DIGIT_BITS: u32 = SLOTS.ilog2();

/// Enough digits for every tick, so no deadline lies beyond the top level, and the wheel never wraps.
pub(super) const LEVELS: usize = ((u64::BITS - TICK_BITS) / DIGIT_BITS) as usize;
const _: () = assert!(LEVELS as u32 * DIGIT_BITS + TICK_BITS == u64::BITS);

/// The tick that contains a time.
#[inline]
pub(super) fn tick_of(nanos: u64) -> u64 {
    nanos >> TICK_BITS
}

/// One slot of one level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u16);

impl Place {
    #[inline]
    pub(super) fn new(level: usize, slot: usize) -> Self {
        debug_assert!(level < LEVELS && slot < SLOTS);
        Self((level * SLOTS + slot) as u16)
    }

    /// The place of a timer with this deadline in a wheel at `elapsed`. A deadline of the past belongs to the current
    /// tick.
    #[inline]
    pub(super) fn of(deadline: u64, elapsed: u64) -> Self {
        let tick = tick_of(deadline).max(elapsed);
        let highest_bit = u64::BITS - 1 - ((tick ^ elapsed) | 1).leading_zeros();
        let level = highest_bit / DIGIT_BITS;
        let slot = (tick >> (level * DIGIT_BITS)) as usize % SLOTS;
        Self::new(level as usize, slot)
    }

    #[inline]
    pub(super) fn level(self) -> usize {
        self.index() / SLOTS
    }

    #[inline]
    pub(super) fn slot(self) -> usize {
        self.index() % SLOTS
    }

    /// The index of this slot among the slots of all levels.
    #[inline]
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The first tick of this slot's range, in a wheel at `elapsed`.
    #[inline]
    pub(super) fn first_tick(self, elapsed: u64) -> u64 {
        let shift = self.level() as u32 * DIGIT_BITS;
        let digits_above = (elapsed >> shift) & !(SLOTS as u64 - 1);
        (digits_above | self.slot() as u64) << shift
    }

    /// The same in nanoseconds.
    #[inline]
    pub(super) fn first_nanos(self, elapsed: u64) -> u64 {
        self.first_tick(elapsed) << TICK_BITS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(tick: u64, elapsed: u64) -> (usize, usize) {
        let place = Place::of(tick << TICK_BITS, elapsed);
        (place.level(), place.slot())
    }

    #[test]
    fn the_level_is_the_highest_digit_that_differs() {
        assert_eq!(place(0, 0), (0, 0));
        assert_eq!(place(63, 0), (0, 63));
        assert_eq!(place(64, 0), (1, 1));
        assert_eq!(place(64, 63), (1, 1));
        assert_eq!(place(65, 64), (0, 1));
        assert_eq!(place(4095, 0), (1, 63));
        assert_eq!(place(4096, 4095), (2, 1));
        assert_eq!(place(4096 + 64, 4096 + 63), (1, 1));
    }

    #[test]
    fn every_power_of_two_has_its_place() {
        for bit in 0..LEVELS as u32 * DIGIT_BITS {
            let expected = (bit / DIGIT_BITS, 1 << (bit % DIGIT_BITS));
            assert_eq!(place(1 << bit, 0), (expected.0 as usize, expected.1));
        }
    }

    #[test]
    fn the_last_moment_of_all_fits_into_the_top_level() {
        let last = Place::of(u64::MAX - 1, 0);
        assert_eq!((last.level(), last.slot()), (LEVELS - 1, SLOTS - 1));
        assert_eq!(last.index(), LEVELS * SLOTS - 1);
    }

    #[test]
    fn what_is_past_belongs_to_the_current_tick() {
        assert_eq!(place(3, 1000), place(1000, 1000));
        assert_eq!(Place::of(0, 77), Place::of(77 << TICK_BITS, 77));
    }

    #[test]
    fn a_slot_knows_when_it_begins() {
        for elapsed in [0u64, 1, 63, 64, 4095, 1 << 30, (1 << 54) - 1] {
            for ahead in [0u64, 1, 63, 64, 65, 4096, 1 << 20, 1 << 40] {
                let Some(tick) = elapsed.checked_add(ahead).filter(|tick| *tick < 1 << 54) else {
                    continue;
                };
                let place = Place::of(tick << TICK_BITS, elapsed);
                let width = 1 << (place.level() as u32 * DIGIT_BITS);
                let first = place.first_tick(elapsed);
                assert!(first <= tick && tick < first + width);
                assert!(first >= elapsed, "a slot ahead never begins in the past");
            }
        }
    }

    #[test]
    fn a_slot_seen_from_its_own_beginning_splits_into_lower_levels() {
        let elapsed = 12_345;
        for tick in elapsed + 64..elapsed + 300_000 {
            let outer = Place::of(tick << TICK_BITS, elapsed);
            let inner = Place::of(tick << TICK_BITS, outer.first_tick(elapsed));
            assert!(inner.level() < outer.level() || outer.level() == 0);
        }
    }
}
