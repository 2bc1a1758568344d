//! Many loops, one after another.

use looplet::{EventLoop, spawn};

use crate::gauge::Gauge;

pub(crate) fn made_and_dropped(size: u64, gauge: &Gauge) -> (u64, &'static str) {
    let total = 1_000 * size;
    let mut sum = 0;
    for number in 0..total {
        let mut event_loop = EventLoop::new();
        sum += event_loop.block_on(async {
            spawn(std::future::pending::<()>()).detach();
            spawn(async move { number }).await.unwrap()
        });
        assert_eq!(event_loop.metrics().live_tasks, 1);
        gauge.note_most();
        drop(event_loop);
        gauge.assert_empty();
    }
    assert_eq!(sum, total * (total - 1) / 2);
    (total, "loops")
}
