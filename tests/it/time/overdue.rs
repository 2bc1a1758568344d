//! Deadlines that have passed before the loop looked: their order, how soon they are found, and what ends with the loop.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures::future::poll_immediate;
use looplet::{
    EventLoop, MissedTick, WaitsOn, advance, call_at, call_later, dump, interval, now, sleep,
    sleep_until, spawn, timeout, timeout_at, yield_now,
};

use crate::support::{Wakes, calling, hand, panic_text};

const ALL_MISSED_TICKS: [MissedTick; 3] = [MissedTick::Burst, MissedTick::Delay, MissedTick::Skip];

const SECOND: Duration = Duration::from_secs(1);

fn virtual_loop() -> EventLoop {
    EventLoop::builder().virtual_time().build()
}

#[test]
fn deadlines_from_before_the_loop_was_made_keep_their_order() {
    let ran = Rc::new(RefCell::new(Vec::new()));
    virtual_loop().block_on(async {
        let start = now();
        for (age, name) in [(1, "a second"), (90_000, "a day"), (2, "two seconds")] {
            let ran = ran.clone();
            call_at(start - age * SECOND, move || ran.borrow_mut().push(name));
        }
        yield_now().await;
        assert_eq!(now(), start);
    });
    assert_eq!(*ran.borrow(), ["a day", "two seconds", "a second"]);
}

#[test]
fn a_timeout_that_has_passed_before_its_first_poll_is_polled_once() {
    virtual_loop().block_on(async {
        let polls = Cell::new(0);
        let counted = || async {
            loop {
                polls.set(polls.get() + 1);
                yield_now().await;
            }
        };
        let (soon, later) = (
            timeout(SECOND, counted()),
            timeout(9 * SECOND, pending::<()>()),
        );
        let until = timeout_at(now() + SECOND, counted());
        advance(5 * SECOND);
        assert!(soon.await.is_err());
        assert!(until.await.is_err());
        assert_eq!(polls.get(), 2);
        let begun = now();
        assert!(later.await.is_err());
        assert_eq!(now() - begun, 4 * SECOND);
        // If both are due the value wins.
        let value = timeout(SECOND, async { "value" });
        advance(5 * SECOND);
        assert_eq!(value.await, Ok("value"));
    });
}

#[test]
fn a_deadline_is_found_within_64_polls_of_the_last_reading_of_the_clock() {
    for yields in [0, 1, 30, 61, 62, 63] {
        let found = EventLoop::new().block_on(async move {
            // The wait for it ends with a reading.
            sleep(Duration::from_millis(1)).await;
            let wakes = Arc::<Wakes>::default();
            let waker = Waker::from(wakes.clone());
            let mut nap = pin!(sleep(Duration::from_millis(1)));
            assert_eq!(
                nap.as_mut().poll(&mut Context::from_waker(&waker)),
                Poll::Pending
            );
            // Not before the nap's own deadline, however long it took to come here.
            let due = Instant::now() + Duration::from_millis(1);
            for _ in 0..yields {
                yield_now().await;
            }
            let polls = Rc::new(Cell::new(1 + yields));
            let found = Rc::new(Cell::new(None));
            for _ in 0..200 {
                let (polls, found, wakes) = (polls.clone(), found.clone(), wakes.clone());
                spawn(async move {
                    if wakes.count() > 0 && found.get().is_none() {
                        found.set(Some(polls.get()));
                    }
                    polls.set(polls.get() + 1);
                })
                .detach();
            }
            // Not by the loop's clock, which that would read.
            while Instant::now() <= due {}
            yield_now().await;
            found.get()
        });
        assert!(
            found.is_some_and(|polls| polls <= 64),
            "{yields}: {found:?}"
        );
    }
}

#[test]
fn a_sleep_that_has_outlived_its_loop_never_ends_unless_it_had() {
    let mut event_loop = virtual_loop();
    let (mut long, mut short, fresh) = event_loop.block_on(async {
        let (mut long, mut short) = (hand(sleep(3600 * SECOND)), hand(sleep(SECOND)));
        assert!(long.poll().is_pending() && short.poll().is_pending());
        sleep(2 * SECOND).await;
        (long, short, hand(sleep(SECOND)))
    });
    drop(event_loop);
    let mut fresh = fresh;
    assert!(long.poll().is_pending() && fresh.poll().is_pending());
    assert!(long.poll().is_pending());
    assert!(short.poll().is_ready());
}

