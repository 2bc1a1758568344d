//! The wait of the loop: it sleeps until a deadline or an unpark, or moves virtual time to the next deadline.

use std::thread;
use std::time::{Duration, Instant};

use super::clock::{Mode, NEVER};
use super::core::Core;
use super::outside::Awaited;

/// If at least this many timers have fired since the last wait, the next wait lasts at least [`COALESCING_DELAY`].
const DENSE_TIMERS: u64 = 16;

/// The most that a dense timer fires late, in nanoseconds. Where timers are dense, a wakeup for each few of them costs
/// more than the work they trigger, so the loop fires them in batches.
const COALESCING_DELAY: u64 = 150_000;

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Waited {
    /// The loop has looked; something may be ready.
    Looked,
    /// The limit was reached.
    ToLimit,
    /// No timer is armed and nothing outside of the loop is awaited.
    Deadlocked,
}

impl Core {
    /// Waits until something may be ready, or until `limit`.
    pub(super) fn wait(&self, limit: Option<u64>) -> Waited {
        // Read before the look, so that the look sees everything that the last keepalive or job did before it ended.
        let awaited = self
            .outside()
            .map_or(Awaited::Nothing, |outside| outside.awaited());
        self.look_at_clock();
        if self.tasks.is_ready() {
            return Waited::Looked;
        }
        let (until, is_notified) = match (self.clock.mode(), awaited) {
            (Mode::Real, _) => {
                let next = earlier(self.next_wakeup(), limit);
                (next, self.yield_to_sender(next) || self.park(next))
            }
            (Mode::Manual, _) | (Mode::Virtual, Awaited::Jobs) => (limit, self.park(limit)),
            (Mode::Virtual, awaited) => match earlier(self.next_deadline(), limit) {
                Some(deadline) => {
                    self.clock.move_to(deadline);
                    (Some(deadline), false)
                }
                None if awaited == Awaited::Messages => (None, self.park(None)),
                None => return Waited::Deadlocked,
            },
        };
        self.look_at_clock();
        if limit.is_some() && until == limit && !is_notified {
            Waited::ToLimit
        } else {
            Waited::Looked
        }
    }

    /// The moment at which a sleeping loop wakes up for its timers.
    fn next_wakeup(&self) -> Option<u64> {
        let next = self.next_deadline()?;
        let is_dense = self.fired.take() >= DENSE_TIMERS;
        Some(if is_dense {
            next.max(self.clock.last().saturating_add(COALESCING_DELAY))
        } else {
            next
        })
    }

    /// Yields the processor to a thread that is sending items, which is cheaper than to park and be unparked for each
    /// item. Returns whether something has arrived. A loop with a deadline does not yield, since that might delay it.
    fn yield_to_sender(&self, until: Option<u64>) -> bool {
        let is_sending = self.outside().is_some_and(|it| it.take_is_sending());
        if is_sending && until.is_none() {
            thread::yield_now();
        }
        is_sending && self.tasks.has_remote()
    }

    /// Parks until the deadline or an unpark. Returns true if it was unparked, or had no need to park.
    fn park(&self, until: Option<u64>) -> bool {
        self.parker.prepare();
        if !self.tasks.fall_asleep() {
            return true;
        }
        let asleep = Instant::now();
        let is_notified = self
            .parker
            .wait(until.map(|until| self.real_instant(until)));
        self.tasks.wake_up();
        self.parked.set(self.parked.get() + asleep.elapsed());
        is_notified
    }

    /// The wall time at which a wait until `deadline` ends. In manual time the remaining time counts from now.
    fn real_instant(&self, deadline: u64) -> Instant {
        match self.clock.mode() {
            Mode::Real => self.clock.instant(deadline),
            Mode::Virtual | Mode::Manual => {
                // User code in a wakeup may have moved the clock past the deadline.
                let left = deadline.saturating_sub(self.clock.last());
                Instant::now() + Duration::from_nanos(left)
            }
        }
    }
}

fn earlier(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    let both = a.into_iter().chain(b);
    both.filter(|&deadline| deadline != NEVER).min()
}
