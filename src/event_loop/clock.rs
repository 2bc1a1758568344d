//! The clock of a loop: real time, virtual time that jumps to deadlines, or manual time.
//!
//! Inside the crate a time is a `u64` of 63 bits: nanoseconds since thirteen days before the loop was made. They last
//! for almost three centuries; a later time counts as never.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// The deadline that never comes. No time is later, so the top bit is free for other uses.
pub(crate) const NEVER: u64 = u64::MAX >> 1;

/// The time at which the loop was made. Earlier deadlines are overdue, and still have an order.
pub(crate) const BEGIN: u64 = 1 << 50;

/// The panic message of `advance` in real time.
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
    /// The instant of [`BEGIN`].
    origin: Instant,
    /// The last reading; in virtual and manual time, the time itself.
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

    /// The last reading; does not read the clock.
    #[inline]
    pub(crate) fn last(&self) -> u64 {
        self.now.get()
    }

    /// Virtual or manual time; constant in real time.
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

    /// The current time for observers; leaves the loop's last reading unchanged.
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

    /// The deadline `delay` from now. A zero delay takes the last reading, because it is due at the next look anyway.
    #[inline]
    pub(crate) fn after(&self, delay: Duration) -> u64 {
        let delay = nanos(delay);
        let now = if delay == 0 { self.last() } else { self.read() };
        // No overflow: neither term is above `NEVER`.
        (now + delay).min(NEVER)
    }

    /// The deadline at an instant.
    pub(crate) fn at(&self, when: Instant) -> u64 {
        match when.checked_duration_since(self.origin) {
            Some(later) => since_begin(later),
            None => BEGIN.saturating_sub(nanos(self.origin - when)),
        }
    }

    /// The instant of a deadline; the origin, if `Instant` cannot represent it.
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
    // No overflow: `nanos` returns no more than half of `u64::MAX`.
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
