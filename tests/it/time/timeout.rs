//! `timeout`, `interval` and the clock.

use std::future::{pending, ready};
use std::time::Duration;

use looplet::{
    Elapsed, EventLoop, MissedTick, advance, interval, now, sleep, sleep_until, spawn, timeout,
    timeout_at, yield_now,
};

use crate::support::panic_text;
use crate::support::trace::{
    Gate, Guard, GuardAt, Stage, elapsed, log, nap, note, note_at, play, secs, text_of,
    wait_with_guard,
};

#[test]
fn the_future_is_dropped_before_elapsed_is_returned_and_the_caller_goes_on() {
    play(async {
        let foo = async {
            let _guard = GuardAt("guard");
            nap(10.0).await;
        };
        note_at(format_args!("{:?}", timeout(secs(0.1), foo).await));
        nap(1.0).await;
        note_at("caller alive");
    });
    assert_eq!(
        log(),
        ["guard @0.1", "Err(Elapsed) @0.1", "caller alive @1.1"]
    );
}

#[test]
fn a_timeout_that_is_not_reached_leaves_no_timer() {
    let mut stage = Stage::new();
    let task = stage.spawn(async {
        let value = async |seconds, value| {
            nap(seconds).await;
            value
        };
        note_at(timeout(secs(10.0), value(1.0, "v")).await.unwrap());
        note_at(timeout(Duration::MAX, value(1.0, "w")).await.unwrap());
    });
    stage.event_loop.block_on(task).unwrap();
    assert_eq!(log(), ["v @1", "w @2"]);
    assert_eq!(stage.event_loop.metrics().armed_timers, 0);
}

#[test]
fn without_time_the_future_is_polled_once() {
    play(async {
        nap(20.0).await;
        let body = |yields: bool| async move {
            note("entered");
            if yields {
                yield_now().await;
                note("never");
            }
            "finished"
        };
        let past = now() - secs(11.0);
        note_at(format_args!(
            "{:?}",
            timeout(Duration::ZERO, body(true)).await
        ));
        note_at(format_args!("{:?}", timeout_at(past, body(true)).await));
        note_at(format_args!(
            "{:?}",
            timeout(Duration::ZERO, body(false)).await
        ));
        note_at(format_args!("{:?}", timeout_at(now(), body(false)).await));
    });
    assert_eq!(
        log(),
        [
            "entered",
            "Err(Elapsed) @20",
            "entered",
            "Err(Elapsed) @20",
            "entered",
            "Ok(\"finished\") @20",
            "entered",
            "Ok(\"finished\") @20"
        ]
    );
}

#[test]
fn cancelling_the_waiter_cancels_the_task_inside() {
    play(async {
        let task = spawn(wait_with_guard("guard"));
        let view = task.task();
        let waiter = spawn(timeout(secs(60.0), task));
        nap(1.0).await;
        waiter.cancel();
        note_at(text_of(waiter.await.map(|_| ())));
        yield_now().await;
        note(view.is_cancelled());
    });
    assert_eq!(log(), ["guard", "Err(Cancelled) @1", "true"]);
}

#[test]
fn other_outcomes_pass_through() {
    play(async {
        let fails = timeout(secs(1.0), ready(Err::<(), _>("key"))).await;
        note(format_args!("{fails:?}"));
        let task = spawn(async {
            let _guard = Guard("guard");
            let outcome = timeout(secs(10.0), pending::<()>()).await;
            note(format_args!("never {outcome:?}"));
        });
        nap(1.0).await;
        task.cancel();
        note_at(text_of(task.await));
        let panics = spawn(timeout(secs(1.0), async { panic!("body") }));
        note(text_of::<Result<(), _>>(panics.await));
    });
    assert_eq!(
        log(),
        [
            "Ok(Err(\"key\"))",
            "guard",
            "Err(Cancelled) @1",
            "Err(Panic(body))"
        ]
    );
}

