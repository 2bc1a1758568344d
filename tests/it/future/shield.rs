//! `shield`: what passes through, and what does not.

use std::cell::Cell;
use std::rc::Rc;

use looplet::{JoinHandle, gather, shield, spawn, timeout, yield_now};

use crate::support::trace::{
    GuardAt, Stage, elapsed, log, nap, note, note_at, play, secs, text_of, virtual_loop_with,
};
use crate::support::{hand, panic_text};

#[test]
fn cancelling_the_awaiter_leaves_the_task_alone() {
    play(async {
        let inner = spawn(async {
            nap(3.0).await;
            note_at("inner");
        });
        let outer = spawn(async {
            shield(inner).await.unwrap();
            note("never");
        });
        nap(1.0).await;
        outer.cancel();
        note_at(text_of(outer.await));
        nap(100.0).await;
    });
    assert_eq!(log(), ["Err(Cancelled) @1", "inner @3"]);
}

#[test]
fn the_outcome_passes_through() {
    play(async {
        assert_eq!(text_of(shield(spawn(async { 5 })).await), "Ok(5)");
        let panicking = spawn(async { panic!("inside") });
        assert_eq!(text_of::<()>(shield(panicking).await), "Err(Panic(inside))");
        let finished = spawn(async { 6 });
        yield_now().await;
        assert_eq!(hand(shield(finished)).finish().unwrap(), 6);
    });
}

#[test]
fn a_cancelled_task_is_seen_as_such() {
    play(async {
        let inner = spawn(nap(10.0));
        let cancel = inner.task();
        let outer = spawn(async move {
            let seen = shield(inner).await;
            seen.unwrap_err().is_cancelled()
        });
        yield_now().await;
        cancel.cancel();
        assert!(outer.await.unwrap());
        assert_eq!(elapsed(), 0.0);
    });
}

#[test]
fn a_panic_after_the_shield_has_gone_is_reported() {
    let reports = Rc::new(Cell::new(0));
    let count = reports.clone();
    let builder = looplet::EventLoop::builder().on_unhandled_panic(move |task, error| {
        assert!(task.is_some() && error.to_string().contains("too late"));
        count.set(count.get() + 1);
    });
    virtual_loop_with(builder).block_on(async {
        let inner = spawn(async {
            nap(1.0).await;
            panic!("too late");
        });
        let outer = spawn(async move {
            let _: () = shield(inner).await.unwrap();
        });
        yield_now().await;
        outer.cancel();
        nap(2.0).await;
    });
    assert_eq!(reports.get(), 1);
}

#[test]
fn a_gather_of_shields_passes_nothing_on() {
    play(async {
        let child = |name| {
            spawn(async move {
                nap(1.0).await;
                note_at(name);
            })
        };
        let (a, b) = (child("c1"), child("c2"));
        let outer = spawn(async move {
            let _ = gather((shield(a), shield(b))).await;
            note("never");
        });
        nap(0.5).await;
        outer.cancel();
        note_at(text_of(outer.await));
        nap(1.0).await;
    });
    assert_eq!(log(), ["Err(Cancelled) @0.5", "c1 @1", "c2 @1"]);
}

#[test]
fn a_timeout_around_a_shield_keeps_the_task() {
    play(async {
        let task = spawn(async {
            nap(0.1).await;
            "done"
        });
        let watched = task.task();
        assert!(timeout(secs(0.01), shield(task)).await.is_err());
        note_at(format!("{watched:?}"));
        assert!(!watched.is_finished());
        nap(0.09).await;
        yield_now().await;
        assert!(watched.is_finished() && !watched.is_cancelled());
    });
    assert_eq!(log(), ["<Task pending name='Task-2'> @0.01"]);
}

#[test]
fn the_same_with_no_time_at_all() {
    play(async {
        let task = spawn(nap(0.1));
        let watched = task.task();
        assert!(timeout(secs(0.0), shield(task)).await.is_err());
        nap(0.2).await;
        assert!(watched.is_finished() && !watched.is_cancelled());
    });
}

#[test]
fn a_shield_forgets_that_the_handle_was_awaited() {
    play(async {
        let mut task = spawn(async {
            let _guard = GuardAt("guard");
            nap(1.0).await;
        });
        let watched = task.task();
        hand(&mut task).wait();
        drop(shield(task));
        nap(2.0).await;
        assert!(!watched.is_cancelled());
    });
    assert_eq!(log(), ["guard @1"]);
}

#[test]
fn a_shield_that_was_polled_and_dropped_wakes_no_task() {
    let mut stage = Stage::new();
    let task = stage.spawn(async {});
    let mut waiting = hand(shield(task));
    waiting.wait();
    let wakes = waiting.wakes();
    drop(waiting);
    assert!(stage.settle().is_empty());
    assert_eq!(wakes, 0);
}

#[test]
fn the_awaiter_runs_one_round_after_the_end() {
    let mut stage = Stage::new();
    let inner = stage.spawn(async {
        yield_now().await;
        note("inner");
    });
    let _outer = stage.spawn(async {
        shield(inner).await.unwrap();
        note("outer");
    });
    assert!(stage.round().is_empty());
    assert_eq!(stage.round(), ["inner"]);
    assert_eq!(stage.round(), ["outer"]);
}

#[test]
fn a_shield_prints_its_task() {
    play(async {
        let shield = shield(spawn(async { 5 }));
        assert_eq!(
            format!("{shield:?}"),
            "Shield(<Task pending name='Task-2'>)"
        );
        yield_now().await;
        let text = format!("{shield:?}");
        assert_eq!(text, "Shield(<Task finished name='Task-2' result=5>)");
    });
}

#[test]
fn a_task_cannot_await_itself_through_a_shield() {
    play(async {
        let own = Rc::new(Cell::new(None));
        let place = own.clone();
        let task = spawn(async move {
            let own: JoinHandle<()> = place.take().unwrap();
            let text = panic_text(|| hand(shield(own)).poll());
            note(text.unwrap());
        });
        let watched = task.task();
        own.set(Some(task));
        yield_now().await;
        assert!(watched.is_finished());
    });
    assert_eq!(log(), ["a task cannot await itself"]);
}
