//! The rounds of the loop and the look between two rounds.
//!
//! ```text
//!        +--> look: remote wakeups and messages, then due timers -> run queue
//!        |      |
//!        |    ready? --no--> wait: sleep, or jump in virtual time --+
//!        |      | yes                                               |
//!        |      v                                                   |
//!        |    round: each entry that is ready now runs once;        |
//!        |           a look after every 64 polls                    |
//!        +------+---------------------------------------------------+
//! ```

use std::future::Future;
use std::iter;
use std::panic::Location;
use std::thread;
use std::time::{Duration, Instant};

use super::clock::Mode;
use super::core::Core;
use super::outside::MESSAGES_PER_LOOK;
use super::wait::Waited;
use crate::task::{JoinError, print};

/// The most polls between two looks, and between two readings of the clock while a timer is armed. The value makes both
/// cheap and still bounds the delay that a long round adds to timers and remote wakeups.
pub(super) const POLLS_PER_LOOK: u32 = 64;

/// The most due timers that are woken together: a few more than a processor fetches from memory at a time.
const BATCH: usize = 32;

/// The least wall time that `shutdown` grants ready tasks in virtual time, which does not move while they run. It is
/// longer than short tasks take on the slowest machine.
const WALL_GRACE: Duration = Duration::from_millis(100);

impl Core {
    /// Runs rounds, and waits between them, until `done` is true at the end of a round.
    pub(super) fn run_until(&self, done: impl Fn() -> bool) {
        // Neither setting changes while the loop runs, so the common path tests them once.
        if self.slow_poll.is_some() || self.tasks.shuffle_seed().is_some() {
            return self.run_special_until(&done);
        }
        loop {
            while self.tasks.run(self.polls_until_look()) {
                self.look();
            }
            if done() {
                return;
            }
            self.look();
            if !self.tasks.begin_round() && self.wait(None) == Waited::Deadlocked {
                self.deadlock();
            }
        }
    }

    /// The same loop for shuffled rounds and measured polls.
    #[cold]
    fn run_special_until(&self, done: &dyn Fn() -> bool) {
        loop {
            self.finish_round();
            if done() {
                return;
            }
            self.look();
            if !self.begin_round() && self.wait(None) == Waited::Deadlocked {
                self.deadlock();
            }
        }
    }

    /// Takes remote wakeups and messages, then fires the timers that are due.
    #[inline]
    pub(super) fn look(&self) {
        if self.tasks.has_remote() {
            self.tasks.take_remote();
        }
        if self.has_timers() {
            self.fire_timers();
        }
    }

    fn fire_timers(&self) {
        if self.tasks.polls() - self.read_at.get() >= u64::from(POLLS_PER_LOOK) {
            self.read_clock();
        }
        let now = self.clock.last();
        // A waker is user code and may arm a timer that is already due. Such a timer fires at the next look; otherwise
        // this loop might not end.
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

    /// The budget of polls until the next look. It counts from the last reading of the clock, so that no more than
    /// [`POLLS_PER_LOOK`] polls pass between two readings.
    #[inline]
    fn polls_until_look(&self) -> u32 {
        if !self.has_timers() {
            return POLLS_PER_LOOK;
        }
        let since = self.tasks.polls() - self.read_at.get();
        let left = u64::from(POLLS_PER_LOOK).saturating_sub(since);
        // The cast is lossless: `left` is at most `POLLS_PER_LOOK`.
        (left as u32).max(1)
    }

    /// Begins a round of the entries that are ready now; `finish_round` runs it. Returns false if nothing is ready.
    fn begin_round(&self) -> bool {
        match self.tasks.shuffle_seed() {
            None => self.tasks.begin_round(),
            Some(_) => self.tasks.begin_shuffled_round(),
        }
    }

    /// Runs the current round to its end.
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

    /// Runs rounds until nothing is ready; never waits.
    pub(super) fn run_ready(&self) {
        loop {
            self.finish_round();
            self.look_at_clock();
            if !self.begin_round() {
                return;
            }
        }
    }

    /// Runs one round without waiting. Returns false if nothing was ready.
    pub(super) fn run_round(&self) -> bool {
        let ready = self.begin_round();
        if ready {
            self.finish_round();
        }
        ready
    }

    /// Runs `main` as a task until it finishes, then one more round.
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
                outside.collect_all(self);
            }
            self.run_round();
            main.try_join()
                .expect("main has finished, and only this handle can take its output")
        })
    }

    /// Runs until no task is left or `end` is reached. A grace above zero allows at least one round.
    pub(super) fn run_until_empty(&self, end: u64) {
        let begun = Instant::now();
        let grace = Duration::from_nanos(end - self.clock.last());
        // Manual time does not pass by itself, and virtual time stands still while a task is ready, so the wall clock
        // bounds them too.
        let is_over = |moved: Instant| match self.clock.mode() {
            Mode::Real => self.clock.read() >= end,
            Mode::Virtual => self.clock.last() >= end || moved.elapsed() > grace.max(WALL_GRACE),
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
                // Timers that are due exactly at the end still fire.
                self.run_round();
                return;
            }
        }
    }

    /// Cancels all tasks in spawn order and runs until they are gone. Tasks that are spawned meanwhile are cancelled at
    /// once.
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
        // Runs the `on_done` callbacks that the last tasks have queued.
        self.run_round();
    }

    /// Panics with the list of waiting tasks: in virtual time nothing can make them ready, so a wait would never end.
    #[cold]
    fn deadlock(&self) -> ! {
        panic!(
            "deadlock: nothing is ready and no timer is armed, but these tasks wait: {}",
            self.explain.get()(self)
        );
    }
}

/// Prints the seed of a shuffled run if the thread unwinds out of it.
pub(super) struct PrintSeed(pub(super) u64);

impl Drop for PrintSeed {
    fn drop(&mut self) {
        if thread::panicking() {
            print(format_args!(
                "the order of this run was drawn from the seed {}",
                self.0
            ));
        }
    }
}
