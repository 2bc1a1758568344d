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

use super::clock::Mode;
use super::core::Core;
use super::wait::Waited;
use crate::task::{JoinError, print};

/// How many turns may pass between two looks at other threads and timers, and between two readings of the clock while
/// a timer is armed. Enough to make both cheap, few enough for a greedy round not to be felt.
const POLLS_PER_LOOK: u32 = 64;

/// How many messages of other threads a look takes in at most. Each may queue a task or a call, and a look follows after
/// every [`POLLS_PER_LOOK`] polls: so other threads get half of the polls at most, however fast they send. With as many
/// messages as polls, each round of a flood would be longer than the last, and timers would fire later and later.
const MESSAGES_PER_LOOK: usize = POLLS_PER_LOOK as usize / 2;

/// So many due timers are woken together: a few more than a processor fetches from memory at a time.
const BATCH: usize = 32;

/// How long a loop that is to end lets tasks run in virtual time, which does not move meanwhile. Longer than tasks that
/// only need a moment take on the slowest machine.
const PATIENCE: Duration = Duration::from_millis(100);

impl Core {
    /// The loop: runs rounds, with waits between them, until `done` says so at the end of one.
    pub(super) fn run_until(&self, done: impl Fn() -> bool) {
        // Neither changes while the loop runs.
        if self.slow_poll.is_some() || self.tasks.shuffle_seed().is_some() {
            return self.run_special_until(&done);
        }
        loop {
            // The round: what was ready when it began has one turn each.
            while self.tasks.run(self.polls_until_look()) {
                self.look();
            }
            if done() {
                return;
            }
            // Takes what other threads have sent, then fires the timers that are due.
            self.look();
            // The next round: what is ready now. Without any, the loop waits.
            if !self.tasks.begin_round() && self.wait(None) == Waited::InVain {
                self.deadlock();
            }
        }
    }

    /// The same, where rounds are shuffled or turns are measured.
    #[cold]
    fn run_special_until(&self, done: &dyn Fn() -> bool) {
        loop {
            self.finish_round();
            if done() {
                return;
            }
            self.look();
            if !self.begin_round() && self.wait(None) == Waited::InVain {
                self.deadlock();
            }
        }
    }

    /// Queues what other threads sent, and the timers that are due.
    #[inline]
    pub(super) fn look(&self) {
        if self.tasks.has_remote() {
            self.take_remote();
        }
        if self.has_timers() {
            self.fire_timers();
        }
    }

    #[cold]
    fn take_remote(&self) {
        self.tasks.take_remote();
        if self.tasks.take_messages() {
            if let Some(outside) = self.outside() {
                outside.collect(self, MESSAGES_PER_LOOK);
            }
        }
    }

    fn fire_timers(&self) {
        if self.tasks.polls() - self.read_at.get() >= u64::from(POLLS_PER_LOOK) {
            self.read_clock();
        }
        let now = self.clock.last();
        // What somebody else's waker arms meanwhile is for the next look, or this one might not end.
        let armed = self.armed_timers();
        let mut fired = 0;
        let mut due = self.due.take();
        loop {
            let most = BATCH.min(armed - fired);
            due.extend(iter::from_fn(|| self.pop_due(now)).take(most));
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

    /// A look with a reading of the clock: before a wait, or when a caller has just entered the loop. While nothing is
    /// ready, further looks take in the rest of the messages that had come before.
    pub(super) fn look_at_clock(&self) {
        let mut messages = self.messages();
        loop {
            if self.has_timers() {
                self.read_clock();
            }
            self.look();
            if messages <= MESSAGES_PER_LOOK || self.tasks.is_ready() {
                return;
            }
            messages -= MESSAGES_PER_LOOK;
        }
    }

    /// How many turns may pass until the next look, so that the clock is read in time.
    #[inline]
    fn polls_until_look(&self) -> u32 {
        if !self.has_timers() {
            return POLLS_PER_LOOK;
        }
        let since = self.tasks.polls() - self.read_at.get();
        let left = u64::from(POLLS_PER_LOOK).saturating_sub(since);
        // Fits: it is no more than the number it was counted down from.
        (left as u32).max(1)
    }

    /// Begins a round of what is ready now; `finish_round` runs it. False: nothing is ready.
    fn begin_round(&self) -> bool {
        match self.tasks.shuffle_seed() {
            None => self.tasks.begin_round(),
            Some(_) => self.tasks.begin_shuffled_round(),
        }
    }

    /// Runs the round to its end.
    fn finish_round(&self) {
        if let Some(slow) = &self.slow_poll {
            while self.run_measured(self.polls_until_look(), slow) {
                self.look();
            }
        }
        while self.tasks.run(self.polls_until_look()) {
            self.look();
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

    /// Runs `main` as a task to its end, then one more round.
    pub(crate) fn run_main<F: Future>(
        &self,
        at: &'static Location<'static>,
        main: F,
    ) -> Result<F::Output, JoinError> {
        self.tasks.scoped(at, main, |main| {
            if let Some(outside) = self.outside() {
                outside.main_begins(main.task());
            }
            self.run_until(|| main.is_finished());
            self.look();
            if let Some(outside) = self.outside() {
                // All that was sent before main had finished is in time.
                outside.collect(self, usize::MAX);
            }
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
            let is_empty = self.tasks.live() == 0 && self.messages() == 0;
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
    pub(crate) fn cancel_all(&self) {
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
            self.explain.get()(self)
        );
    }
}

/// Names the seed of a shuffled run that has failed.
pub(super) struct NameSeed(pub(super) u64);

impl Drop for NameSeed {
    fn drop(&mut self) {
        if thread::panicking() {
            print(format_args!(
                "the order of this run was drawn from the seed {}",
                self.0
            ));
        }
    }
}
