//! Sleeping, deadlines and intervals, and the time of the loop.

mod interval;
mod sleep;
mod state;
mod timeout;

use std::time::{Duration, Instant};

pub use crate::error::Elapsed;
pub use interval::{Interval, MissedTick, interval};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Timeout, timeout, timeout_at};

use crate::event_loop::clock::{self, Mode};
use crate::event_loop::context;

/// The current time of the running loop: real, virtual or manual.
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
///     looplet::sleep(Duration::from_secs(3600)).await;
///     assert_eq!(looplet::now() - start, Duration::from_secs(3600));
/// });
/// ```
#[doc(alias = "loop.time")]
#[track_caller]
pub fn now() -> Instant {
    context::with(|core| core.clock.instant(core.clock.read()))
}

/// Moves virtual or manual time forward, as if the thread had been busy for that long. Timers that fall due meanwhile
/// fire late, at the loop's next look; the caller runs on.
///
/// # Panics
///
/// If the loop runs in real time, and if no event loop is running on this thread.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// looplet::EventLoop::builder().virtual_time().build().block_on(async {
///     let start = looplet::now();
///     looplet::advance(Duration::from_secs(2)); // a long computation
///     assert_eq!(looplet::now() - start, Duration::from_secs(2));
/// });
/// ```
#[doc(alias = "time.sleep")]
#[track_caller]
pub fn advance(duration: Duration) {
    let core = context::current();
    assert!(
        core.clock.mode() != Mode::Real,
        "{}",
        clock::REAL_TIME_CANNOT_ADVANCE
    );
    core.clock.move_to(core.clock.after(duration));
}
