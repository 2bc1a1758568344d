//! One round of the loop, and what lies between two rounds.
//!
//! ```text
//!        +--> look: what other threads sent, then due timers -> ready queue
//!        |      |
//!        |    ready? --no--> wait: sleep, or jump in virtual time --+
//!        |      | yes                                               |
//!        |      v                                                   |
//!        |    round: what is ready now, one turn each;              |
//!        |           a look after every 64 turns                    |
//!        +------+---------------------------------------------------+
//! ```

use std::future::Future;
use std::iter;
use std::panic::Location;
use std::thread;
use std::time::{Duration, Instant};

use super::clock::{Mode, NEVER};
use super::core::Core;
use super::dump::Dump;
use super::inbox::LETTERS_PER_LOOK;
use crate::task::JoinError;

/// How many turns may pass between two looks at other threads and timers, and between two readings of the clock while
/// a timer is armed. Enough to make both cheap, few enough for a greedy round not to be felt.
pub(super) const TURNS_PER_LOOK: u32 = 64;

/// So many due timers are woken together: a few more than a processor fetches from memory at a time.
const BATCH: usize = 32;

/// When so many timers have fired since the last wait, the next one lasts for at least a [`PAUSE`].
const CROWD: u64 = 16;

/// Where timers are dense, waking up for each few of them costs more than all that they do. Then they are fired by the
/// crowd, and each comes so much later at most. In nanoseconds.
const PAUSE: u64 = 150_000;

/// How long a loop that is to end lets tasks run in virtual time, which does not move meanwhile. Longer than tasks that
/// only need a moment take on the slowest machine.
const PATIENCE: Duration = Duration::from_millis(100);

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

/// Who outside could make something ready, as far as virtual time is concerned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outside {
    Nobody,
    Guests,
    /// Blocking jobs are waiting or running: time stands still.
    Jobs,
}

impl Core {
    /// Queues what other threads sent, and the timers that are due.
    #[inline]
    pub(super) fn look(&self) {
        if self.tasks.has_news() {
            self.take_news();
        }
        if self.has_timers() {
            self.fire_timers();
        }
    }

    #[cold]
    fn take_news(&self) {
        self.tasks.take_news();
        if self.tasks.take_mail() {
            self.open_mail(LETTERS_PER_LOOK);
        }
    }

    fn fire_timers(&self) {
        if self.tasks.polls() - self.read_at.get() >= u64::from(TURNS_PER_LOOK) {
            self.read_clock();
        }
        let now = self.clock.last();
        // What somebody else's waker arms meanwhile is for the next look, or this one might not end.
        let armed = self.armed_timers();
        let mut fired = 0;
        let mut due = self.due.take();
        loop {
            due.extend(iter::from_fn(|| self.pop_due(now)).take(BATCH.min(armed - fired)));
            if due.is_empty() {
                break;
            }
            fired += due.len();
            self.tasks.wake_all(&mut due);
        }
        self.due.set(due);
        self.fired.set(self.fired.get() + fired as u64);
    }

    pub(super) fn read_clock(&self) {
        self.read_at.set(self.tasks.polls());
        self.clock.read();
    }

    /// The look of somebody who must know the time: before a wait, or when a caller has just entered the loop. As long
    /// as nothing is ready, another one follows for the letters that it has left.
    pub(super) fn look_at_clock(&self) {
        let mut letters = self.letters();
        loop {
            if self.has_timers() {
                self.read_clock();
            }
            self.look();
            if letters <= LETTERS_PER_LOOK || self.tasks.is_ready() {
                return;
            }
            letters -= LETTERS_PER_LOOK;
        }
    }

    /// How many turns may pass until the next look, so that the clock is read in time.
    #[inline]
    fn turns_until_look(&self) -> u32 {
        if !self.has_timers() {
            return TURNS_PER_LOOK;
        }
        let since = self.tasks.polls() - self.read_at.get();
        let left = u64::from(TURNS_PER_LOOK).saturating_sub(since);
        // Fits: it is no more than the number it was counted down from.
        (left as u32).max(1)
    }

