//! A time limit for a future.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::sleep::{Sleep, sleep, sleep_until};
use super::{Elapsed, now};

pin_project! {
    /// A future with a deadline; made by [`timeout`] and [`timeout_at`].
    ///
    /// Dropping it drops the future inside. Polling it after it has elapsed panics.
    #[must_use = "futures do nothing unless awaited"]
    #[derive(Debug)]
    pub struct Timeout<F> {
        #[pin]
        future: Option<F>,
        limit: Limit,
    }
}

#[derive(Debug)]
enum Limit {
    /// The deadline had passed at the call: the future gets one poll. So it does if the deadline passes between the
    /// call and the first poll.
    Passed,
    Sleep(Sleep),
}

/// Limits the time of a future, counted from this call, and drops the future if it is not done by then.
///
/// The future is polled before the deadline is checked: if both are due, the value wins. With a zero duration it is
/// polled once and does not suspend, so that no other task runs: use this to test whether a future is ready.
/// `Duration::MAX` means no limit. If a [`JoinHandle`](crate::JoinHandle) runs out of time its task is cancelled; put
/// it in a [`shield`](crate::shield) to keep the task running.
///
/// # Errors
///
/// [`Elapsed`] once the deadline has passed; the future has been dropped before that is returned.
///
/// # Panics
///
/// If no event loop is running on this thread.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// looplet::run(async {
///     let never = std::future::pending::<()>();
///     assert!(looplet::timeout(Duration::from_millis(1), never).await.is_err());
/// });
/// ```
#[doc(alias = "wait_for")]
#[track_caller]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    let sleep = sleep(duration);
    let limit = if duration.is_zero() {
        Limit::Passed
    } else {
        Limit::Sleep(sleep)
    };
    Timeout {
        future: Some(future.into_future()),
        limit,
    }
}

/// Like [`timeout`], with a point in time. If it has passed the future is polled once, without a wait.
///
/// # Errors
///
/// [`Elapsed`], as for [`timeout`].
///
/// # Panics
///
/// If no event loop is running on this thread.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// looplet::run(async {
///     let deadline = looplet::now() + Duration::from_secs(1);
///     assert_eq!(looplet::timeout_at(deadline, async { "in time" }).await, Ok("in time"));
/// });
/// ```
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    let limit = if deadline <= now() {
        Limit::Passed
    } else {
        Limit::Sleep(sleep_until(deadline))
    };
    Timeout {
        future: Some(future.into_future()),
        limit,
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let future = this
            .future
            .as_mut()
            .as_pin_mut()
            .expect("a timeout was polled after it had elapsed");
        if let Poll::Ready(value) = future.poll(cx) {
            return Poll::Ready(Ok(value));
        }
        let passed = match this.limit {
            Limit::Passed => true,
            Limit::Sleep(sleep) => sleep.is_overdue() || Pin::new(sleep).poll(cx).is_ready(),
        };
        if !passed {
            return Poll::Pending;
        }
        this.future.set(None);
        Poll::Ready(Err(Elapsed))
    }
}
