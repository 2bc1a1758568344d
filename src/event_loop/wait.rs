//! Where the loop waits: it sleeps until a deadline or a notice from another thread, or jumps in virtual time.

use std::thread;
use std::time::{Duration, Instant};

use super::clock::{Mode, NEVER};
use super::core::Core;
use super::outside::Awaited;

/// When so many timers have fired since the last wait, the next one lasts for at least a [`PAUSE`].
const CROWD: u64 = 16;

/// Where timers are dense, waking up for each few of them costs more than all that they do. Then they are fired by the
/// crowd, and each comes so much later at most. In nanoseconds.
const PAUSE: u64 = 150_000;

/// How a wait has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Waited {
    /// Something has happened, or may have: look whether anything is ready.
    Looked,
    /// The limit was reached.
    ToLimit,
    /// There was nothing to wait for, as far as this loop can know.
    InVain,
}

impl Core {
    /// Nothing is ready: waits until something is, or until `limit`.
    pub(super) fn wait(&self, limit: Option<u64>) -> Waited {
        // Asked before the look: what they had sent, or woken, when the last of them went, is seen then.
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
                (next, self.give_way(next) || self.park(next))
            }
            (Mode::Manual, _) | (Mode::Virtual, Awaited::Jobs) => (limit, self.park(limit)),
            (Mode::Virtual, awaited) => match earlier(self.next_deadline(), limit) {
                Some(deadline) => {
                    self.clock.move_to(deadline);
                    (Some(deadline), false)
                }
                None if awaited == Awaited::Messages => (None, self.park(None)),
                None => return Waited::InVain,
            },
        };
        self.look_at_clock();
        if limit.is_some() && until == limit && !is_notified {
            Waited::ToLimit
        } else {
            Waited::Looked
        }
    }

    /// When a sleeping loop wakes up for its timers.
    fn next_wakeup(&self) -> Option<u64> {
        let next = self.next_deadline()?;
        let is_crowded = self.fired.take() >= CROWD;
        Some(if is_crowded {
            next.max(self.clock.last().saturating_add(PAUSE))
        } else {
            next
        })
    }

    /// Lets a thread that is in the middle of putting items go on, if it waits for this processor, rather than fall
    /// asleep and be woken for each of them. Whether something has come. A loop that has a deadline does not risk it.
    fn give_way(&self, until: Option<u64>) -> bool {
        let is_sending = self.outside().is_some_and(|it| it.take_is_sending());
        if is_sending && until.is_none() {
            thread::yield_now();
        }
        is_sending && self.tasks.has_remote()
    }

    /// Sleeps until the deadline or the bell. Whether it was the bell, or there was no need to sleep.
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

    /// When a wait until `deadline` ends on the wall clock; in manual time the rest of it is counted from here.
    fn real_instant(&self, deadline: u64) -> Instant {
        match self.clock.mode() {
            Mode::Real => self.clock.instant(deadline),
            Mode::Virtual | Mode::Manual => {
                // A wakeup may have moved the clock past the deadline.
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
