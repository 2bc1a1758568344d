//! The timer wheel: which timer is due next, and which are due by now.
//!
//! A pure data structure. It has no clock and no waker: moments are nanoseconds since an origin the
//! caller chose, and what is stored with a timer is the caller's business. It knows no other room of
//! the crate.
//!
//! Time is cut into ticks of about a microsecond, and the number of a tick is read in base 64. A
//! timer belongs to the *highest digit in which it differs from the present*, and there to the slot
//! of its own digit. So what is near is sorted finely and what is far coarsely:
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
//! When the present reaches a slot, the timers in it agree with it in one more digit, and move down
//! to the levels below; unless they stand in order already, then they fire from where they are. Nine
//! digits are all that a `u64` of nanoseconds has: nothing lies beyond the top level.
//!
//! The exact deadline is kept with every timer, and decides. `docs/timer-wheel.md` tells it at
//! length.
//!
//! * `place`: the arithmetic of ticks, levels and slots
//! * `slab`: the memory of the timers, and the keys that name them
//! * `slots`: the lists of timers, and the bits that find the first one
//! * `sort`: puts a list into order where a slot cannot be split any further
//! * `wheel`: [`Wheel`], which holds all this together

mod place;
mod slab;
mod slots;
mod sort;
mod wheel;

#[cfg(test)]
mod tests;

pub(crate) use {slab::Key, wheel::Wheel};
