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
