//! A clock that jumps, as after a machine has slept: timers fire once, in order, and no interval but the one that is
//! asked to catch up does so. And the end of time.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;
use std::time::{Duration, Instant};

use looplet::{
    EventLoop, MissedTick, advance, call_later, interval, now, sleep, sleep_until, spawn, timeout,
    yield_now,
};

use crate::support::probes::{listening, virtual_loop};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const YEAR: Duration = Duration::from_secs(24 * 60 * 60 * 365);

/// Lets the thread be busy for so long, as it is to a loop whose machine sleeps, and then one round pass.
async fn jump(length: Duration) {
    advance(length);
    yield_now().await;
    yield_now().await;
}

#[test]
fn after_a_jump_every_timer_fires_once_in_order() {
    for length in [DAY, YEAR, YEAR * 100] {
        let (mut event_loop, reports) = virtual_loop();
        let fired = Rc::new(RefCell::new(Vec::new()));
        event_loop.block_on(async {
            for number in (0..1_000).rev() {
                let fired = fired.clone();
                let delay = SECOND + length / 1_001 * number;
                let note = move || fired.borrow_mut().push(number);
                let _ = call_later(delay, note);
            }
            jump(length).await;
            assert_eq!(fired.borrow().len(), 1_000);
            assert!(fired.borrow().is_sorted());
        });
        let metrics = event_loop.metrics();
        assert_eq!(metrics.armed_timers, 0);
        // Calls, main, and no storm.
        assert!(metrics.polls < 1_010, "{metrics:?}");
        assert!(reports.borrow().is_empty());
    }
}

#[test]
fn after_a_jump_limits_that_have_passed_elapse_unless_the_value_is_there() {
    let (mut event_loop, _) = virtual_loop();
    event_loop.block_on(async {
        let begun = now();
        let slow = spawn(timeout(SECOND * 5, pending::<()>()));
        let done = spawn(timeout(SECOND * 5, sleep(SECOND * 4)));
        let far = spawn(timeout(YEAR * 2, sleep(YEAR)));
        yield_now().await;
        jump(DAY).await;
        assert!(slow.await.unwrap().is_err());
        assert!(done.await.unwrap().is_ok());
        assert_eq!(now() - begun, DAY);
        assert!(far.await.unwrap().is_ok());
        assert_eq!(now() - begun, YEAR);
    });
}

/// The ticks of a second's interval whose task was held up for `length` after the first one: how many came at once,
/// and then when the next one comes, in seconds from the first.
fn ticks_after(missed: MissedTick, length: Duration) -> (u64, Duration) {
    let (mut event_loop, _) = virtual_loop();
    event_loop.block_on(async {
        let begun = now();
        let mut clock = interval(SECOND);
        clock.set_missed_tick(missed);
        clock.tick().await;
        advance(length);
        let held_up = now();
        let mut at_once = 0;
        loop {
            let due = clock.tick().await;
            if now() > held_up {
                assert_eq!(due, now());
                return (at_once, due - begun);
            }
            at_once += 1;
        }
    })
}

#[test]
fn after_a_jump_an_interval_follows_its_setting() {
    let length = DAY + SECOND / 2;
    let seconds = DAY.as_secs();
    assert_eq!(
        ticks_after(MissedTick::Burst, length),
        (seconds, DAY + SECOND)
    );
    assert_eq!(ticks_after(MissedTick::Delay, length), (1, length + SECOND));
    assert_eq!(ticks_after(MissedTick::Skip, length), (1, DAY + SECOND));
    // Whole periods only.
    assert_eq!(ticks_after(MissedTick::Skip, DAY), (1, DAY + SECOND));
    assert_eq!(
        ticks_after(MissedTick::Delay, YEAR * 200),
        (1, YEAR * 200 + SECOND)
    );
    assert_eq!(
        ticks_after(MissedTick::Skip, YEAR * 200),
        (1, YEAR * 200 + SECOND)
    );
}

#[test]
fn advance_runs_all_that_falls_due_on_the_way_at_its_own_time() {
    let (mut event_loop, reports) = listening(EventLoop::builder().manual_time());
    let ticks = Rc::new(Cell::new(0));
    for missed in [MissedTick::Burst, MissedTick::Delay, MissedTick::Skip] {
        let ticks = ticks.clone();
        let ticker = async move {
            let mut clock = interval(SECOND * 60);
            clock.set_missed_tick(missed);
            loop {
                assert_eq!(clock.tick().await, now());
                ticks.set(ticks.get() + 1);
            }
        };
        event_loop.spawn(ticker).detach();
    }
    event_loop.advance(DAY * 7);
    assert_eq!(ticks.get(), 3 * (7 * 24 * 60 + 1));
    assert_eq!(event_loop.metrics().armed_timers, 3);
    assert!(reports.borrow().is_empty());
}

// The end of time: nanoseconds of 63 bits, some 292 years.

#[test]
fn what_lies_beyond_all_time_never_comes() {
    let (mut event_loop, reports) = listening(EventLoop::builder().manual_time());
    let ends = Rc::new(Cell::new(0));
    let count = |future: std::pin::Pin<Box<dyn Future<Output = ()>>>| {
        let ends = ends.clone();
        event_loop
            .spawn(async move {
                future.await;
                ends.set(ends.get() + 1);
            })
            .detach();
    };
    count(Box::pin(async { sleep(Duration::MAX).await }));
    count(Box::pin(async { sleep(YEAR * 1000).await }));
    count(Box::pin(async { sleep_until(far_away()).await }));
    count(Box::pin(async {
        assert!(timeout(YEAR * 1000, pending::<()>()).await.is_err());
    }));
    count(Box::pin(async {
        let mut clock = interval(YEAR * 400);
        for _ in 0..3 {
            clock.tick().await;
        }
    }));
    for _ in 0..4 {
        event_loop.advance(YEAR * 300);
        assert_eq!(ends.get(), 0);
    }
    assert_eq!(event_loop.metrics().armed_timers, 0);
    assert!(reports.borrow().is_empty());
}

/// As exactly as the platform can measure.
fn far_away() -> Instant {
    let begun = Instant::now();
    let mut far = begun;
    let mut step = YEAR * u32::MAX;
    while step > SECOND {
        match far.checked_add(step) {
            Some(farther) => far = farther,
            None => step /= 2,
        }
    }
    far
}

#[test]
fn at_the_end_of_time_nothing_comes_any_more_and_nothing_storms() {
    for missed in [MissedTick::Burst, MissedTick::Delay, MissedTick::Skip] {
        let (mut event_loop, reports) = listening(EventLoop::builder().manual_time());
        let ticks = Rc::new(Cell::new(0));
        let count = ticks.clone();
        let nap = event_loop.spawn(async { sleep(SECOND).await });
        let clock = event_loop.spawn(async move {
            let mut clock = interval(YEAR * 100);
            clock.set_missed_tick(missed);
            clock.tick().await;
            advance(Duration::MAX);
            loop {
                clock.tick().await;
                count.set(count.get() + 1);
                assert!(count.get() < 100, "a storm");
            }
        });
        event_loop.run_until_stalled();
        let late = event_loop.spawn(async { sleep(SECOND).await });
        event_loop.advance(Duration::MAX);
        assert!(nap.is_finished() && !clock.is_finished() && !late.is_finished());
        assert_eq!(ticks.get(), if missed == MissedTick::Burst { 2 } else { 1 });
        assert!(reports.borrow().is_empty(), "{reports:?}");
    }
}
