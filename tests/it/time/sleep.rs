//! Sleeps that get another deadline, the first tick of an interval, what both print, and what a real sleep leaves to others.

use std::fs;
use std::future::{Future, poll_fn};
use std::path::Path;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use futures::future::poll_immediate;
use looplet::{EventLoop, Queue, Sleep, interval, now, sleep, timeout};

use crate::support::hand;

const SECOND: Duration = Duration::from_secs(1);

fn in_virtual_time(test: impl AsyncFnOnce(Instant)) {
    let mut event_loop = EventLoop::builder().virtual_time().build();
    event_loop.block_on(async { test(now()).await });
}

/// A sleep of ten seconds that has waited for one.
async fn begun() -> Sleep {
    let mut ten = sleep(10 * SECOND);
    assert!(timeout(SECOND, &mut ten).await.is_err());
    ten
}

#[test]
fn a_sleep_that_waits_can_be_made_to_end_earlier() {
    in_virtual_time(async |start| {
        let mut ten = begun().await;
        ten.reset(start + 3 * SECOND);
        ten.await;
        assert_eq!(now() - start, 3 * SECOND);
    });
}

#[test]
fn a_sleep_that_waits_can_be_made_to_end_later() {
    in_virtual_time(async |start| {
        let mut ten = begun().await;
        ten.reset(start + 20 * SECOND);
        assert!(timeout(10 * SECOND, &mut ten).await.is_err());
        ten.await;
        assert_eq!(now() - start, 20 * SECOND);
    });
}

#[test]
fn who_waits_is_woken_at_the_new_end_without_another_poll() {
    in_virtual_time(async |start| {
        let mut ten = sleep(10 * SECOND);
        let mut polls = 0;
        poll_fn(|cx| {
            polls += 1;
            if polls == 2 {
                return Poll::Ready(());
            }
            assert!(Pin::new(&mut ten).poll(cx).is_pending());
            ten.reset(start + 3 * SECOND);
            Poll::Pending
        })
        .await;
        assert_eq!(now() - start, 3 * SECOND);
    });
}

#[test]
fn a_sleep_that_is_due_and_has_not_noticed_starts_again() {
    in_virtual_time(async |start| {
        let mut ten = begun().await;
        sleep(9 * SECOND).await;
        ten.reset(start + 15 * SECOND);
        ten.await;
        assert_eq!(now() - start, 15 * SECOND);
    });
}

#[test]
fn a_sleep_that_is_done_starts_again() {
    in_virtual_time(async |start| {
        let mut one = sleep(SECOND);
        (&mut one).await;
        one.reset(start + 5 * SECOND);
        one.await;
        assert_eq!(now() - start, 5 * SECOND);
    });
}

#[test]
fn a_sleep_that_is_to_end_in_the_past_is_due_at_once() {
    in_virtual_time(async |start| {
        let mut ten = begun().await;
        ten.reset(start);
        ten.await;
        assert_eq!(now() - start, SECOND);
    });
}

#[test]
fn a_sleep_may_become_endless_and_end_after_all() {
    in_virtual_time(async |start| {
        let mut ten = begun().await;
        ten.reset(start + Duration::from_secs(1 << 40));
        assert!(timeout(3600 * SECOND, &mut ten).await.is_err());
        ten.reset(start + 7200 * SECOND);
        ten.await;
        assert_eq!(now() - start, 7200 * SECOND);
    });
}

#[test]
fn a_tick_that_is_due_does_not_suspend() {
    in_virtual_time(async |start| {
        let mut ticks = interval(SECOND);
        assert_eq!(poll_immediate(pin!(ticks.tick())).await, Some(start));
        assert_eq!(poll_immediate(pin!(ticks.tick())).await, None);
        sleep(SECOND).await;
        assert_eq!(
            poll_immediate(pin!(ticks.tick())).await,
            Some(start + SECOND)
        );
    });
}

#[test]
fn a_sleep_prints_whether_it_waits() {
    in_virtual_time(async |_| {
        let mut one = sleep(SECOND);
        assert_eq!(format!("{one:?}"), "Sleep(not begun)");
        hand(&mut one).wait();
        assert_eq!(format!("{one:?}"), "Sleep(waiting)");
        (&mut one).await;
        assert_eq!(format!("{one:?}"), "Sleep(done)");
    });
}

#[test]
fn an_interval_prints_its_period_and_what_it_does_with_missed_ticks() {
    in_virtual_time(async |_| {
        let text = format!("{:?}", interval(SECOND));
        assert_eq!(text, "Interval { period: 1s, missed: Burst, .. }");
    });
}

#[test]
fn a_loop_that_waits_leaves_the_processor_to_others() {
    // Where the system reports what a thread does.
    let Ok(own) = fs::read_link("/proc/thread-self") else {
        return;
    };
    let stat = Path::new("/proc").join(own).join("stat");
    let is_asleep = move || {
        let text = fs::read_to_string(&stat).unwrap();
        text.rsplit(") ").next().unwrap().starts_with('S')
    };
    looplet::run(async {
        let found = Queue::unbounded();
        let remote = found.remote();
        let watcher = thread::spawn(move || {
            while !is_asleep() {
                thread::yield_now();
            }
            remote.put(()).unwrap();
        });
        // There is a deadline to wait for, and nothing else to do.
        let waiting = timeout(Duration::from_secs(3600), found.get());
        assert_eq!(waiting.await, Ok(Ok(())));
        watcher.join().unwrap();
    });
}

#[test]
fn what_a_sleep_has_come_to_it_stays() {
    in_virtual_time(async |_| {
        let (mut done, mut endless) = (hand(sleep(Duration::ZERO)), hand(sleep(Duration::MAX)));
        assert!(done.poll().is_pending() && endless.poll().is_pending());
        for _ in 0..3 {
            assert!(done.poll().is_ready() && endless.poll().is_pending());
            looplet::yield_now().await;
        }
    });
}
