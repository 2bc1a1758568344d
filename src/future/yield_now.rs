//! Giving up a turn.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Gives up one turn; made by [`yield_now`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct YieldNow {
    yielded: bool,
}

/// Lets everything run that is ready now, and goes on in the next round.
///
/// An `await` of what is there already does not suspend: an item or room in a queue, a free lock or permit, a set
/// event, the last party of a barrier, the result of a task that has ended, a [`timeout`](crate::timeout) of zero. A
/// loop of nothing else keeps the thread, as a computation does; this in its body gives the others their turns. What
/// only the passing of time makes ready gives them a round by itself: [`sleep`](crate::sleep()),
/// [`sleep_until`](crate::sleep_until) and the ticks of an [`interval`](crate::interval()) that are overdue.
///
/// Works under any executor.
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
