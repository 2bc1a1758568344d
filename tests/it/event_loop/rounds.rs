//! Rounds: what runs in one and in which order, when the loop looks at timers, and which rounds are the last.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use looplet::{
    EventLoop, advance, all_tasks, call_later, call_soon, now, run, sleep, spawn, spawn_named,
    yield_now,
};

use crate::support::trace::{
    Gate, Guard, OnDrop, Stage, log, nap, note, note_at, play, secs, virtual_loop, wait_with_guard,
};
use crate::support::{Trace, panic_text};

// The one line of what is ready.

#[test]
fn tasks_and_calls_share_one_queue() {
    let mut stage = Stage::new();
    stage.call(|| {
        spawn(async { note("task 1") }).detach();
        call_soon(|| note("call 1"));
        spawn(async { note("task 2") }).detach();
        call_soon(|| note("call 2"));
        note("nothing runs inside");
    });
    assert_eq!(stage.round(), ["nothing runs inside"]);
    assert_eq!(stage.round(), ["task 1", "call 1", "task 2", "call 2"]);
}

#[test]
fn waking_a_ready_task_again_changes_nothing() {
    let mut stage = Stage::new();
    let gate = Gate::default();
    for name in ["a", "b"] {
        let gate = gate.clone();
        let polls = Cell::new(0);
        let task = stage.spawn(poll_fn(move |cx| {
            polls.set(polls.get() + 1);
            note(format_args!("{name} {}", polls.get()));
            for _ in 0..3 {
                let opened = gate.opened();
                let _ = std::pin::pin!(opened).poll(cx);
            }
            Poll::<()>::Pending
        }));
        task.detach();
    }
    assert_eq!(stage.round(), ["a 1", "b 1"]);
    stage.round_with(move || {
        gate.open();
        gate.open();
    });
    assert_eq!(stage.round(), ["a 2", "b 2"]);
    assert!(stage.round().is_empty());
}

#[test]
fn a_task_woken_in_the_round_of_its_own_poll_keeps_its_place_and_runs_once() {
    let mut stage = Stage::new();
    let gate = Gate::default();
    let opener = gate.clone();
    stage.spawn(async move { opener.open() }).detach();
    stage
        .spawn(async move {
            note("waiter");
            gate.opened().await;
            note("open already");
        })
        .detach();
    assert_eq!(stage.round(), ["waiter", "open already"]);
}

// A round runs what was ready at its start.

#[test]
fn what_becomes_ready_in_a_round_runs_in_the_next_one() {
    let mut stage = Stage::new();
    stage
        .spawn(async {
            note(1);
            spawn(async {
                note(2);
                spawn(async { note(3) }).detach();
            })
            .detach();
        })
        .detach();
    for line in ["1", "2", "3"] {
        assert_eq!(stage.round(), [line]);
    }
}

#[test]
fn a_hundred_tasks_that_yield_for_ever_let_everybody_else_run() {
    run(async {
        for _ in 0..100 {
            spawn(async {
                loop {
                    yield_now().await;
                }
            })
            .detach();
        }
        let fired = Rc::new(Cell::new(false));
        let flag = fired.clone();
        call_later(Duration::from_micros(200), move || flag.set(true));
        sleep(Duration::from_micros(100)).await;
        while !fired.get() {
            yield_now().await;
        }
    });
}

// When the loop looks at timers.

#[test]
fn in_a_long_round_the_loop_looks_at_timers_every_64_polls() {
    let mut stage = Stage::new();
    stage.call(|| {
        call_later(secs(1.0), || note("timer"));
        advance(secs(2.0));
    });
    for n in 0..200 {
        // The calls that these make queue up behind the timer, which was found before they were made.
        stage.call(move || {
            if n == 199 {
                call_soon(|| note("call"));
            }
        });
    }
    assert!(stage.round().is_empty());
    assert_eq!(stage.round(), ["timer", "call"]);
}

#[test]
fn ties_go_in_the_order_of_arming_and_a_sleep_is_armed_at_its_first_poll() {
    let mut stage = Stage::new();
    stage
        .spawn(async {
            let early = sleep(secs(1.0));
            call_later(secs(1.0), || note("call"));
            spawn(async {
                sleep(secs(1.0)).await;
                note("task");
            })
            .detach();
            early.await;
            note("main");
        })
        .detach();
    stage.round();
    stage.round();
    assert_eq!(stage.round(), ["call", "main", "task"]);
}

#[test]
fn a_timer_wakes_its_task_directly() {
    let mut stage = Stage::new();
    stage
        .spawn(async {
            nap(1.0).await;
            note("slept");
        })
        .detach();
    let before = stage.event_loop.metrics().rounds;
    stage.round();
    assert_eq!(stage.round(), ["slept"]);
    assert_eq!(stage.event_loop.metrics().rounds, before + 2);
}

#[test]
fn no_timer_fires_early_however_small() {
    run(async {
        for nanos in [1, 999, 1_000, 1_001, 65_535, 1_000_001] {
            let delay = Duration::from_nanos(nanos);
            let deadline = Instant::now() + delay;
            sleep(delay).await;
            assert!(Instant::now() >= deadline);
        }
    });
    play(async {
        let start = now();
        for nanos in [1, 999, 1_000, 1_001, 65_535, 1_000_001, u64::MAX / 4] {
            let deadline = now() + Duration::from_nanos(nanos);
            sleep(Duration::from_nanos(nanos)).await;
            assert_eq!(now(), deadline);
        }
        assert!(now() > start);
    });
}

