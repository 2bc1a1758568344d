//! The settings of a loop.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::EventLoop;
use super::clock::{Clock, Mode};
use super::core::Core;
use super::parker::{OnWake, Parker};
use super::slow_poll::SlowPoll;
use super::wait::TimerSlack;
use crate::task::{JoinError, Report, Task};

/// Makes an [`EventLoop`] with other settings than the default.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
///
/// let mut event_loop = looplet::EventLoop::builder().virtual_time().build();
/// let start = Instant::now();
/// event_loop.block_on(async { looplet::sleep(Duration::from_secs(86_400)).await });
/// assert!(start.elapsed() < Duration::from_secs(3600));
/// ```
#[must_use = "a builder does nothing until `build()`"]
pub struct Builder {
    mode: Mode,
    on_unhandled_panic: Option<Rc<Report>>,
    shuffle: Option<u64>,
    on_wake: Option<Box<OnWake>>,
    slow_poll: Option<SlowPoll>,
    slack: TimerSlack,
    /// Functions of other modules that set up the new loop.
    setups: Vec<Box<Setup>>,
}

type Setup = dyn FnOnce(&Rc<Core>);

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            mode: Mode::Real,
            on_unhandled_panic: None,
            shuffle: None,
            on_wake: None,
            slow_poll: None,
            slack: TimerSlack::default(),
            setups: Vec::new(),
        }
    }

    /// `build` calls `setup` with the new loop.
    pub(crate) fn with(mut self, setup: impl FnOnce(&Rc<Core>) + 'static) -> Self {
        self.setups.push(Box::new(setup));
        self
    }

    /// Virtual time: it starts now and jumps to the next deadline whenever nothing is ready.
    pub(crate) fn in_virtual_time(mut self) -> Self {
        self.mode = Mode::Virtual;
        self
    }

    /// Time starts now and moves only by [`EventLoop::advance`] and [`advance`](crate::time::advance).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut event_loop = looplet::EventLoop::builder().manual_time().build();
    /// let nap = event_loop.spawn(async { looplet::sleep(Duration::from_secs(1)).await });
    /// event_loop.run_until_stalled();
    /// assert!(!nap.is_finished());
    /// event_loop.advance(Duration::from_secs(1));
    /// assert!(nap.is_finished());
    /// ```
    pub fn manual_time(mut self) -> Self {
        self.mode = Mode::Manual;
        self
    }

    /// Shuffles the order inside of each round by the seed, to find out whether a program depends on the usual order.
    /// The same seed gives the same run, as far as the program itself is deterministic.
    ///
    /// Rounds, timers and wakeups stay as they are; only the order within a round is random. When
    /// [`block_on`](EventLoop::block_on) unwinds, the seed is printed to stderr. [`explore`](crate::explore) tries many
    /// seeds.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::RefCell;
    /// use std::rc::Rc;
    /// use looplet::{EventLoop, gather};
    ///
    /// let order = Rc::new(RefCell::new(String::new()));
    /// let note = |word: &'static str| {
    ///     let order = order.clone();
    ///     async move { order.borrow_mut().push_str(word) }
    /// };
    /// let mut event_loop = EventLoop::builder().shuffle(3).build();
    /// event_loop.block_on(async { gather((note("a"), note("b"), note("c"))).await });
    /// assert_ne!(*order.borrow(), "abc");
    /// ```
    pub fn shuffle(mut self, seed: u64) -> Self {
        self.shuffle = Some(seed);
        self
    }

    /// Calls `f` with each unhandled panic: that of a task whose handle was dropped or detached before the result was
    /// taken, or, without a task, that of a plain call. The default prints the task's name and place to stderr.
    ///
    /// A panic in `f` is caught and printed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{cell::RefCell, rc::Rc};
    ///
    /// let unseen = Rc::new(RefCell::new(Vec::new()));
    /// let note = unseen.clone();
    /// let mut event_loop = looplet::EventLoop::builder()
    ///     .on_unhandled_panic(move |_, error| note.borrow_mut().push(error.to_string()))
    ///     .build();
    /// event_loop.spawn(async { panic!("out of eggs") }).detach();
    /// event_loop.run_until_stalled();
    /// assert_eq!(*unseen.borrow(), ["task 'Task-1' panicked: out of eggs"]);
    /// ```
    #[doc(alias = "set_exception_handler")]
    pub fn on_unhandled_panic(mut self, f: impl Fn(Option<&Task>, &JoinError) + 'static) -> Self {
        self.on_unhandled_panic = Some(Rc::new(f));
        self
    }

    /// Calls `f` when something arrives from another thread (a wakeup, or what a [`Remote`](crate::Remote) or a
    /// [`RemoteQueue`](crate::RemoteQueue) sent) while this loop's thread is outside of the loop. It is meant for a
    /// host, such as a GUI's loop, that sleeps by itself and enters this loop by
    /// [`run_until_stalled`](EventLoop::run_until_stalled) or [`run_once`](EventLoop::run_once).
    ///
    /// It is called once, mostly on the sending thread, and again only after the loop has been entered and left. A
    /// `run_once` that returns true may have left something ready, for which `f` is not called again. Nothing is lost:
    /// `f` is also called for what arrives while the loop is being left. A panic in `f` is caught and printed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    ///
    /// let (sender, receiver) = mpsc::channel();
    /// let mut event_loop = looplet::EventLoop::builder().on_wake(move || sender.send(()).unwrap()).build();
    /// let remote = event_loop.remote();
    /// std::thread::spawn(move || remote.call_soon(|| println!("work has come")).unwrap());
    /// receiver.recv().unwrap();
    /// event_loop.run_until_stalled();
    /// ```
    #[doc(alias = "_write_to_self")]
    pub fn on_wake(mut self, f: impl Fn() + Send + Sync + 'static) -> Self {
        self.on_wake = Some(Box::new(f));
        self
    }

    /// Calls `f` after each poll of a task that took at least `limit`, and so delayed all other tasks. Virtual and
    /// manual time by which the task moved the clock ([`advance`](crate::time::advance)) counts as well.
    ///
    /// Without it, the environment variable `LOOPLET_DEBUG=1` makes the loop print polls of 100 ms and more to stderr,
    /// with the task's name and the place of its spawn, and plain calls too. A panic in `f` is caught and printed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut event_loop = looplet::EventLoop::builder()
    ///     .virtual_time()
    ///     .slow_poll(Duration::from_millis(50), |task, took| println!("{} took {took:?}", task.name()))
    ///     .build();
    /// event_loop.block_on(async { looplet::advance(Duration::from_millis(70)) }); // Task-1 took 70ms
    /// ```
    #[doc(alias = "slow_callback_duration")]
    #[doc(alias = "set_debug")]
    pub fn slow_poll(mut self, limit: Duration, f: impl Fn(&Task, Duration) + 'static) -> Self {
        self.slow_poll = Some(SlowPoll::new(limit, Box::new(f)));
        self
    }

    /// Sets how late a timer may fire so that the loop wakes up less often: two wakeups for timers are at least `slack`
    /// apart, and what falls due in between fires with the second one. The default is 150 microseconds.
    ///
    /// A timer that falls due later than `slack` after the last wakeup is not delayed, so only timers that are close
    /// together pay. The time that the system takes to wake a thread comes on top. No timer ever fires early.
    ///
    /// * **Zero** is as exact as a loop can be: each deadline has a wakeup of its own, and the loop watches the clock
    ///   for the last 60 microseconds before it. Many timers then keep the processor busy.
    /// * **Up to 150 microseconds**: the loop watches the clock at the end of a wait of at least 500 microseconds. A
    ///   shorter wait ends late by the system's own slack, which is often 50 microseconds.
    /// * **More**: the loop never watches the clock. This suits laptops, and many loops on one machine; with ten
    ///   milliseconds, it wakes up for timers a hundred times a second at most.
    ///
    /// A message or a wakeup of another thread ends a wait at once, and so does the limit of
    /// [`run_once`](EventLoop::run_once). Virtual and manual time have no slack.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// let mut event_loop = looplet::EventLoop::builder().timer_slack(Duration::from_millis(10)).build();
    /// let start = Instant::now();
    /// event_loop.block_on(async {
    ///     // Two wakeups, and not three: the last two sleeps end together.
    ///     let naps = [1, 2, 3].map(|n| looplet::sleep(Duration::from_millis(n)));
    ///     looplet::gather(naps).await;
    /// });
    /// assert!(start.elapsed() >= Duration::from_millis(3));
    /// ```
    #[doc(alias = "clock_resolution")]
    pub fn timer_slack(mut self, slack: Duration) -> Self {
        self.slack = TimerSlack::new(slack);
        self
    }

    /// Makes the loop.
    pub fn build(self) -> EventLoop {
        let core = Core::new(
            Clock::new(self.mode),
            Arc::new(Parker::new(self.on_wake)),
            self.slack,
            self.slow_poll.or_else(SlowPoll::from_environment),
        );
        if let Some(report) = self.on_unhandled_panic {
            core.tasks.set_report(report);
        }
        if let Some(seed) = self.shuffle {
            core.tasks.set_shuffle(seed);
        }
        core.leave();
        let core = Rc::new(core);
        for setup in self.setups {
            setup(&core);
        }
        EventLoop { core }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").finish_non_exhaustive()
    }
}
