//! Waiting for tasks without taking their results or cancelling them.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::wait_many::{Progress, WaitMany};
use crate::task::{Filter, JoinHandle};
use crate::time::{Sleep, sleep};

/// The condition for the end of a [`Wait`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    AllCompleted,
    FirstCompleted,
    FirstException,
}

impl When {
    fn filter(self) -> Filter {
        match self {
            Self::AllCompleted => Filter::Nothing,
            Self::FirstCompleted => Filter::AnyEnd,
            Self::FirstException => Filter::Exception,
        }
    }
}

/// Waits for tasks; made by [`wait`].
///
/// Dropping it cancels nothing: the handles in it are dropped, which detaches their tasks. Polling it after it has
/// finished panics.
#[must_use = "futures do nothing unless awaited"]
pub struct Wait<T> {
    handles: Vec<JoinHandle<T>>,
    when: When,
    limit: Option<Sleep>,
    wait_many: WaitMany,
}

/// The output of a [`Wait`]: the handles in two lists, each in the order of the arguments.
#[derive(Debug)]
pub struct Waited<T> {
    /// The tasks that have ended, in whatever way.
    pub done: Vec<JoinHandle<T>>,
    /// The tasks that have not ended.
    pub pending: Vec<JoinHandle<T>>,
}

/// Waits until all tasks have ended, or less with [`first_completed`](Wait::first_completed),
/// [`first_exception`](Wait::first_exception) or [`timeout`](Wait::timeout).
///
/// It never cancels a task and takes no result: the handles are returned. Tasks that end in the same round as the last
/// awaited one count as done. Handles that were awaited before count as not awaited, so dropping them detaches their
/// tasks.
///
/// # Panics
///
/// If there are no handles.
///
/// # Examples
///
/// ```
/// use looplet::{spawn, wait};
///
/// looplet::run(async {
///     let quick = spawn(async { "quick" });
///     let slow = spawn(std::future::pending());
///     let mut waited = wait([slow, quick]).first_completed().await;
///     assert_eq!(waited.done.pop().unwrap().await.unwrap(), "quick");
///     assert_eq!(waited.pending.len(), 1);
/// });
/// ```
#[doc(alias = "ALL_COMPLETED")]
#[doc(alias = "asyncio.wait")]
#[track_caller]
pub fn wait<T>(handles: impl IntoIterator<Item = JoinHandle<T>>) -> Wait<T> {
    let handles: Vec<_> = handles.into_iter().collect();
    assert!(!handles.is_empty(), "wait() needs at least one handle");
    handles.iter().for_each(JoinHandle::forget_await);
    Wait {
        handles,
        when: When::AllCompleted,
        limit: None,
        wait_many: WaitMany::default(),
    }
}

impl<T> Wait<T> {
    /// Ends the wait as soon as one task has ended, in whatever way.
    #[doc(alias = "FIRST_COMPLETED")]
    pub fn first_completed(self) -> Self {
        self.until(When::FirstCompleted)
    }

    /// Ends the wait as soon as one task has panicked, or has failed in its task group, or all have ended. A cancelled
    /// task is no exception, nor is an `Err`.
    ///
    /// # Examples
    ///
    /// ```
    /// use looplet::{spawn, wait};
    ///
    /// looplet::run(async {
    ///     let broken = spawn(async { panic!("no salt") });
    ///     let endless = spawn(std::future::pending::<()>());
    ///     let waited = wait([broken, endless]).first_exception().await;
    ///     assert_eq!((waited.done.len(), waited.pending.len()), (1, 1));
    /// });
    /// ```
    #[doc(alias = "FIRST_EXCEPTION")]
    pub fn first_exception(self) -> Self {
        self.until(When::FirstException)
    }

    /// Ends the wait after `limit`, counted from this call, at the latest.
    ///
    /// # Panics
    ///
    /// If no event loop is running on this thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use looplet::{sleep, spawn, wait};
    ///
    /// looplet::EventLoop::builder().virtual_time().build().block_on(async {
    ///     let naps = [1, 3].map(|n| spawn(sleep(Duration::from_secs(n))));
    ///     let waited = wait(naps).timeout(Duration::from_secs(2)).await;
    ///     assert_eq!((waited.done.len(), waited.pending.len()), (1, 1));
    /// });
    /// ```
    #[track_caller]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = Some(sleep(limit));
        self
    }

    fn until(mut self, when: When) -> Self {
        self.when = when;
        // If it was polled before, it waits for another condition.
        self.wait_many = WaitMany::default();
        self
    }

    /// Whether the wait is over. If not, registers the caller to be woken.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let progress = self.wait_many.poll(&self.handles, self.when.filter(), cx);
        let limit = self.limit.as_mut();
        !matches!(progress, Progress::Waiting)
            || limit.is_some_and(|limit| Pin::new(limit).poll(cx).is_ready())
    }
}

impl<T> Future for Wait<T> {
    type Output = Waited<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Waited<T>> {
        assert!(
            !self.handles.is_empty(),
            "a wait was polled after it had finished"
        );
        if !self.is_over(cx) {
            return Poll::Pending;
        }
        let (done, pending): (Vec<_>, Vec<_>) = std::mem::take(&mut self.handles)
            .into_iter()
            .partition(JoinHandle::is_finished);
        self.wait_many.close();
        self.limit = None;
        Poll::Ready(Waited { done, pending })
    }
}

impl<T> fmt::Debug for Wait<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait")
            .field("tasks", &self.handles.len())
            .field("when", &self.when)
            .finish_non_exhaustive()
    }
}
