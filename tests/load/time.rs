//! Many timers, and much time.

use std::time::Duration;

use fastrand::Rng;
use looplet::{EventLoop, gather, interval, now, sleep, spawn};

use crate::gauge::Gauge;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Half of the timers are taken back; the others fire in order, each at its time.
pub(crate) fn armed_at_once(size: u64, gauge: &Gauge) -> (u64, &'static str) {
    let total = 1_000 * size;
    let mut event_loop = EventLoop::builder().virtual_time().build();
    let mut rng = Rng::with_seed(1);
    let tasks: Vec<_> = (0..total)
        .map(|_| {
            let delay = Duration::from_nanos(rng.u64(1..DAY.as_nanos() as u64));
            event_loop.spawn(async move {
                let due = now() + delay;
                sleep(delay).await;
                assert_eq!(now(), due);
                due
            })
        })
        .collect();
    event_loop.run_until_stalled();
    assert_eq!(event_loop.metrics().armed_timers as u64, total);
    gauge.note_most();
    let (cancelled, kept) = tasks.split_at(tasks.len() / 2);
    assert!(cancelled.iter().all(|task| task.cancel()));
    event_loop.run_until_stalled();
    assert_eq!(event_loop.metrics().armed_timers, kept.len());
    event_loop.block_on(async {
        let begun = now();
        let mut last = begun;
        sleep(DAY).await;
        assert_eq!(now(), begun + DAY);
        for task in tasks {
            match task.await {
                Ok(due) => last = last.max(due),
                Err(error) => assert!(error.is_cancelled(), "{error}"),
            }
        }
        assert!(last > begun && last < now());
    });
    let metrics = event_loop.metrics();
    assert_eq!((metrics.armed_timers, metrics.live_tasks), (0, 0));
    gauge.note_idle();
    (total, "timers")
}

/// A hundred clocks that tick once a second, and one that ticks a hundred times as often.
pub(crate) fn a_day_of_ticks(size: u64, gauge: &Gauge) -> (u64, &'static str) {
    let length = DAY / 1_000 * size as u32;
    let mut event_loop = EventLoop::builder().virtual_time().build();
    let ticks = event_loop.block_on(async {
        let begun = now();
        let mut clocks = vec![count_ticks(Duration::from_millis(10), length)];
        clocks.extend((0..100).map(|_| count_ticks(Duration::from_secs(1), length)));
        gauge.note_most();
        let ticks: u64 = gather(clocks).await.into_iter().sum();
        gauge.note_most();
        assert!(now() - begun <= length && now() - begun > length - Duration::from_secs(1));
        ticks
    });
    let millis = length.as_millis() as u64;
    // The first tick comes at once.
    assert_eq!(ticks, millis.div_ceil(10) + 100 * millis.div_ceil(1_000));
    gauge.note_idle();
    (ticks, "ticks")
}

/// How many ticks come before the end.
async fn count_ticks(period: Duration, length: Duration) -> u64 {
    let end = now() + length;
    let mut clock = interval(period);
    let mut ticks = 0;
    while now() + period < end || ticks == 0 {
        let due = clock.tick().await;
        assert_eq!(due, now());
        ticks += 1;
    }
    ticks
}

/// A hundred sleepers that wake up between once an hour and once in three months.
pub(crate) fn twenty_years(size: u64, gauge: &Gauge) -> (u64, &'static str) {
    let length = DAY * 7_305 / 1_000 * size as u32;
    let mut event_loop = EventLoop::builder().virtual_time().build();
    let naps = event_loop.block_on(async {
        let begun = now();
        let sleepers: Vec<_> = (0..100)
            .map(|seed| spawn(nap_until(length, Rng::with_seed(seed))))
            .collect();
        let mut naps = 0;
        for sleeper in sleepers {
            naps += sleeper.await.unwrap();
            gauge.note_most();
        }
        assert_eq!(now(), begun + length);
        naps
    });
    assert_eq!(event_loop.metrics().armed_timers, 0);
    gauge.note_idle();
    (naps, "timers")
}

/// Sleeps again and again; the last time, to the end. How often.
async fn nap_until(length: Duration, mut rng: Rng) -> u64 {
    let end = now() + length;
    let mut naps = 0;
    while now() < end {
        let nap = Duration::from_nanos(rng.u64(1..90) * rng.u64(1..DAY.as_nanos() as u64));
        let due = (now() + nap).min(end);
        sleep(due - now()).await;
        assert_eq!(now(), due);
        naps += 1;
    }
    naps
}
