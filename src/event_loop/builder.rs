//! Settings of a loop that is about to be made.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use super::EventLoop;
use super::bell::Doorbell;
use super::clock::{Clock, Mode};
use super::core::Core;
use super::observer::Observer;
use crate::task::{JoinError, Report, Task};

/// Makes an [`EventLoop`] with settings of its own.
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
    observer: Option<Box<dyn Observer>>,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            mode: Mode::Real,
            on_unhandled_panic: None,
            shuffle: None,
            observer: None,
        }
    }

    /// Time starts now and stands still while anything is ready; when nothing is, it jumps to the next deadline. So
    /// programs that sleep for hours end at once, in the same order as in real time.
    pub fn virtual_time(mut self) -> Self {
        self.mode = Mode::Virtual;
        self
    }

    /// Time starts now and moves only by [`EventLoop::advance`] and [`advance`](crate::time::advance).
    pub fn manual_time(mut self) -> Self {
        self.mode = Mode::Manual;
        self
    }

    /// Draws the order inside of each round from the seed, to find out whether a program depends on the usual one. The
    /// same seed gives the same run, as far as the program itself is deterministic.
    ///
    /// Rounds, timers and wakeups stay as they are; only who comes first within a round is drawn by lot. When
    /// [`block_on`](EventLoop::block_on) unwinds, the seed is printed to stderr. [`explore`](crate::explore) tries many
    /// seeds in turn.
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

    /// Tells `observer` what happens on the loop: who is spawned, queued and by whom, polled, waits, ends.
    ///
    /// A loop without an observer pays nothing for the possibility. With one, a turn costs some hundred nanoseconds
    /// more, and a [`dump`](crate::dump) knows the age and the polls of each task.
    ///
    /// ```
    /// use std::time::Instant;
    /// use looplet::{EventLoop, Task, TaskEvent};
    ///
    /// let observer = |at: Instant, task: &Task, event: TaskEvent<'_>| println!("{at:?} {task:?} {event:?}");
    /// EventLoop::builder().observer(observer).build().block_on(async {});
    /// ```
    #[doc(alias = "set_debug")]
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Calls `f` with each panic that nobody can see any more: of a task whose handle was dropped or detached unread,
    /// or, without a task, of a plain call. The default prints the task's name and place to stderr.
    ///
    /// A panic in `f` is caught and printed.
    #[doc(alias = "set_exception_handler")]
    pub fn on_unhandled_panic(mut self, f: impl Fn(Option<&Task>, &JoinError) + 'static) -> Self {
        self.on_unhandled_panic = Some(Rc::new(f));
        self
    }

    /// Makes the loop.
    pub fn build(self) -> EventLoop {
        let core = Core::new(Clock::new(self.mode), Arc::new(Doorbell::new(None)));
        if let Some(report) = self.on_unhandled_panic {
            core.tasks.set_report(report);
        }
        if let Some(seed) = self.shuffle {
            core.tasks.set_shuffle(seed);
        }
        let core = Rc::new(core);
        // Programs in virtual time are tests, which want to know what a stuck program is stuck on.
        if self.observer.is_some() || self.mode == Mode::Virtual {
            core.observe(self.observer);
        }
        EventLoop { core }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").finish_non_exhaustive()
    }
}
