//! `wait`: it cancels nothing, ever.

use std::time::Duration;

use looplet::{JoinHandle, Wait, Waited, all_tasks, spawn, spawn_named, wait, yield_now};

use crate::support::trace::{
    Guard, Stage, elapsed, log, nap, note, note_at, play, secs, text_of, virtual_loop,
    wait_with_guard,
};
use crate::support::{hand, panic_text};

/// A task that ends after so long.
fn after(name: &'static str, seconds: f64) -> JoinHandle<()> {
    spawn_named(name, nap(seconds))
}

/// A task that panics after so long.
fn failing_after(name: &'static str, seconds: f64) -> JoinHandle<()> {
    spawn_named(name, async move {
        nap(seconds).await;
        panic!("{name} failed");
    })
}

fn names(handles: &[JoinHandle<()>]) -> String {
    let names: Vec<_> = handles
        .iter()
        .map(|handle| handle.name().to_string())
        .collect();
    names.join(" ")
}

/// Waits and notes who is done, who is not, and when.
async fn note_wait(waiting: Wait<()>) -> Waited<()> {
    let waited = waiting.await;
    note_at(format_args!(
        "done [{}] pending [{}]",
        names(&waited.done),
        names(&waited.pending)
    ));
    waited
}

#[test]
fn all_are_done_in_argument_order_and_waiting_again_takes_no_time() {
    play(async {
        let (a, b) = (after("a", 0.1), after("b", 0.15));
        let waited = note_wait(wait([b, a])).await;
        spawn(async { note("x") }).detach();
        note_wait(wait(waited.done)).await;
        yield_now().await;
    });
    assert_eq!(
        log(),
        [
            "done [b a] pending [] @0.15",
            "done [b a] pending [] @0.15",
            "x"
        ]
    );
}

#[test]
fn late_finishers_of_the_same_round_count_as_done() {
    let mut stage = Stage::new();
    let yields = |n: usize| async move {
        for _ in 0..n {
            yield_now().await;
        }
    };
    stage
        .spawn(async move {
            let tasks = [spawn(yields(1)), spawn(yields(1)), spawn(yields(2))];
            note_wait(wait(tasks).first_completed()).await;
        })
        .detach();
    // Round 2: first steps; round 3: two end; round 4: the waiter, ahead of the third task.
    for _ in 0..3 {
        assert!(stage.round().is_empty());
    }
    assert_eq!(stage.round(), ["done [Task-2 Task-3] pending [Task-4] @0"]);
}

#[test]
fn wait_never_raises_a_tasks_panic() {
    play(async {
        let (a, b) = (after("a", 0.1), failing_after("b", 0.15));
        let waited = note_wait(wait([a, b])).await;
        for task in waited.done {
            note(text_of(task.await));
        }
    });
    assert_eq!(
        log(),
        [
            "done [a b] pending [] @0.15",
            "Ok(())",
            "Err(Panic(b failed))"
        ]
    );
}

#[test]
fn a_task_that_ends_at_the_very_timeout_counts_as_done() {
    play(async {
        let (a, b) = (after("a", 0.1), after("b", 0.15));
        yield_now().await;
        note_wait(wait([b, a]).timeout(secs(0.1))).await;
    });
    assert_eq!(log(), ["done [a] pending [b] @0.1"]);
}

#[test]
fn the_first_completed_ends_the_wait_and_the_others_run_on() {
    play(async {
        let tasks = [after("a", 3.0), after("b", 1.0), after("c", 2.0)];
        let waited = note_wait(wait(tasks).first_completed()).await;
        let waited = note_wait(wait(waited.pending).first_completed()).await;
        note_wait(wait(waited.pending)).await;
    });
    assert_eq!(
        log(),
        [
            "done [b] pending [a c] @1",
            "done [c] pending [a] @2",
            "done [a] pending [] @3"
        ]
    );
}