    /// Whether rounds are neither shuffled nor measured. Neither changes while the loop runs.
    fn is_plain(&self) -> bool {
        self.tasks.shuffle_seed().is_none() && self.slow_poll.is_none()
    }

    /// Begins a round of what is ready now; `finish_round` does the work. False: nothing is ready.
    #[inline]
    fn begin_round(&self) -> bool {
        self.begin_round_of::<false>()
    }

    /// The same, for a caller that knows the loop to be plain.
    #[inline]
    fn begin_round_of<const PLAIN: bool>(&self) -> bool {
        let ready = if !PLAIN && self.tasks.shuffle_seed().is_some() {
            self.tasks.begin_shuffled_round()
        } else {
            self.tasks.begin_round()
        };
        self.rounds.set(self.rounds.get() + u64::from(ready));
        ready
    }

    /// Runs the round.
    fn finish_round(&self) {
        self.finish_round_of::<false>();
    }

    #[inline(always)]
    fn finish_round_of<const PLAIN: bool>(&self) {
        if !PLAIN {
            if let Some(slow) = &self.slow_poll {
                while self.run_measured(self.turns_until_look(), slow) {
                    self.look();
                }
            }
        }
        while self.tasks.run(self.turns_until_look()) {
            self.look();
        }
    }

    /// Nothing is ready: waits until something is, or until `limit`.
    pub(super) fn wait(&self, limit: Option<u64>) -> Waited {
        // Asked before the look: what they had sent, or woken, when the last of them went, is seen then.
        let outside = self.outside();
        self.look_at_clock();
        if self.tasks.is_ready() {
            return Waited::Looked;
        }
        let (until, was_rung) = match (self.clock.mode(), outside) {
            (Mode::Real, _) => {
                let next = earlier(self.next_wakeup(), limit);
                (next, self.give_way(next) || self.park(next))
            }
            (Mode::Manual, _) | (Mode::Virtual, Outside::Jobs) => (limit, self.park(limit)),
            (Mode::Virtual, outside) => match earlier(self.next_deadline(), limit) {
                Some(deadline) => {
                    self.clock.move_to(deadline);
                    (Some(deadline), false)
                }
                None if outside == Outside::Guests => (None, self.park(None)),
                None => return Waited::InVain,
            },
        };
        self.look_at_clock();
        if limit.is_some() && until == limit && !was_rung {
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

    /// Who outside could make something ready.
    fn outside(&self) -> Outside {
        if self.has_jobs_in_flight() {
            Outside::Jobs
        } else if self.inbox.get().is_some_and(|inbox| inbox.has_guests()) {
            Outside::Guests
        } else {
            Outside::Nobody
        }
    }

    /// Lets a thread that is in the middle of putting items go on, if it waits for this processor, rather than fall
    /// asleep and be woken for each of them. Whether something has come. A loop that has a deadline does not risk it.
    fn give_way(&self, until: Option<u64>) -> bool {
        let in_a_stream = self.items_came.take();
        if in_a_stream && until.is_none() {
            thread::yield_now();
        }
        in_a_stream && self.tasks.has_news()
    }

    /// Sleeps until the deadline or the bell. Whether it was the bell, or there was no need to sleep.
    fn park(&self, until: Option<u64>) -> bool {
        self.bell.prepare();
        if !self.tasks.fall_asleep() {
            return true;
        }
        let asleep = Instant::now();
        let was_rung = self.bell.wait(until.map(|until| self.real_instant(until)));
        self.tasks.wake_up();
        self.parked.set(self.parked.get() + asleep.elapsed());
        was_rung
    }

    /// When a wait until `deadline` ends on the wall clock; in manual time the rest of it is counted from here.
    fn real_instant(&self, deadline: u64) -> Instant {
        match self.clock.mode() {
            Mode::Real => self.clock.instant(deadline),
            Mode::Virtual | Mode::Manual => {
                Instant::now() + Duration::from_nanos(deadline - self.clock.last())
            }
        }
    }

    /// Runs rounds, with waits between them, until `done` says so at the end of one.
    pub(super) fn run_until(&self, done: impl Fn() -> bool) {
        // Asked once and not in each round.
        if self.is_plain() {
            self.run_rounds_until::<true>(done);
        } else {
            self.run_rounds_until::<false>(done);
        }
    }

    #[inline]
    fn run_rounds_until<const PLAIN: bool>(&self, done: impl Fn() -> bool) {
        loop {
            self.finish_round_of::<PLAIN>();
            if done() {
                return;
            }
            self.look();
            if !self.begin_round_of::<PLAIN>() && self.wait(None) == Waited::InVain {
                self.deadlock();
            }
        }
    }

    /// Runs all that is ready, and what that makes ready; never waits.
    pub(super) fn run_ready(&self) {
        loop {
            self.finish_round();
            self.look_at_clock();
            if !self.begin_round() {
                return;
            }
        }
    }

    /// One round of what is ready, without a wait. False: nothing was.
    pub(super) fn run_round(&self) -> bool {
        let ready = self.begin_round();
        if ready {
            self.finish_round();
        }
        ready
    }

    /// Runs `main` as a task to its end, then one more round, with all that was sent before the end.
    pub(super) fn run_main<F: Future>(
        &self,
        at: &'static Location<'static>,
        main: F,
    ) -> Result<F::Output, JoinError> {
        self.tasks.scoped(at, main, |main| {
            #[cfg(all(unix, feature = "signal"))]
            if self.handles_interrupt {
                drop(self.main.replace(Some(main.task())));
            }
            self.run_until(|| main.is_finished());
            self.look();
            self.open_mail(usize::MAX);
            self.run_round();
            main.try_join()
                .expect("main has finished and nobody else could take its output")
        })
    }

    /// Lets the tasks end by themselves, until `end`. Some grace is one round at least.
    pub(super) fn run_until_empty(&self, end: u64) {
        let begun = Instant::now();
        let grace = Duration::from_nanos(end - self.clock.last());
        // Manual time does not pass by itself, and virtual time stands still while anything is ready: there the wall
        // clock decides too.
        let is_over = |moved: Instant| match self.clock.mode() {
            Mode::Real => self.clock.read() >= end,
            Mode::Virtual => self.clock.last() >= end || moved.elapsed() > grace.max(PATIENCE),
            Mode::Manual => begun.elapsed() > grace,
        };
        let mut moved = begun;
        let mut has_run = grace.is_zero();
        loop {
            self.finish_round();
            self.look();
            let is_empty = self.tasks.live() == 0 && self.letters() == 0;
            if is_empty || has_run && is_over(moved) {
                return;
            }
            if self.begin_round() {
                has_run = true;
                continue;
            }
            let waited = self.wait(Some(end));
            moved = Instant::now();
            if waited != Waited::Looked || is_over(moved) {
                // What falls due with the end is in time.
                self.run_round();
                return;
            }
        }
    }

    /// Cancels all tasks in spawn order and runs until they are gone; what they spawn meanwhile is cancelled at once.
    pub(super) fn cancel_all(&self) {
        self.refuse_work();
        let tasks = self.tasks.tasks();
        if tasks.is_empty() {
            return;
        }
        for task in tasks {
            task.cancel();
        }
        loop {
            self.finish_round();
            if self.tasks.live() == 0 {
                break;
            }
            self.look();
            self.begin_round();
        }
        // What the last tasks have queued: their `on_done`.
        self.run_round();
    }

    /// In virtual time nobody else can make something ready, so waiting would last for ever.
    #[cold]
    fn deadlock(&self) -> ! {
        panic!(
            "deadlock: nothing is ready and no timer is armed, but these tasks wait: {}",
            Dump::of(self)
        );
    }
}

fn earlier(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    let both = a.into_iter().chain(b);
    both.filter(|&deadline| deadline != NEVER).min()
}
