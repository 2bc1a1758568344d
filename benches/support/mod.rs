//! The parts that the benches share: hand-written leaf futures, so that only the loop is measured, and the timing of a
//! workload.
//!
//! A workload runs inside of a task, as a program's code does, and times itself. Ids are `area/case/size`, and every
//! figure is the time of *one operation* (a yield, an item, a timer), also if the workload repeats a thousand at once.

#![allow(dead_code)] // No bench uses all of it.

use std::cell::Cell;
use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion};
use looplet::EventLoop;

/// Long enough for steady figures of nanoseconds, short enough to run all benches in a few minutes.
const MEASURED: Duration = Duration::from_secs(2);
const WARM_UP: Duration = Duration::from_millis(500);

/// Runs the benches of an area, as selected on the command line.
pub(crate) fn area(name: &str, benches: impl FnOnce(&mut BenchmarkGroup<'_, WallTime>)) {
    let settings = Criterion::default()
        .measurement_time(MEASURED)
        .warm_up_time(WARM_UP);
    let mut criterion = settings.configure_from_args();
    let mut group = criterion.benchmark_group(name);
    benches(&mut group);
    group.finish();
    criterion.final_summary();
}

/// Times a workload inside of a task. `workload(n)` repeats itself `n` times and returns the time that took; each
/// repetition does `operations` operations.
pub(crate) fn case<F: Future<Output = Duration>>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    size: impl Display,
    operations: usize,
    workload: impl Fn(u64) -> F,
) {
    let mut event_loop = EventLoop::new();
    outside(group, name, size, operations, |n| {
        event_loop.block_on(workload(n))
    });
}

/// The same for a workload that enters the loop itself.
pub(crate) fn outside(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    size: impl Display,
    operations: usize,
    mut workload: impl FnMut(u64) -> Duration,
) {
    let operations = u32::try_from(operations).expect("few enough operations");
    group.bench_function(BenchmarkId::new(name, size), |bencher| {
        bencher.iter_custom(|n| workload(n) / operations);
    });
}

/// Wakes its own task this many times before it is ready.
pub(crate) struct Yields(pub(crate) u64);

impl Future for Yields {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Ready at once with its number.
pub(crate) struct Answer(pub(crate) u64);

impl Future for Answer {
    type Output = u64;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u64> {
        Poll::Ready(black_box(self.0))
    }
}

/// A cell with room for one value and the waker of its reader.
#[derive(Default)]
pub(crate) struct Slot {
    value: Cell<Option<u64>>,
    reader: Cell<Option<Waker>>,
}

impl Slot {
    /// Puts a value in and wakes the reader.
    pub(crate) fn put(&self, value: u64) {
        self.value.set(Some(value));
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Waits for a value and takes it out.
    pub(crate) fn take(&self) -> Take<'_> {
        Take(self)
    }
}

/// The future of [`Slot::take`].
pub(crate) struct Take<'a>(&'a Slot);

impl Future for Take<'_> {
    type Output = u64;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u64> {
        if let Some(value) = self.0.value.take() {
            return Poll::Ready(value);
        }
        self.0.reader.set(Some(cx.waker().clone()));
        Poll::Pending
    }
}

/// Polls a future once and leaves it pending.
pub(crate) async fn poll_once<F: Future + Unpin>(future: &mut F) {
    poll_fn(|cx| {
        let _ = Pin::new(&mut *future).poll(cx);
        Poll::Ready(())
    })
    .await;
}
