//! Plain calls and timers: their order, cancelling them, and `stop`.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use looplet::{
    EventLoop, advance, call_at, call_later, call_soon, current_task, now, run, sleep, spawn,
    yield_now,
};

use crate::support::panic_text;
use crate::support::trace::{
    Guard, Stage, log, nap, note, note_at, play, secs, virtual_loop, virtual_loop_with,
};

const NESTED: &str = "cannot run an event loop while another one is running on this thread";

#[test]
fn calls_run_in_the_order_of_registration_and_never_inside_call_soon() {
    let mut event_loop = virtual_loop();
    let spawner = event_loop.spawner();
    for name in ["a", "b", "c"] {
        spawner.call_soon(move || note(name));
    }
    let stopper = spawner.clone();
    spawner.call_soon(move || stopper.stop());
    note("registered");
    event_loop.run_forever();
    event_loop.run_until_stalled();
    assert_eq!(log(), ["registered", "a", "b", "c"]);
}

#[test]
fn a_due_timer_queues_up_behind_what_is_ready() {
    let mut stage = Stage::new();
    stage.call(|| {
        note("A");
        call_later(Duration::ZERO, || note("D"));
        call_soon(|| note("B"));
    });
    assert_eq!(stage.round(), ["A"]);
    assert_eq!(stage.round(), ["B", "D"]);
}

#[test]
fn timers_of_one_instant_fire_in_the_order_of_registration_and_in_one_round() {
    let mut stage = Stage::new();
    stage.call(|| {
        let when = now() + secs(1.0);
        for name in ["a", "b", "c", "d", "e"] {
            call_at(when, move || note_at(name));
        }
    });
    assert!(stage.round().is_empty());
    assert_eq!(stage.round(), ["a @1", "b @1", "c @1", "d @1", "e @1"]);
}

#[test]
fn a_cancelled_timer_costs_no_wakeup() {
    let mut stage = Stage::new();
    stage.call(|| {
        let five = call_later(secs(5.0), || note_at("five"));
        call_later(secs(10.0), || note_at("ten"));
        assert!(five.cancel());
    });
    stage.round();
    assert_eq!(stage.event_loop.metrics().armed_timers, 1);
    assert_eq!(stage.round(), ["ten @10"]);
}

#[test]
fn stop_lets_the_round_finish() {
    let mut event_loop = virtual_loop();
    let spawner = event_loop.spawner();
    let (first, second) = (spawner.clone(), spawner.clone());
    spawner.call_soon(move || {
        note("A");
        call_soon(move || {
            note("B");
            second.stop();
        });
    });
    spawner.call_soon(move || first.stop());
    spawner.call_soon(|| note("C"));
    event_loop.run_forever();
    note("--returned--");
    event_loop.run_forever();
    assert_eq!(log(), ["A", "C", "--returned--", "B"]);
}

#[test]
fn stop_does_nothing_to_block_on() {
    let mut event_loop = virtual_loop();
    let spawner = event_loop.spawner();
    event_loop.block_on(async {
        for x in 0..10 {
            nap(0.1).await;
            if x == 1 {
                spawner.stop();
            }
        }
        note_at("done");
    });
    assert_eq!(log(), ["done @1"]);
}

#[test]
fn a_panicking_panic_hook_is_survived() {
    let builder = EventLoop::builder().on_unhandled_panic(|_, error| {
        note(error);
        panic!("the hook is broken");
    });
    let mut event_loop = virtual_loop_with(builder);
    event_loop.spawner().call_soon(|| panic!("A"));
    event_loop.spawner().call_soon(|| note("B"));
    event_loop.run_until_stalled();
    let log = log();
    assert!(log[0].ends_with("panicked: A"), "{log:?}");
    assert_eq!(log[1..], ["B"]);
}

#[test]
fn running_a_loop_inside_a_running_one_panics() {
    play(async {
        let text = panic_text(|| run(async {}));
        assert_eq!(text.unwrap(), NESTED);
        let text = panic_text(|| EventLoop::new().block_on(async {}));
        assert_eq!(text.unwrap(), NESTED);
        let text = panic_text(|| EventLoop::new().run_until_stalled());
        assert_eq!(text.unwrap(), NESTED);
        yield_now().await;
        note("undisturbed");
    });
    assert_eq!(log(), ["undisturbed"]);
}