#[test]
fn a_deadline_that_passes_while_the_thread_is_busy_is_seen_at_the_next_look() {
    play(async {
        let outer = timeout(secs(0.1), async {
            let inner = timeout(secs(0.01), async {
                advance(secs(0.099));
                nap(1.0).await;
            });
            assert_eq!(inner.await, Err(Elapsed));
            note_at("inner");
            nap(10.0).await;
        });
        assert_eq!(outer.await, Err(Elapsed));
        note_at("outer");
    });
    assert_eq!(log(), ["inner @0.099", "outer @0.1"]);
}

#[test]
fn if_the_value_and_the_deadline_are_due_together_the_value_wins() {
    play(async {
        note(format_args!("{:?}", timeout(secs(1.0), nap(1.0)).await));
        let busy = async {
            advance(secs(5.0));
            "late"
        };
        note(format_args!("{:?}", timeout(secs(1.0), busy).await));
        let task = spawn(nap(1.0));
        yield_now().await;
        note(timeout(secs(1.0), task).await.is_ok());
    });
    assert_eq!(log(), ["Ok(())", "Ok(\"late\")", "true"]);
}

#[test]
fn a_value_that_came_late_but_before_the_look_wins() {
    let mut stage = Stage::new();
    let gate = Gate::default();
    let opened = gate.clone();
    let task = stage.spawn(async move { timeout(secs(1.0), opened.opened()).await });
    stage.round();
    stage.round_with(move || {
        advance(secs(2.0));
        gate.open();
    });
    stage.round();
    let mut task = task;
    assert_eq!(task.try_join().unwrap().unwrap(), Ok(()));
}

#[test]
fn a_task_that_runs_out_of_time_is_cancelled() {
    play(async {
        let task = spawn(wait_with_guard("guard"));
        let view = task.task();
        note_at(format_args!("{}", timeout(secs(1.0), task).await.is_err()));
        assert!(!view.is_finished());
        yield_now().await;
        assert!(view.is_cancelled());
    });
    assert_eq!(log(), ["true @1", "guard"]);
}

#[test]
fn a_borrowed_task_that_runs_out_of_time_is_left_alone_but_counts_as_awaited() {
    play(async {
        let mut task = spawn(async {
            nap(2.0).await;
            "value"
        });
        assert!(timeout(secs(1.0), &mut task).await.is_err());
        note_at(text_of(task.await));
    });
    assert_eq!(log(), ["Ok(\"value\") @2"]);
}

#[test]
fn of_nested_timeouts_the_one_whose_deadline_passed_elapses() {
    play(async {
        let inner = timeout(secs(1.0), timeout(secs(2.0), nap(9.0))).await;
        note_at(format_args!("{inner:?}"));
        let outer = timeout(secs(2.0), timeout(secs(1.0), nap(9.0))).await;
        note_at(format_args!("{outer:?}"));
        let both = timeout(secs(1.0), timeout(secs(1.0), nap(9.0))).await;
        note_at(format_args!("{both:?}"));
    });
    assert_eq!(
        log(),
        [
            "Err(Elapsed) @1",
            "Ok(Err(Elapsed)) @2",
            "Ok(Err(Elapsed)) @3"
        ]
    );
}

#[test]
fn a_timeout_counts_from_its_call() {
    play(async {
        let limited = timeout(secs(2.0), nap(9.0));
        nap(1.5).await;
        note_at(format_args!("{:?}", limited.await));
        let limited = timeout(secs(1.0), ready("value"));
        nap(2.0).await;
        note_at(format_args!("{:?}", limited.await));
    });
    assert_eq!(log(), ["Err(Elapsed) @2", "Ok(\"value\") @4"]);
}

#[test]
fn a_gather_that_runs_out_of_time_drops_its_children_first() {
    play(async {
        let group = looplet::gather([wait_with_guard("a"), wait_with_guard("b")]);
        note_at(format_args!("{}", timeout(secs(1.0), group).await.is_err()));
    });
    assert_eq!(log(), ["a", "b", "true @1"]);
}

#[test]
fn the_deadline_of_a_sleep_is_fixed_when_it_is_called() {
    play(async {
        let (one, two) = (sleep(secs(1.0)), sleep(secs(2.0)));
        two.await;
        note_at("two");
        one.await;
        note_at("one");
        sleep_until(now() - secs(1.0)).await;
        note_at("past");
    });
    assert_eq!(log(), ["two @2", "one @2", "past @2"]);
}

