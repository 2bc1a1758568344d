//! Yielding to the other tasks.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Yields for one round; made by [`yield_now`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct YieldNow {
    yielded: bool,
}

/// Lets all tasks run that are ready now, and resumes in the next round.
///
/// An `await` of something that is ready does not suspend: an item or room in a queue, a free lock or permit, a set
/// event, the last party of a barrier, the result of a task that has ended, a [`timeout`](crate::timeout) of zero. A
/// loop of such awaits blocks the thread, as a computation does; call this in its body to let other tasks run. Futures
/// that wait for time always yield a round: [`sleep`](crate::sleep()), [`sleep_until`](crate::sleep_until) and the
/// overdue ticks of an [`interval`](crate::interval()).
///
/// Works under any executor.
///
/// # Examples
///
/// ```
/// looplet::run(async {
///     let _task = looplet::spawn(async { println!("first") });
///     looplet::yield_now().await;
///     println!("second");
/// });
/// ```
#[doc(alias = "sleep(0)")]
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

impl Future for YieldNow {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
