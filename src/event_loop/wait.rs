//! The wait of the loop: it sleeps until a deadline or an unpark, or moves virtual time to the next deadline.

use std::thread;
use std::time::{Duration, Instant};

use super::clock::{Mode, NEVER, nanos};
use super::core::Core;
use super::outside::Awaited;

/// How often a loop wakes up for its timers, and how exactly; see
/// [`Builder::timer_slack`](super::Builder::timer_slack).
#[derive(Clone, Copy)]
pub(super) struct TimerSlack {
    /// The least time between two wakeups for timers, in nanoseconds. Where timers are dense, a wakeup for each few of
    /// them costs more than the work they trigger, so the loop fires them in batches.
    between_wakeups: u64,
    /// A shorter wait does not spin.
    pub(super) min_wait_to_spin: Duration,
}

impl TimerSlack {
    const DEFAULT: Duration = Duration::from_micros(150);

    pub(super) fn new(slack: Duration) -> Self {
        let min_wait_to_spin = if slack.is_zero() {
            Duration::ZERO
        } else if slack <= Self::DEFAULT {
            // A wait that is not much longer than its spin would keep the processor busy.
            Duration::from_micros(500)
        } else {
            Duration::MAX
        };
        Self {
            between_wakeups: nanos(slack),
            min_wait_to_spin,
        }
    }
}

impl Default for TimerSlack {
    fn default() -> Self {
        Self::new(Self::DEFAULT)
    }
}

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
        if !is_notified {
            self.woke_at.set(self.clock.last());
        }
        if limit.is_some() && until == limit && !is_notified {
            Waited::ToLimit
        } else {
            Waited::Looked
        }
    }

    /// The moment at which a sleeping loop wakes up for its timers.
    fn next_wakeup(&self) -> Option<u64> {
        let next = self.next_deadline()?;
        let earliest = self
            .woke_at
            .get()
            .saturating_add(self.slack.between_wakeups);
        Some(next.max(earliest))
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
        let until = until.map(|until| self.real_instant(until));
        let is_notified = self.parker.wait(until, self.slack.min_wait_to_spin);
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