#[test]
fn a_sleep_that_has_outlived_its_loop_keeps_no_waker() {
    let wakes = Arc::<Wakes>::default();
    let waker = Waker::from(wakes.clone());
    let mut event_loop = virtual_loop();
    let [mut nap] = event_loop.block_on(async { [Box::pin(sleep(SECOND))] });
    for _ in 0..2 {
        assert!(
            nap.as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
    }
    drop(event_loop);
    assert!(
        nap.as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    drop(waker);
    assert_eq!((Arc::strong_count(&wakes), wakes.count()), (1, 0));
}

#[test]
fn an_interval_outside_of_a_loop_says_that_first() {
    let text = panic_text(|| interval(Duration::ZERO)).unwrap();
    assert!(text.starts_with("no running event loop"), "{text}");
}

#[test]
fn a_deadline_from_before_the_loop_was_made_is_reported_as_it_was_given() {
    virtual_loop().block_on(async {
        for offset in [SECOND, Duration::ZERO] {
            let deadline = now() - offset;
            spawn(sleep_until(deadline)).detach();
            yield_now().await;
            let tasks = dump();
            let waits: Vec<_> = tasks.tasks().iter().flat_map(|task| &task.waits).collect();
            assert_eq!(waits, [&WaitsOn::Until(deadline)]);
            yield_now().await;
        }
    });
}

/// An interval whose body takes twice its period. It gives up after many more ticks than any test lasts.
async fn overworked(missed: MissedTick) {
    let mut ticks = interval(SECOND);
    ticks.set_missed_tick(missed);
    for _ in 0..1000 {
        ticks.tick().await;
        advance(2 * SECOND);
    }
    panic!("nothing else has run");
}

#[test]
fn an_interval_whose_body_takes_longer_than_its_period_starves_no_task() {
    for missed in ALL_MISSED_TICKS {
        virtual_loop().block_on(async {
            let beside = spawn(overworked(missed));
            sleep(10 * SECOND).await;
            assert!(!beside.is_finished(), "{missed:?}");
            let limited = timeout(10 * SECOND, overworked(missed)).await;
            assert!(limited.is_err(), "{missed:?}");
        });
    }
}

#[test]
fn a_poll_gets_one_overdue_tick_and_the_next_round_the_next() {
    virtual_loop().block_on(async {
        let (start, mut ticks) = (now(), interval(SECOND));
        assert_eq!(ticks.tick().await, start);
        advance(3 * SECOND);
        for n in 1..=3 {
            assert_eq!(
                poll_immediate(pin!(ticks.tick())).await,
                Some(start + n * SECOND)
            );
            for _ in 0..3 {
                assert_eq!(poll_immediate(pin!(ticks.tick())).await, None);
            }
            yield_now().await;
        }
        assert_eq!(poll_immediate(pin!(ticks.tick())).await, None);
        assert_eq!(ticks.tick().await, start + 4 * SECOND);
        assert_eq!(now(), start + 4 * SECOND);
    });
}

#[test]
fn overdue_ticks_take_a_round_each_and_a_task_that_spawns_eagerly_gets_no_more() {
    for missed in ALL_MISSED_TICKS {
        virtual_loop().block_on(async {
            let rounds = Rc::new(Cell::new(0));
            let count = rounds.clone();
            spawn(async move {
                loop {
                    count.set(count.get() + 1);
                    yield_now().await;
                }
            })
            .detach();
            let mut ticks = interval(SECOND);
            ticks.set_missed_tick(missed);
            for _ in 0..10 {
                ticks.tick().await;
                looplet::spawn_eager(async {}).detach();
                advance(2 * SECOND);
            }
            // The first tick and the first that is overdue come at once.
            assert_eq!(rounds.get(), 8, "{missed:?}");
        });
    }
}

#[test]
fn a_deadline_that_has_passed_gives_up_a_round_each_time() {
    virtual_loop().block_on(async {
        let limited = timeout(SECOND, async {
            let (start, mut nap) = (now(), sleep(SECOND));
            for _ in 0..1000 {
                sleep_until(start).await;
                sleep(Duration::ZERO).await;
                nap.reset(start);
                (&mut nap).await;
                advance(SECOND);
            }
        });
        assert!(limited.await.is_err());
    });
}

#[test]
fn timers_armed_by_the_wakers_of_others_fire_at_the_next_look() {
    let fired = Rc::new(Cell::new(0));
    let naps = Rc::new(RefCell::new(Vec::new()));
    virtual_loop().block_on(async {
        let (count, armed) = (fired.clone(), naps.clone());
        // Each time it is woken it arms the next one, which is due already.
        let place = Rc::new(RefCell::new(Waker::noop().clone()));
        let own = place.clone();
        let waker = calling(move || {
            count.set(count.get() + 1);
            if count.get() < 1000 {
                let mut nap = Box::pin(sleep_until(now()));
                let again = own.borrow().clone();
                assert!(
                    nap.as_mut()
                        .poll(&mut Context::from_waker(&again))
                        .is_pending()
                );
                armed.borrow_mut().push(nap);
            }
        });
        place.replace(waker.clone());
        waker.wake();
        for n in 1..=10 {
            assert_eq!(fired.get(), n);
            yield_now().await;
        }
    });
    naps.take();
}

#[test]
fn sleeps_that_never_end_and_deadlines_in_the_past_are_fine() {
    let mut event_loop = virtual_loop();
    event_loop.block_on(async {
        let start = looplet::now();
        let long_ago = start - Duration::from_millis(1);
        sleep_until(long_ago).await;
        looplet::timeout_at(long_ago, async {}).await.unwrap();
        assert!(
            looplet::timeout_at(long_ago, pending::<()>())
                .await
                .is_err()
        );
        let run = Rc::new(Cell::new(false));
        let ran = run.clone();
        looplet::call_at(long_ago, move || ran.set(true));
        yield_now().await;
        yield_now().await;
        yield_now().await;
        assert!(run.get());
        assert_eq!(looplet::now(), start);
        let for_ever = sleep(Duration::MAX);
        assert!(
            timeout(Duration::from_secs(86_400 * 365), for_ever)
                .await
                .is_err()
        );
        assert_eq!(timeout(Duration::MAX, async { 1 }).await, Ok(1));
        call_later(Duration::MAX, || unreachable!()).cancel();
    });
}
