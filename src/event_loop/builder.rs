//! Settings of a loop that is about to be made.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use super::EventLoop;
use super::bell::Doorbell;
use super::clock::{Clock, Mode};
use super::core::Core;
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
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            mode: Mode::Real,
            on_unhandled_panic: None,
        }
    }

    /// Time starts now and stands still while anything is ready; when nothing is, it jumps to the next deadline. So
    /// programs that sleep for hours end at once, in the same order as in real time.
    pub fn virtual_time(mut self) -> Self {
        self.mode = Mode::Virtual;
        self
    }

    /// Time starts now and moves only by [`EventLoop::advance`] and [`advance`](crate::time::advance).
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

    /// Calls `f` with each panic that nobody can see any more: of a task whose handle was dropped or detached unread,
    /// or, without a task, of a plain call. The default prints the task's name and place to stderr.
    ///
    /// A panic in `f` is caught and printed.
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

    /// Makes the loop.
    pub fn build(self) -> EventLoop {
        let core = Core::new(Clock::new(self.mode), Arc::new(Doorbell::new(None)));
        if let Some(report) = self.on_unhandled_panic {
            core.tasks.set_report(report);
        }
        EventLoop {
            core: Rc::new(core),
        }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").finish_non_exhaustive()
    }
}
