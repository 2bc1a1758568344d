//! The state of a sleep, packed into one word.
//!
//! With the pointer to its loop a sleep has two words, which a function returns in registers. Three words would be
//! returned through memory: written one by one and read in pairs, which stalls the processor for half the time of an
//! arming.
//!
//! ```text
//!        bit 63   62 .. 32               31 .. 0
//!      +--------+----------------------------------+
//!      |   0    | deadline                         |   Until
//!      |   1    | key's index          | generation |   Armed; a generation is never zero
//!      |   1    | discriminant         |     0      |   Zero, Never, Done
//!      +--------+----------------------------------+
//! ```

use crate::timer::Key;

#[derive(Clone, Copy)]
pub(super) enum State {
    /// A zero delay yields for one round and needs no timer.
    Zero,
    /// Not polled yet; the deadline in nanoseconds of the loop's clock.
    Until(u64),
    Armed(Key),
    /// The deadline is out of range, or the loop is gone.
    Never,
    Done,
}

/// A [`State`] in one word.
#[derive(Clone, Copy)]
pub(super) struct Packed(u64);

const NO_DEADLINE: u64 = 1 << 63;
const NEVER: u64 = 1 << 32;
const DONE: u64 = 2 << 32;

impl From<State> for Packed {
    #[inline]
    fn from(state: State) -> Self {
        Self(match state {
            State::Until(deadline) => deadline,
            State::Armed(key) => NO_DEADLINE | key.to_bits(),
            State::Zero => NO_DEADLINE,
            State::Never => NO_DEADLINE | NEVER,
            State::Done => NO_DEADLINE | DONE,
        })
    }
}

impl Packed {
    #[inline]
    pub(super) fn get(self) -> State {
        if self.0 < NO_DEADLINE {
            return State::Until(self.0);
        }
        let bits = self.0 - NO_DEADLINE;
        match (Key::from_bits(bits), bits) {
            (Some(key), _) => State::Armed(key),
            (None, 0) => State::Zero,
            (None, NEVER) => State::Never,
            (None, _) => State::Done,
        }
    }
}
