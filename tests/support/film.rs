//! Runs in virtual time with a timeline that records them.

use std::future::Future;

use looplet::EventLoop;
use looplet::timeline::Timeline;

pub(crate) fn filmed(main: impl Future<Output = ()>) -> Timeline {
    filmed_by(Timeline::new(), main)
}

pub(crate) fn filmed_by(timeline: Timeline, main: impl Future<Output = ()>) -> Timeline {
    let builder = EventLoop::builder().virtual_time();
    let mut event_loop = builder.observer(timeline.clone()).build();
    event_loop.block_on(main);
    timeline
}

/// Sleeps that end at these milliseconds.
pub(crate) async fn wake_at(moments: impl IntoIterator<Item = u64>) {
    let start = looplet::now();
    for moment in moments {
        looplet::sleep_until(start + std::time::Duration::from_millis(moment)).await;
    }
}