#[test]
fn a_plain_call_cannot_run_a_loop_either() {
    let mut stage = Stage::new();
    let log = stage.round_with(|| {
        let text = panic_text(|| EventLoop::new().run_once(Some(Duration::ZERO)));
        note(text.unwrap());
        let text = panic_text(|| EventLoop::new().shutdown(Duration::ZERO));
        note(text.unwrap());
    });
    assert_eq!(log, [NESTED, NESTED]);
}

#[test]
fn tasks_that_yield_alternate() {
    play(async {
        let names = ["a", "b", "c"];
        let tasks = names.map(|name| {
            spawn(async move {
                for _ in 0..3 {
                    note(name);
                    yield_now().await;
                }
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(log(), ["a", "b", "c", "a", "b", "c", "a", "b", "c"]);
}

#[test]
fn no_timer_fires_early_in_real_time() {
    run(async {
        for micros in [10, 30, 100, 300, 1000] {
            let (delay, start) = (Duration::from_micros(micros), Instant::now());
            sleep(delay).await;
            assert!(start.elapsed() >= delay);
            let fired = Rc::new(Cell::new(None));
            let when = Instant::now() + delay;
            let seen = fired.clone();
            call_at(when, move || seen.set(Some(Instant::now())));
            sleep(delay * 2).await;
            while fired.get().is_none() {
                yield_now().await;
            }
            assert!(fired.get() >= Some(when));
        }
    });
}

#[test]
fn a_cancelled_call_does_not_run_and_is_dropped_at_once() {
    let mut stage = Stage::new();
    let guard = Guard("dropped");
    let call = stage.call(move || {
        let _guard = guard;
        note("ran");
    });
    assert!(call.cancel());
    assert!(!call.cancel());
    assert_eq!(log(), ["dropped"]);
    assert!(stage.settle().is_empty());
}

#[test]
fn a_call_cancelled_by_an_earlier_one_of_the_same_round_does_not_run() {
    let mut stage = Stage::new();
    let handle = Rc::new(Cell::new(None::<looplet::CallHandle>));
    let mine = handle.clone();
    stage.call(move || note(mine.take().unwrap().cancel()));
    handle.set(Some(stage.call(|| note("second"))));
    stage.call(|| note("third"));
    assert_eq!(stage.round(), ["true", "third"]);
}

#[test]
fn a_call_that_has_run_or_is_running_cannot_be_cancelled() {
    let mut stage = Stage::new();
    let handle = Rc::new(Cell::new(None::<looplet::CallHandle>));
    let mine = handle.clone();
    let call = stage.call(|| note("ran"));
    handle.set(Some(stage.call(move || {
        note(mine.take().unwrap().cancel());
    })));
    assert_eq!(stage.round(), ["ran", "false"]);
    assert!(!call.cancel());
}

#[test]
fn a_call_made_by_a_call_runs_in_the_next_round() {
    let mut stage = Stage::new();
    stage.call(|| {
        note("A");
        call_soon(|| {
            note("C");
            call_soon(|| note("D"));
        });
    });
    stage.call(|| note("B"));
    assert_eq!(stage.round(), ["A", "B"]);
    assert_eq!(stage.round(), ["C"]);
    assert_eq!(stage.round(), ["D"]);
}

#[test]
fn timers_fire_in_the_order_of_their_deadlines() {
    play(async {
        call_later(secs(0.3), || note_at("c"));
        call_later(secs(0.1), || note_at("a"));
        call_at(now() + secs(0.2), || note_at("b"));
        call_later(Duration::MAX, || note_at("never"));
        nap(0.5).await;
    });
    assert_eq!(log(), ["a @0.1", "b @0.2", "c @0.3"]);
}

#[test]
fn timers_that_fall_due_during_a_busy_spell_fire_in_the_order_of_their_deadlines() {
    let mut stage = Stage::new();
    stage.call(|| {
        call_later(secs(0.3), || note_at("c"));
        call_later(secs(0.1), || note_at("a"));
        call_later(secs(0.2), || note_at("b"));
        advance(secs(1.0));
        call_soon(|| note_at("soon"));
    });
    assert!(stage.round().is_empty());
    assert_eq!(stage.round(), ["soon @1", "a @1", "b @1", "c @1"]);
}

#[test]
fn a_call_at_a_time_that_has_passed_comes_with_the_next_round() {
    let mut stage = Stage::new();
    stage.spawn(async { nap(5.0).await }).detach();
    stage.round();
    stage.round();
    stage.call(|| {
        call_at(now() - secs(3.0), || note_at("past"));
        call_later(Duration::ZERO, || note_at("zero"));
    });
    stage.round();
    assert_eq!(stage.round(), ["past @5", "zero @5"]);
}

#[test]
fn a_timer_of_a_call_can_be_cancelled_by_an_earlier_one_of_the_same_instant() {
    let mut stage = Stage::new();
    stage.call(|| {
        let handle = Rc::new(Cell::new(None::<looplet::CallHandle>));
        let mine = handle.clone();
        call_later(secs(1.0), move || note(mine.take().unwrap().cancel()));
        handle.set(Some(call_later(secs(1.0), || note("second"))));
    });
    stage.round();
    assert_eq!(stage.round(), ["true"]);
    assert!(stage.settle().is_empty());
}

#[test]
fn stop_before_run_forever_gives_exactly_one_round_without_a_wait() {
    let mut event_loop = virtual_loop();
    let spawner = event_loop.spawner();
    spawner.call_soon(|| {
        note("A");
        call_soon(|| note("B"));
        call_later(secs(1.0), || note("timer"));
    });
    spawner.stop();
    event_loop.run_forever();
    assert_eq!(log(), ["A"]);
    spawner.stop();
    event_loop.run_forever();
    assert_eq!(log(), ["B"]);
    spawner.stop();
    event_loop.run_forever();
    assert!(log().is_empty());
}

#[test]
fn a_panic_in_a_call_is_reported_and_the_loop_goes_on() {
    let builder = EventLoop::builder().on_unhandled_panic(|task, error| {
        note(format_args!("{} {}", task.is_none(), error.is_panic()));
    });
    let mut event_loop = virtual_loop_with(builder);
    event_loop.spawner().call_soon(|| panic!("A"));
    event_loop.spawner().call_soon(|| note("B"));
    event_loop.run_until_stalled();
    assert_eq!(log(), ["true true", "B"]);
}

#[test]
fn a_task_that_yields_for_ever_starves_no_timer() {
    play(async {
        spawn(async {
            loop {
                yield_now().await;
                advance(Duration::from_micros(1));
            }
        })
        .detach();
        call_later(Duration::from_micros(3), || note("call"));
        sleep(Duration::from_micros(5)).await;
        note("main");
    });
    assert_eq!(log(), ["call", "main"]);
}

#[test]
fn a_task_that_wakes_itself_while_polled_runs_again_only_in_the_next_round() {
    let mut stage = Stage::new();
    for name in ["a", "b"] {
        let task = stage.spawn(async move {
            loop {
                note(name);
                yield_now().await;
            }
        });
        task.detach();
    }
    for _ in 0..3 {
        assert_eq!(stage.round(), ["a", "b"]);
    }
}

#[test]
fn a_dropped_loop_drops_its_calls_and_tasks_unrun() {
    let event_loop = virtual_loop();
    let (one, two) = (Guard("call"), Guard("task"));
    event_loop.spawner().call_soon(move || drop(one));
    let task = event_loop.spawn(async move {
        let _guard = two;
        note("never");
    });
    drop(event_loop);
    let mut log = log();
    log.sort();
    assert_eq!(log, ["call", "task"]);
    assert!(task.is_cancelled());
}

#[test]
fn there_is_no_current_task_in_a_plain_call() {
    let mut stage = Stage::new();
    let log = stage.round_with(|| {
        note(looplet::try_current_task().is_none());
        note(panic_text(current_task).is_some());
    });
    assert_eq!(log, ["true", "true"]);
}