#[test]
fn with_one_task_done_already_the_first_completed_does_not_suspend() {
    play(async {
        let (a, b) = (after("a", 5.0), after("b", 0.0));
        nap(1.0).await;
        spawn(async { note("x") }).detach();
        note_wait(wait([a, b]).first_completed()).await;
        yield_now().await;
    });
    assert_eq!(log(), ["done [b] pending [a] @1", "x"]);
}

#[test]
fn a_cancelled_task_is_completed_but_no_exception() {
    play(async {
        let tasks = || [after("a", 5.0), after("b", 3.0)];
        let [a, b] = tasks();
        a.cancel();
        note_wait(wait([a, b]).first_completed()).await;
        let [a, b] = tasks();
        a.cancel();
        note_wait(wait([a, b]).first_exception()).await;
    });
    assert_eq!(
        log(),
        ["done [a] pending [b] @0", "done [a b] pending [] @3"]
    );
}

#[test]
fn the_first_exception_ends_the_wait_wherever_it_stands() {
    for bad in 0..3 {
        play(async {
            let tasks = [0, 1, 2].map(|n| match n {
                n if n == bad => failing_after("bad", 1.0),
                _ => after("good", 9.0),
            });
            let waited = note_wait(wait(tasks).first_exception()).await;
            assert_eq!(waited.done.len(), 1);
            for task in waited.done {
                drop(task.await);
            }
        });
        assert_eq!(log(), ["done [bad] pending [good good] @1"]);
    }
}

#[test]
fn without_an_exception_the_first_exception_means_all() {
    play(async {
        let tasks = [after("a", 2.0), after("b", 1.0)];
        note_wait(wait(tasks).first_exception()).await;
    });
    assert_eq!(log(), ["done [a b] pending [] @2"]);
}

#[test]
fn an_exception_that_is_there_already_ends_the_wait_at_once() {
    play(async {
        let (a, b) = (after("a", 5.0), failing_after("b", 1.0));
        nap(2.0).await;
        let waited = note_wait(wait([a, b]).first_exception()).await;
        note(text_of(waited.done.into_iter().next().unwrap().await));
    });
    assert_eq!(log(), ["done [b] pending [a] @2", "Err(Panic(b failed))"]);
}

#[test]
fn a_timeout_ends_the_wait_and_cancels_nothing() {
    play(async {
        let tasks = [after("a", 1.0), after("b", 3.0)];
        let waited = note_wait(wait(tasks).timeout(secs(2.0))).await;
        note_wait(wait(waited.pending).timeout(secs(9.0))).await;
        note(looplet::try_current_task().is_some());
    });
    assert_eq!(
        log(),
        ["done [a] pending [b] @2", "done [b] pending [] @3", "true"]
    );
}

#[test]
fn a_timeout_of_zero_gives_the_tasks_one_round() {
    play(async {
        let tasks = [after("a", 1.0), spawn_named("b", async {})];
        note_wait(wait(tasks).timeout(Duration::ZERO)).await;
    });
    assert_eq!(log(), ["done [b] pending [a] @0"]);
}

#[test]
fn a_timeout_counts_from_its_call_and_its_timer_goes_with_the_wait() {
    let stage = Stage::new();
    stage
        .spawn(async {
            let waiting = wait([after("a", 5.0)]).timeout(secs(2.0));
            nap(1.0).await;
            note_wait(waiting).await;
            note_wait(wait([after("b", 1.0)]).timeout(secs(50.0))).await;
        })
        .detach();
    let mut event_loop = stage.event_loop;
    event_loop.advance(secs(10.0));
    assert_eq!(log(), ["done [] pending [a] @2", "done [b] pending [] @3"]);
    assert_eq!(event_loop.metrics().armed_timers, 0);
}