// The last rounds: of main, and before a stop.

#[test]
fn main_that_spawns_and_returns_gives_its_task_one_step() {
    let main = async || {
        note("main start...");
        spawn(async {
            note("foo start...");
            nap(1.0).await;
            note("foo end.");
        })
        .detach();
        note("main end.");
    };
    let expected = ["main start...", "main end.", "foo start..."];
    drop(log());
    run(main());
    assert_eq!(log(), expected);
    let mut event_loop = virtual_loop();
    event_loop.block_on(main());
    assert_eq!(log(), expected);
    event_loop.block_on(nap(5.0));
    assert_eq!(log(), ["foo end."], "block_on has left the task alive");
}

#[test]
fn the_round_of_mains_end_is_completed_and_one_more_runs() {
    let mut event_loop = virtual_loop();
    let spins = event_loop.spawn(async {
        for n in 1.. {
            note(n);
            yield_now().await;
        }
    });
    spins.detach();
    event_loop.block_on(async { note("main") });
    assert_eq!(log(), ["1", "main", "2"]);
    let mut event_loop = virtual_loop();
    event_loop.block_on(async {
        spawn(async {
            for n in 1.. {
                note(n);
                yield_now().await;
            }
        })
        .detach();
        note("main");
    });
    assert_eq!(log(), ["main", "1"]);
}

#[test]
fn stop_in_a_call_ends_run_forever_after_the_round() {
    let mut event_loop = virtual_loop();
    let spawner = event_loop.spawner();
    let task = event_loop.spawn(async move {
        nap(1.0).await;
        spawner.stop();
        call_soon(|| note("next round"));
        note_at("stopped");
    });
    event_loop.run_forever();
    assert_eq!(log(), ["stopped @1"]);
    assert!(task.is_finished());
    event_loop.run_until_stalled();
    assert_eq!(log(), ["next round"]);
}

#[test]
fn a_stop_during_block_on_is_remembered_for_run_forever() {
    let mut event_loop = virtual_loop();
    let spawner = event_loop.spawner();
    event_loop.block_on(async { spawner.stop() });
    event_loop.spawner().call_soon(|| {
        note("one round");
        call_soon(|| note("another"));
    });
    event_loop.run_forever();
    assert_eq!(log(), ["one round"]);
}

// The cleanup.

#[test]
fn run_cancels_in_spawn_order_whatever_is_queued() {
    drop(log());
    run(async {
        let gate = Gate::default();
        for name in ["a", "b", "c"] {
            let gate = gate.clone();
            spawn(async move {
                let _guard = Guard(name);
                gate.opened().await;
                pending::<()>().await;
            })
            .detach();
        }
        yield_now().await;
    });
    assert_eq!(log(), ["a", "b", "c"]);
}

#[test]
fn if_main_panics_the_cleanup_comes_first() {
    drop(log());
    let text = panic_text(|| {
        run(async {
            let _shows = OnDrop(|| note("main unwinds"));
            spawn(wait_with_guard("task")).detach();
            spawn(async { note("one more round") }).detach();
            yield_now().await;
            spawn(async { note("and its step") }).detach();
            panic!("main");
        });
    });
    note(text.unwrap());
    assert_eq!(
        log(),
        [
            "one more round",
            "main unwinds",
            "and its step",
            "task",
            "main"
        ]
    );
}

#[test]
fn a_loop_that_is_dropped_counts_as_running_for_destructors() {
    let mut event_loop = virtual_loop();
    let task = event_loop.spawn(async {
        let _uses_the_loop = OnDrop(|| {
            let spawned = spawn_named("late", async { note("never") });
            note(format_args!("{spawned:?} {}", all_tasks().len()));
            call_soon(|| note("never"));
            let _unused = sleep(secs(1.0));
        });
        pending::<()>().await;
    });
    event_loop.run_until_stalled();
    drop(event_loop);
    assert_eq!(log(), ["<Task cancelled name='late'> 1"]);
    assert!(task.is_cancelled());
    assert!(panic_text(now).is_some());
}

// Nobody is starved.

#[test]
fn a_greedy_task_does_not_starve_timers() {
    let mut event_loop = EventLoop::new();
    let polls = event_loop.block_on(async {
        let is_over = Rc::new(Cell::new(false));
        let over = is_over.clone();
        let greedy = spawn(async move {
            let mut polls = 0_u64;
            while !over.get() {
                polls += 1;
                yield_now().await;
            }
            polls
        });
        sleep(Duration::from_millis(2)).await;
        is_over.set(true);
        greedy.await.unwrap()
    });
    assert!(polls > 1);
}

#[test]
fn one_long_round_does_not_starve_timers() {
    let mut event_loop = virtual_loop();
    let trace = Trace::default();
    let notes = trace.clone();
    event_loop.block_on(async {
        let late = notes.clone();
        call_later(Duration::from_secs(1), move || late.note("alarm"));
        for n in 0..200 {
            let notes = notes.clone();
            spawn(async move {
                looplet::advance(Duration::from_millis(50));
                if n == 199 {
                    notes.note("end of the first round");
                }
                yield_now().await;
                if n == 199 {
                    notes.note("end of the second");
                }
            })
            .detach();
        }
        sleep(Duration::from_secs(60)).await;
    });
    // Found during the first round, so ahead of what was queued at its end.
    assert_eq!(
        trace.take(),
        ["end of the first round", "alarm", "end of the second"]
    );
}
