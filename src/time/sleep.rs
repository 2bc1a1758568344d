//! A future that completes when its deadline has passed.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::state::{Packed, State};
use crate::event_loop::context;
use crate::event_loop::core::Core;
use crate::waiting::{self, WaitsOn};

/// Waits until a deadline; made by [`sleep`] and [`sleep_until`].
///
/// The first poll arms it in the loop's timer wheel, without an allocation of its own. Dropping it disarms it. The
/// first await always suspends, even if the deadline has passed. Once it is done, to await it again does not suspend,
/// unless it was [`reset`](Self::reset).
///
/// # Cancel safety
///
/// `(&mut sleep).await` may be dropped and awaited again: the deadline stays the same.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use looplet::{sleep, timeout};
///
/// looplet::EventLoop::builder().virtual_time().build().block_on(async {
///     let start = looplet::now();
///     let mut nap = sleep(Duration::from_secs(3));
///     assert!(timeout(Duration::from_secs(1), &mut nap).await.is_err());
///     nap.await; // the rest of it
///     assert_eq!(looplet::now() - start, Duration::from_secs(3));
/// });
/// ```
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep {
    core: Rc<Core>,
    state: Packed,
}

const _: () = assert!(size_of::<Sleep>() <= 16);

/// Waits for at least `duration`, counted from this call; `Duration::MAX` means for ever. A zero duration lets
/// the other tasks run for one round.
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
/// looplet::EventLoop::builder().virtual_time().build().block_on(async {
///     let start = looplet::now();
///     looplet::sleep(Duration::from_millis(1500)).await;
///     assert_eq!(looplet::now() - start, Duration::from_millis(1500));
/// });
/// ```
#[doc(alias = "asyncio.sleep")]
#[inline]
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    context::with(|core| {
        let state = if duration.is_zero() {
            State::Zero
        } else {
            State::Until(core.clock.after(duration))
        };
        Sleep {
            core: core.clone(),
            state: state.into(),
        }
    })
}

/// Waits until `deadline`. One that has passed lets the other tasks run for one round.
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
/// looplet::EventLoop::builder().virtual_time().build().block_on(async {
///     let noon = looplet::now() + Duration::from_secs(60);
///     looplet::sleep_until(noon).await;
///     assert_eq!(looplet::now(), noon);
/// });
/// ```
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::at(&context::current(), deadline)
}

impl Sleep {
    /// Changes the deadline, whether the sleep is waiting or done; cheaper than a new sleep, e.g. for an idle timeout.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// looplet::EventLoop::builder().virtual_time().build().block_on(async {
    ///     let start = looplet::now();
    ///     let mut sleep = looplet::sleep(Duration::from_secs(60));
    ///     sleep.reset(start + Duration::from_secs(5));
    ///     sleep.await;
    ///     assert_eq!(looplet::now() - start, Duration::from_secs(5));
    /// });
    /// ```
    #[doc(alias = "reschedule")]
    pub fn reset(&mut self, deadline: Instant) {
        let until = self.core.clock.at(deadline);
        if let State::Armed(key) = self.state.get() {
            if self.core.rearm(key, until) {
                return;
            }
            self.core.disarm(key);
        }
        self.state = State::Until(until).into();
    }

    /// Whether it was not polled yet and its deadline has passed, by the loop's last reading of the clock.
    #[inline]
    pub(super) fn is_overdue(&self) -> bool {
        matches!(self.state.get(), State::Until(deadline) if deadline <= self.core.clock.last())
    }

    pub(super) fn at(core: &Rc<Core>, deadline: Instant) -> Self {
        Self {
            core: core.clone(),
            state: State::Until(core.clock.at(deadline)).into(),
        }
    }
}

impl Future for Sleep {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let State::Until(deadline) = self.state.get() else {
            return self.poll_again(cx);
        };
        let armed = self.core.arm(deadline, cx.waker().clone());
        self.state = armed.map_or(State::Never, State::Armed).into();
        Poll::Pending
    }
}

impl Sleep {
    #[inline(never)]
    fn poll_again(&mut self, cx: &Context<'_>) -> Poll<()> {
        match self.state.get() {
            State::Armed(key) if self.core.is_armed(key, cx.waker()) => {}
            State::Armed(_) | State::Done => {
                self.state = State::Done.into();
                return Poll::Ready(());
            }
            State::Zero => {
                self.state = State::Done.into();
                cx.waker().wake_by_ref();
            }
            State::Until(_) => unreachable!("it was armed at its first poll"),
            State::Never => waiting::note(WaitsOn::Forever),
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    #[inline]
    fn drop(&mut self) {
        if let State::Armed(key) = self.state.get() {
            self.core.disarm(key);
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state.get() {
            State::Zero | State::Until(_) => "not begun",
            State::Armed(_) | State::Never => "waiting",
            State::Done => "done",
        };
        f.debug_tuple("Sleep")
            .field(&format_args!("{state}"))
            .finish()
    }
}
