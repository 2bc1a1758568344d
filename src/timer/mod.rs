//! The timer wheel: finds the next deadline and the timers that are due.
//!
//! It is a pure data structure without a clock or a waker, and uses no other module of the crate. Times are nanoseconds
//! since an origin of the caller's choice, and the value of a timer is of the caller's type.
//!
//! Time is divided into ticks of about a microsecond, and the number of a tick is read in base 64. The level of a timer
//! is the *highest digit in which its tick differs from the present*, and its slot on that level is its own digit. So
//! near deadlines are sorted finely and far ones coarsely:
//!
//! ```text
//!             tick as digits    8 7 6 5 4 3 2 1 0
//!             the present       0 0 0 0 0 0 7 4 9
//!
//! level 0     differs here      0 0 0 0 0 0 7 4 30     ->  slot 30      1 tick wide       1 µs
//! level 1                       0 0 0 0 0 0 7 61 2     ->  slot 61     64 ticks wide     66 µs
//! level 2                       0 0 0 0 0 0 8 0 0      ->  slot 8    64^2 ticks wide      4 ms
//! ...
//! level 8                       5 0 0 0 0 0 0 0 0      ->  slot 5    64^8 ticks wide    9 years
//! ```
//!
//! When the present reaches a slot, the timers in it agree with the present in one more digit, and cascade to lower
//! levels; a slot that is already sorted fires from where it is instead. A `u64` of nanoseconds has nine digits, so no
//! deadline lies beyond the top level.
//!
//! Every timer keeps its exact deadline, which decides when it fires. `docs/timer-wheel.md` has the details.
//!
//! * `place`: the arithmetic of ticks, levels and slots
//! * `slab`: the memory of the timers, and the keys that name them
//! * `slots`: the lists of timers, and the bitmaps that find the first one
//! * `sort`: sorts the list of a slot that cannot cascade any further
//! * `wheel`: [`Wheel`], the whole

mod place;
mod slab;
mod slots;
mod sort;
mod wheel;

#[cfg(test)]
mod tests;

pub(crate) use {slab::Key, wheel::Wheel};
