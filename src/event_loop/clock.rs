//! The three clocks: real time, virtual time that jumps, manual time that is moved by hand.
//!
//! Inside the crate time is a `u64`: nanoseconds since thirteen days before the loop was made, with 63 bits, enough for
//! almost three centuries. What lies beyond counts as never.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// The deadline that never comes. No moment is later, so one bit is left for others.
pub(crate) const NEVER: u64 = u64::MAX >> 1;

/// When a loop is made. Deadlines before that are long due, and still have an order.
pub(crate) const BEGIN: u64 = 1 << 50;

/// What is said to those who try.
pub(crate) const REAL_TIME_CANNOT_ADVANCE: &str =
    "real time cannot be advanced: build the loop with `virtual_time()` or `manual_time()`";

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Real,
    /// Jumps to the next deadline whenever nothing is ready.
    Virtual,
    /// Moves by `advance` only.
    Manual,
}

pub(crate) struct Clock {
    mode: Mode,
    /// When the loop was made.
    origin: Instant,
    /// The last reading; outside of real time it is the time.
    now: Cell<u64>,
}

impl Clock {
    pub(crate) fn new(mode: Mode) -> Self {
        Self {
            mode,
            origin: Instant::now(),
            now: Cell::new(BEGIN),
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    /// The last reading, without a look at the clock.
    #[inline]
    pub(crate) fn last(&self) -> u64 {
        self.now.get()
    }

    /// Where virtual or manual time has been moved to; real time stands still here.
    pub(crate) fn moved(&self) -> u64 {
        match self.mode {
            Mode::Real => 0,
            Mode::Virtual | Mode::Manual => self.last(),
        }
    }

    /// Reads the clock.
    #[inline]
    pub(crate) fn read(&self) -> u64 {
        if self.mode == Mode::Real {
            self.now.set(since_begin(self.origin.elapsed()));
        }
        self.now.get()
    }

    /// The time for those who only look: the loop's own reading stays as it is.
    pub(crate) fn peek(&self) -> Instant {
        match self.mode {
            Mode::Real => Instant::now(),
            Mode::Virtual | Mode::Manual => self.instant(self.now.get()),
        }
    }

    /// Moves virtual or manual time forward.
    pub(crate) fn move_to(&self, now: u64) {
        debug_assert!(self.mode != Mode::Real, "real time moves by itself");
        self.now.set(self.now.get().max(now));
    }

    /// The deadline that lies `delay` after now. A zero delay is due at the next look, so it takes the last reading.
    #[inline]
    pub(crate) fn after(&self, delay: Duration) -> u64 {
        let delay = nanos(delay);
        let now = if delay == 0 { self.last() } else { self.read() };
        // No overflow: neither is above `NEVER`.
        (now + delay).min(NEVER)
    }

    /// The deadline that is an instant.
    pub(crate) fn at(&self, when: Instant) -> u64 {
        match when.checked_duration_since(self.origin) {
            Some(later) => since_begin(later),
            None => BEGIN.saturating_sub(nanos(self.origin - when)),
        }
    }

    /// The instant of a deadline; that of the loop's making, if the platform cannot tell it.
    pub(crate) fn instant(&self, deadline: u64) -> Instant {
        let instant = match deadline.checked_sub(BEGIN) {
            Some(later) => self.origin.checked_add(Duration::from_nanos(later)),
            None => self
                .origin
                .checked_sub(Duration::from_nanos(BEGIN - deadline)),
        };
        instant.unwrap_or(self.origin)
    }
}

#[inline]
fn since_begin(duration: Duration) -> u64 {
    // No overflow: the first is no more than half of what fits.
    (nanos(duration) + BEGIN).min(NEVER)
}

/// A duration in nanoseconds, [`NEVER`] at most.
#[inline]
pub(crate) fn nanos(duration: Duration) -> u64 {
    // One comparison in place of three checks for overflow.
    if duration.as_secs() >= NEVER / 1_000_000_000 {
        return NEVER;
    }
    duration.as_secs() * 1_000_000_000 + u64::from(duration.subsec_nanos())
}
