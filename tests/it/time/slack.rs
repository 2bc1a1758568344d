//! `Builder::timer_slack`: what it delays, and what it does not.

use std::time::{Duration, Instant};

use looplet::{EventLoop, gather, now, sleep, spawn, spawn_blocking};

const HOUR: Duration = Duration::from_secs(3600);

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn virtual_time_has_no_slack() {
    let builder = EventLoop::builder().timer_slack(HOUR);
    builder.virtual_time().build().block_on(async {
        let start = now();
        let nap = move |n| async move {
            sleep(millis(n)).await;
            now() - start
        };
        let woken = gather([nap(1), nap(2), nap(3)]).await;
        assert_eq!(woken, [millis(1), millis(2), millis(3)]);
    });
}

#[test]
fn manual_time_has_no_slack() {
    let builder = EventLoop::builder().timer_slack(HOUR);
    let mut event_loop = builder.manual_time().build();
    for _ in 0..3 {
        let nap = event_loop.spawn(async { sleep(millis(1)).await });
        event_loop.run_until_stalled();
        event_loop.advance(millis(1));
        assert!(nap.is_finished());
    }
}

#[test]
fn no_timer_fires_early_whatever_the_slack() {
    for slack in [0, 10, 150, 151, 5_000].map(Duration::from_micros) {
        let mut event_loop = EventLoop::builder().timer_slack(slack).build();
        event_loop.block_on(async {
            let nap = move |micros| async move {
                let (start, delay) = (Instant::now(), Duration::from_micros(micros));
                sleep(delay).await;
                assert!(start.elapsed() >= delay, "{delay:?} with {slack:?}");
            };
            gather((0..20).map(|i| nap(137 * i)).collect::<Vec<_>>()).await;
        });
    }
}

/// A loop that has waited to the end of a limit, and the time before that.
fn a_loop_that_has_waited(slack: Duration) -> (EventLoop, Instant) {
    let mut event_loop = EventLoop::builder().timer_slack(slack).build();
    let before = Instant::now();
    assert!(!event_loop.run_once(Some(millis(1))));
    (event_loop, before)
}

#[test]
fn two_wakeups_are_as_far_apart_as_the_slack() {
    let (mut event_loop, before) = a_loop_that_has_waited(millis(200));
    let parked = event_loop.metrics().parked;
    event_loop.block_on(async { sleep(millis(1)).await });
    // On a slow machine the sleep is over before the loop can wait for it.
    if event_loop.metrics().parked > parked {
        assert!(before.elapsed() >= millis(200));
    }
}

#[test]
fn a_limit_ends_a_wait_whatever_the_slack() {
    let (mut event_loop, _) = a_loop_that_has_waited(HOUR);
    event_loop.spawn(async { sleep(millis(1)).await }).detach();
    event_loop.run_until_stalled();
    let _ran = event_loop.run_once(Some(millis(5)));
}

#[test]
fn another_thread_ends_a_wait_whatever_the_slack() {
    let (mut event_loop, _) = a_loop_that_has_waited(HOUR);
    event_loop.block_on(async {
        spawn(sleep(millis(1))).detach();
        assert_eq!(spawn_blocking(|| 7).await.unwrap(), 7);
    });
}