#[test]
fn cancelling_the_waiter_leaves_the_tasks_alone() {
    play(async {
        let task = spawn(async {
            nap(2.0).await;
            note_at("task");
        });
        let waiter = spawn(async {
            let _guard = Guard("waiter");
            wait([task]).await
        });
        nap(1.0).await;
        waiter.cancel();
        note_at(text_of(waiter.await));
        nap(5.0).await;
    });
    assert_eq!(log(), ["waiter", "Err(Cancelled) @1", "task @2"]);
}

#[test]
fn wait_makes_a_handle_forget_that_it_was_awaited() {
    play(async {
        let mut task = spawn(async {
            nap(1.0).await;
            note_at("done");
        });
        assert!(futures::poll!(&mut task).is_pending());
        let waited = wait([task]).timeout(secs(0.5)).await;
        drop(waited.pending);
        nap(1.0).await;
    });
    assert_eq!(log(), ["done @1"]);
}

#[test]
fn what_is_still_pending_can_be_cancelled_and_awaited() {
    play(async {
        let tasks = [spawn(wait_with_guard("guard")), after("b", 1.0)];
        let waited = wait(tasks).first_completed().await;
        for task in waited.pending {
            assert!(task.cancel());
            note_at(text_of(task.await));
        }
        assert_eq!(all_tasks().len(), 1);
    });
    assert_eq!(log(), ["guard", "Err(Cancelled) @1"]);
}

#[test]
fn an_empty_set_panics() {
    assert!(panic_text(|| wait::<()>([])).is_some());
}

#[test]
fn the_waiter_resumes_one_round_after_the_last_task() {
    let mut stage = Stage::new();
    stage
        .spawn(async {
            let last = spawn_named("last", async {
                yield_now().await;
                note("last");
            });
            note_wait(wait([last, spawn_named("first", async {})])).await;
        })
        .detach();
    stage.round();
    assert!(stage.round().is_empty());
    assert_eq!(stage.round(), ["last"]);
    assert_eq!(stage.round(), ["done [last first] pending [] @0"]);
}

#[test]
fn a_wait_prints_how_many_tasks_it_has_and_when_it_is_over() {
    play(async {
        let two = || wait([after("a", 1.0), after("b", 2.0)]);
        assert_eq!(
            [two(), two().first_completed(), two().first_exception()]
                .map(|waiting| format!("{waiting:?}")),
            ["AllCompleted", "FirstCompleted", "FirstException"]
                .map(|when| format!("Wait {{ tasks: 2, when: {when}, .. }}"))
        );
    });
}

#[test]
fn a_wait_that_has_begun_can_be_changed() {
    for (is_any, when) in [(true, 1.0), (false, 2.0)] {
        play(async move {
            let handles = [
                after("slow", 3.0),
                failing_after("bad", 2.0),
                after("quick", 1.0),
            ];
            let mut all = wait(handles);
            assert!(futures::poll!(&mut all).is_pending());
            let mut exception = all.first_exception();
            assert!(futures::poll!(&mut exception).is_pending());
            let changed = if is_any {
                exception.first_completed()
            } else {
                exception
            };
            changed.await;
            assert_eq!(elapsed(), when);
        });
    }
}

#[test]
fn the_tasks_of_a_wait_may_be_of_several_loops() {
    let mut other = virtual_loop();
    let event_loop = virtual_loop();
    let here = event_loop.spawn(std::future::pending::<()>());
    let there = [
        other.spawn(yield_now()),
        other.spawn(async { panic!("there") }),
    ];
    let [ends, fails] = there;
    let pending = other.spawn(std::future::pending::<()>());
    let mut any = hand(wait([here, pending, ends]).first_completed());
    let here = event_loop.spawn(std::future::pending::<()>());
    let mut exception = hand(wait([here, fails]).first_exception());
    any.wait();
    exception.wait();
    other.run_until_stalled();
    assert_eq!((any.wakes(), exception.wakes()), (1, 1));
    assert_eq!(any.finish().done.len(), 1);
    assert_eq!(exception.finish().done.len(), 1);
}