#[test]
fn a_sleep_of_zero_gives_up_one_round() {
    let mut stage = Stage::new();
    stage
        .spawn(async {
            note("a");
            sleep(Duration::ZERO).await;
            note("c");
        })
        .detach();
    stage.spawn(async { note("b") }).detach();
    assert_eq!(stage.round(), ["a", "b"]);
    assert_eq!(stage.round(), ["c"]);
}

#[test]
fn a_dropped_sleep_disarms_its_timer_and_a_borrowed_one_keeps_its_deadline() {
    play(async {
        let mut long = sleep(secs(3.0));
        assert!(timeout(secs(1.0), &mut long).await.is_err());
        note_at("elapsed");
        long.await;
        note_at("slept");
        assert!(timeout(secs(1.0), sleep(secs(100.0))).await.is_err());
        note_at("end");
    });
    assert_eq!(log(), ["elapsed @1", "slept @3", "end @4"]);
}

#[test]
fn an_interval_ticks_at_once_and_then_on_schedule() {
    play(async {
        let mut ticks = interval(secs(1.0));
        for _ in 0..3 {
            ticks.tick().await;
            note_at("tick");
            nap(0.4).await;
        }
    });
    assert_eq!(log(), ["tick @0", "tick @1", "tick @2"]);
    let zero = || play(async { panic_text(|| interval(Duration::ZERO)) });
    assert!(zero().is_some());
}

#[test]
fn missed_ticks_come_at_once_or_late_or_not_at_all() {
    for (missed, expected) in [
        (
            MissedTick::Burst,
            ["0 @0", "1 @3.5", "2 @3.5", "3 @3.5", "4 @4"],
        ),
        (
            MissedTick::Delay,
            ["0 @0", "1 @3.5", "4.5 @4.5", "5.5 @5.5", "6.5 @6.5"],
        ),
        (MissedTick::Skip, ["0 @0", "1 @3.5", "4 @4", "5 @5", "6 @6"]),
    ] {
        play(async {
            let (start, mut ticks) = (now(), interval(secs(1.0)));
            ticks.set_missed_tick(missed);
            for n in 0..5 {
                let due = ticks.tick().await - start;
                note_at(due.as_secs_f64());
                if n == 0 {
                    advance(secs(3.5));
                }
            }
        });
        assert_eq!(log(), expected, "{missed:?}");
    }
}

#[test]
fn a_dropped_tick_loses_nothing() {
    play(async {
        let mut ticks = interval(secs(1.0));
        ticks.tick().await;
        assert!(timeout(secs(0.5), ticks.tick()).await.is_err());
        ticks.tick().await;
        note_at("tick");
    });
    assert_eq!(log(), ["tick @1"]);
}

#[test]
fn manual_time_moves_only_by_advance_and_each_timer_fires_at_its_own_time() {
    drop(log());
    let mut event_loop = EventLoop::builder().manual_time().build();
    let spawner = event_loop.spawner();
    let start = event_loop.block_on(async { now() });
    let task = event_loop.spawn(async move {
        for n in 1..=3 {
            sleep(Duration::from_secs(1)).await;
            note(format_args!("{n} {:?}", now() - start));
        }
    });
    event_loop.run_until_stalled();
    assert_eq!(event_loop.next_deadline(), Some(start + secs(1.0)));
    assert!(!event_loop.run_once(Some(Duration::ZERO)));
    event_loop.advance(secs(2.5));
    assert_eq!(log(), ["1 1s", "2 2s"]);
    spawner.call_soon(move || note(format_args!("{:?}", now() - start)));
    event_loop.run_until_stalled();
    assert_eq!(log(), ["2.5s"]);
    event_loop.advance(secs(0.5));
    assert_eq!(log(), ["3 3s"]);
    assert!(task.is_finished());
}

#[test]
fn real_time_cannot_be_advanced() {
    assert!(panic_text(|| EventLoop::new().advance(secs(1.0))).is_some());
    let text = panic_text(|| looplet::run(async { advance(secs(1.0)) }));
    assert!(text.unwrap().contains("real time"));
    play(async { assert!(elapsed() < 1.0) });
}
