//! Ticks at a fixed period.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::sleep::Sleep;
use crate::event_loop::clock::NEVER;
use crate::event_loop::context;
use crate::event_loop::core::Core;

/// What an [`Interval`] does about ticks that were not awaited in time.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use looplet::{MissedTick, advance, interval, now};
///
/// looplet::EventLoop::builder().virtual_time().build().block_on(async {
///     let start = now();
///     let mut ticks = interval(Duration::from_secs(10));
///     ticks.set_missed_tick(MissedTick::Skip);
///     ticks.tick().await;
///     advance(Duration::from_secs(25)); // busy
///     assert_eq!(ticks.tick().await - start, Duration::from_secs(10)); // late, at 25
///     assert_eq!(ticks.tick().await - start, Duration::from_secs(30));
/// });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MissedTick {
    /// Keeps the schedule: missed ticks follow one another without a wait, one per round.
    #[default]
    Burst,
    /// The next tick comes one period after the late one.
    Delay,
    /// The next tick comes at the next multiple of the period in the future.
    Skip,
}

/// Ticks at a fixed period; made by [`interval`].
///
/// A loop body that takes longer than the period falls behind for ever. Other tasks, timers and threads are served
/// nevertheless: see [`tick`](Self::tick).
pub struct Interval {
    core: Rc<Core>,
    period: Duration,
    next: Instant,
    /// The wait for `next`, if it has begun.
    sleep: Option<Sleep>,
    missed: MissedTick,
    /// The round of the last overdue tick. `None` before the first tick, which is due at once and not overdue.
    overdue_in: Option<u64>,
}

/// Ticks once per `period`, the first time at once.
///
/// # Panics
///
/// If `period` is zero, and if no event loop is running on this thread.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// looplet::EventLoop::builder().virtual_time().build().block_on(async {
///     let start = looplet::now();
///     let mut second = looplet::interval(Duration::from_secs(1));
///     for n in 0..3 {
///         assert_eq!(second.tick().await - start, Duration::from_secs(n));
///     }
/// });
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    let core = context::current();
    assert!(
        !period.is_zero(),
        "interval() needs a period above zero; use yield_now() to run once per round"
    );
    let next = core.clock.instant(core.clock.read());
    Interval {
        core,
        period,
        next,
        sleep: None,
        missed: MissedTick::default(),
        overdue_in: None,
    }
}

impl Interval {
    /// Waits for the next tick and returns when it was due.
    ///
    /// An overdue tick comes at once, but only one per round: the next one lets the other tasks run for a round first,
    /// as [`sleep_until`](crate::sleep_until) does with a deadline that has passed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the wait loses no tick.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// Chooses what happens to missed ticks.
    pub fn set_missed_tick(&mut self, missed: MissedTick) {
        self.missed = missed;
    }

    fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        let clock = &self.core.clock;
        let next = clock.at(self.next);
        // A tick at `NEVER` does not come, even when the clock has reached its end.
        if next > clock.last() || next == NEVER {
            let sleep = self
                .sleep
                .get_or_insert_with(|| Sleep::at(&self.core, self.next));
            if Pin::new(sleep).poll(cx).is_pending() {
                return Poll::Pending;
            }
        } else if self.sleep.is_none() && !self.may_be_overdue() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.sleep = None;
        let due = self.next;
        self.next = self.following(due);
        Poll::Ready(due)
    }

    /// Whether this poll may return a tick without a wait. Without this limit a body that takes longer than the period
    /// would never suspend. No task is polled twice in one round.
    fn may_be_overdue(&mut self) -> bool {
        // A round polls each task at most once.
        let round = self.core.tasks.rounds();
        // No round has the number 0: the first tick does not count.
        let counted = self.overdue_in.map_or(0, |_| round);
        self.overdue_in.replace(counted) != Some(round)
    }

    /// The tick after the one that was due at `due` and is returned now.
    fn following(&self, due: Instant) -> Instant {
        let now = self.core.clock.instant(self.core.clock.read());
        let late = now.saturating_duration_since(due);
        let wait = match self.missed {
            MissedTick::Burst => self.period,
            MissedTick::Delay => late.saturating_add(self.period),
            MissedTick::Skip => late - remainder(late, self.period) + self.period,
        };
        // A tick beyond the range of `Instant` never comes.
        due.checked_add(wait)
            .unwrap_or_else(|| self.core.clock.instant(NEVER))
    }
}

/// `time` modulo `period`.
fn remainder(time: Duration, period: Duration) -> Duration {
    let rest = time.as_nanos() % period.as_nanos();
    Duration::new((rest / 1_000_000_000) as u64, (rest % 1_000_000_000) as u32)
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interval")
            .field("period", &self.period)
            .field("missed", &self.missed)
            .finish_non_exhaustive()
    }
}
