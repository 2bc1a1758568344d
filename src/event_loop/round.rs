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
use std::panic::Location;
use std::time::Duration;

use super::clock::{Mode, NEVER};
use super::core::Core;
use super::dump::Dump;
use crate::task::JoinError;

/// How many turns may pass between two looks at other threads and timers, and between two readings of the clock while
/// a timer is armed. Enough to make both cheap, few enough for a greedy round not to be felt.
const TURNS_PER_LOOK: u32 = 64;

impl Core {
    /// Queues what other threads sent, and the timers that are due.
    #[inline]
    pub(super) fn look(&self) {
        if self.tasks.has_news() {
            self.tasks.take_news();
        }
        if self.has_timers() {
            self.fire_timers();
        }
    }

    fn fire_timers(&self) {
        if self.tasks.polls() - self.read_at.get() >= u64::from(TURNS_PER_LOOK) {
            self.read_clock();
        }
        let now = self.clock.last();
        while let Some(waker) = self.pop_due(now) {
            self.tasks.wake(waker);
        }
    }

    pub(super) fn read_clock(&self) {
        self.read_at.set(self.tasks.polls());
        self.clock.read();
    }

    /// The look of somebody who must know the time: before a wait, or when a caller has just entered the loop.
    pub(super) fn look_at_clock(&self) {
        self.read_clock();
        self.look();
    }

    /// Begins a round of what is ready now; `finish_round` does the work.
    #[inline]
    fn begin_round(&self) {
        self.begin_round_of::<true>();
    }

    /// The same, without a look whether the loop shuffles if the caller knows that it does not.
    #[inline]
    fn begin_round_of<const MAY_SHUFFLE: bool>(&self) {
        self.rounds.set(self.rounds.get() + 1);
        if MAY_SHUFFLE && self.tasks.shuffle_seed().is_some() {
            self.tasks.begin_shuffled_round();
        } else {
            self.tasks.begin_round();
        }
    }

    /// Runs what is left of the round: all of it, or, after a panic, the rest.
    #[inline]
    fn finish_round(&self) {
        while self.tasks.run(TURNS_PER_LOOK) {
            self.look();
        }
    }

    /// Nothing is ready: waits until something is, or until `limit`. False: nothing will ever be, as far as this loop
    /// can know.
    #[must_use]
    pub(super) fn wait(&self, limit: Option<u64>) -> bool {
        self.look_at_clock();
        if self.tasks.is_ready() {
            return true;
        }
        let next = self.next_deadline();
        match self.clock.mode() {
            Mode::Real => self.park(earlier(next, limit)),
            Mode::Manual => self.park(limit),
            Mode::Virtual => match earlier(next, limit) {
                Some(deadline) => self.clock.move_to(deadline),
                None => return false,
            },
        }
        self.look_at_clock();
        true
    }

    /// Sleeps until the deadline or the bell.
    fn park(&self, until: Option<u64>) {
        self.bell.prepare();
        if !self.tasks.fall_asleep() {
            return;
        }
        let asleep = std::time::Instant::now();
        self.bell.wait(until.map(|until| self.real_instant(until)));
        self.tasks.wake_up();
        self.parked.set(self.parked.get() + asleep.elapsed());
    }

    /// When a wait until `deadline` ends on the wall clock; in manual time the rest of it is counted from here.
    fn real_instant(&self, deadline: u64) -> std::time::Instant {
        match self.clock.mode() {
            Mode::Real => self.clock.instant(deadline),
            Mode::Virtual | Mode::Manual => {
                std::time::Instant::now() + Duration::from_nanos(deadline - self.clock.last())
            }
        }
    }

    /// Runs rounds, with waits between them, until `done` says so at the end of one.
    pub(super) fn run_until(&self, done: impl Fn() -> bool) {
        // Asked once and not in each round.
        if self.tasks.shuffle_seed().is_some() {
            self.run_rounds_until::<true>(done);
        } else {
            self.run_rounds_until::<false>(done);
        }
    }

    #[inline]
    fn run_rounds_until<const MAY_SHUFFLE: bool>(&self, done: impl Fn() -> bool) {
        self.tasks.drive(|| {
            loop {
                self.finish_round();
                if done() {
                    return;
                }
                self.look();
                if self.tasks.is_ready() {
                    self.begin_round_of::<MAY_SHUFFLE>();
                } else if !self.wait(None) {
                    self.deadlock();
                }
            }
        });
    }

    /// Runs all that is ready, and what that makes ready; never waits.
    pub(super) fn run_ready(&self) {
        self.tasks.drive(|| {
            loop {
                self.finish_round();
                self.look_at_clock();
                if !self.tasks.is_ready() {
                    return;
                }
                self.begin_round();
            }
        });
    }

    /// One round of what is ready, without a wait. False: nothing was.
    pub(super) fn run_round(&self) -> bool {
        let ready = self.tasks.is_ready();
        if ready {
            self.begin_round();
            self.tasks.drive(|| self.finish_round());
        }
        ready
    }

    /// Runs `main` as a task to its end, then one more round.
    pub(super) fn run_main<F: Future>(
        &self,
        at: &'static Location<'static>,
        main: F,
    ) -> Result<F::Output, JoinError> {
        self.tasks.scoped(at, main, |main| {
            self.run_until(|| main.is_finished());
            self.look();
            self.run_round();
            main.try_join()
                .expect("main has finished and nobody else could take its output")
        })
    }

    /// Lets the tasks end by themselves, until `end`.
    pub(super) fn run_until_empty(&self, end: u64) {
        self.tasks.drive(|| {
            loop {
                self.finish_round();
                self.look();
                // Read every round: a task that never waits must not outlast the end.
                if self.tasks.live() == 0 || self.clock.read() >= end {
                    return;
                }
                if self.tasks.is_ready() {
                    self.begin_round();
                } else if !self.wait(Some(end)) {
                    return;
                }
            }
        });
    }

    /// Cancels all tasks in spawn order and runs until they are gone; what they spawn meanwhile is cancelled at once.
    pub(super) fn cancel_all(&self) {
        self.tasks.refuse_tasks();
        for task in self.tasks.tasks() {
            task.cancel();
        }
        self.tasks.drive(|| {
            loop {
                self.finish_round();
                if self.tasks.live() == 0 {
                    return;
                }
                self.look();
                self.begin_round();
            }
        });
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
    a.into_iter()
        .chain(b)
        .filter(|&deadline| deadline != NEVER)
        .min()
}
