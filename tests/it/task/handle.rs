//! Handles: when a panic counts as unseen, what a task that cancels itself gives, and what dropping a handle does.

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;

use looplet::{EventLoop, JoinHandle, current_task, sleep, spawn, spawn_named, wait, yield_now};

use crate::support::probes::Ledger;
use crate::support::trace::{
    Gate, Guard, OnDrop, Stage, log, nap, note, note_at, play, secs, text_of, virtual_loop,
    virtual_loop_with, wait_with_guard,
};

/// A loop that notes the unhandled panics.
fn reporting_loop() -> EventLoop {
    virtual_loop_with(EventLoop::builder().on_unhandled_panic(|_, error| note(error)))
}

/// A task that panics at its first poll.
fn fails() -> JoinHandle<()> {
    spawn_named("t", async { panic!("boom") })
}

// Unhandled panics.

#[test]
fn a_panic_is_reported_at_the_moment_from_which_on_no_handle_can_take_it() {
    reporting_loop().block_on(async {
        fails().detach();
        let read_later = fails();
        yield_now().await;
        note("one round later");
        drop(read_later);
        note("dropped");
        note(text_of(fails().await));
        let kept_as_task_only = fails().task();
        yield_now().await;
        note(format_args!("{kept_as_task_only:?}"));
    });
    assert_eq!(
        log(),
        [
            "task 't' panicked: boom",
            "one round later",
            "task 't' panicked: boom",
            "dropped",
            "Err(Panic(boom))",
            "task 't' panicked: boom",
            "<Task finished name='t'>"
        ]
    );
}

#[test]
fn an_error_that_was_taken_is_not_reported_and_a_cancellation_never_is() {
    reporting_loop().block_on(async {
        let mut taken = fails();
        yield_now().await;
        drop(taken.try_join());
        let cancelled = spawn(pending::<()>());
        cancelled.cancel();
        yield_now().await;
        drop(cancelled);
    });
    assert!(log().is_empty());
}

#[test]
fn a_panic_ends_nothing_but_its_own_task() {
    let mut stage = Stage::new();
    let tasks = [0, 1, 2].map(|n| {
        stage.spawn(async move {
            assert!(n != 1, "the middle one");
            note(n);
            n
        })
    });
    assert_eq!(stage.round(), ["0", "2"]);
    let outcomes = tasks.map(|mut task| text_of(task.try_join().unwrap()));
    assert_eq!(outcomes, ["Ok(0)", "Err(Panic(the middle one))", "Ok(2)"]);
}

// A task that cancels itself, and the end of the loop.

#[test]
fn whatever_a_self_cancelled_task_returns_it_counts_as_cancelled_unless_a_panic_comes() {
    play(async {
        let returns = spawn(async {
            current_task().cancel();
            Guard("value dropped")
        });
        note(text_of(returns.await.map(drop)));
        let panics = spawn(async {
            current_task().cancel();
            panic!("own panic");
        });
        note(text_of::<()>(panics.await));
        let bomb = spawn(async {
            current_task().cancel();
            OnDrop(|| panic!("bomb"))
        });
        note(text_of(bomb.await.map(std::mem::forget)));
    });
    assert_eq!(
        log(),
        [
            "value dropped",
            "Err(Cancelled)",
            "Err(Panic(own panic))",
            "Err(Panic(bomb))"
        ]
    );
}

#[test]
fn a_task_that_cancels_itself_as_the_last_thing_it_does_still_counts_as_cancelled() {
    play(async {
        let task = spawn(async {
            let _late = OnDrop(|| note(current_task().cancel()));
            1
        });
        note(text_of(task.await));
    });
    assert_eq!(log(), ["true", "Err(Cancelled)"]);
}

#[test]
fn when_the_loop_is_dropped_its_tasks_are_finished_and_cancelled() {
    let mut event_loop = virtual_loop();
    let begun = event_loop.spawn(wait_with_guard("begun"));
    event_loop.run_until_stalled();
    let unbegun = event_loop.spawn(wait_with_guard("never"));
    drop(event_loop);
    for task in [&begun, &unbegun] {
        assert!(task.is_finished() && task.is_cancelled() && !task.cancel());
    }
    play(async move {
        note(text_of(begun.await));
        note(text_of(unbegun.await));
    });
    assert_eq!(log(), ["Err(Cancelled)", "Err(Cancelled)"]);
}

// What becomes of an await when its handle is dropped, or moves.

#[test]
fn dropping_a_handle_cancels_only_in_the_middle_of_its_await() {
    play(async {
        drop(spawn(async { note("never awaited") }));
        let mut polled = spawn(wait_with_guard("awaited"));
        assert!(futures::poll!(&mut polled).is_pending());
        drop(polled);
        let mut waited = spawn(async {
            nap(1.0).await;
            note_at("waited");
        });
        assert!(futures::poll!(&mut waited).is_pending());
        drop(wait([waited]));
        let mut given_up = spawn(async {
            nap(1.0).await;
            note_at("given up");
        });
        assert!(futures::poll!(&mut given_up).is_pending());
        given_up.detach();
        nap(2.0).await;
    });
    assert_eq!(log(), ["never awaited", "waited @1", "given up @1"]);
}

#[test]
fn the_panic_of_a_task_whose_awaiter_was_cancelled_in_between_is_reported() {
    reporting_loop().block_on(async {
        let inner = fails();
        let awaiter = spawn(inner);
        let view = awaiter.task();
        // Round 2: the task panics; the awaiter, behind it, is cancelled before it has looked.
        view.cancel();
        note(text_of(awaiter.await.map(text_of)));
    });
    assert_eq!(log(), ["task 't' panicked: boom", "Err(Cancelled)"]);
}

#[test]
fn a_handle_that_moves_to_another_task_in_the_middle_of_its_await_wakes_the_new_one() {
    let mut stage = Stage::new();
    let gate = Gate::default();
    let opened = gate.clone();
    let mut inner = stage.spawn(async move { opened.opened().await });
    stage
        .spawn(async move {
            assert!(futures::poll!(&mut inner).is_pending());
            spawn(async move {
                inner.await.unwrap();
                note("the second one");
            })
            .detach();
            pending::<()>().await;
        })
        .detach();
    stage.settle();
    gate.open();
    assert_eq!(stage.settle(), ["the second one"]);
}

#[test]
fn a_sleep_that_moves_to_another_task_in_the_middle_wakes_the_new_one() {
    play(async {
        let mut nap = sleep(secs(2.0));
        assert!(futures::poll!(&mut nap).is_pending());
        let heir = spawn(async {
            nap.await;
            note_at("the second one");
        });
        heir.await.unwrap();
    });
    assert_eq!(log(), ["the second one @2"]);
}

#[test]
fn one_task_may_await_several_handles_at_once() {
    play(async {
        let [a, b, c] = [3.0, 1.0, 2.0].map(|seconds| {
            spawn(async move {
                nap(seconds).await;
                note_at(seconds);
            })
        });
        let (a, b, c) = futures::join!(a, b, c);
        note_at(a.is_ok() && b.is_ok() && c.is_ok());
    });
    assert_eq!(log(), ["1 @1", "2 @2", "3 @3", "true @3"]);
}

#[test]
fn a_long_chain_of_awaits_unwinds_is_cancelled_and_is_dropped_without_deep_recursion() {
    const LINKS: usize = 20_000;
    let chain = |event_loop: &EventLoop| {
        let gate = Gate::default();
        let opened = gate.clone();
        let mut last = event_loop.spawn(async move { opened.opened().await });
        for _ in 0..LINKS {
            last = event_loop.spawn(async move { last.await.unwrap() });
        }
        (gate, last)
    };
    let mut event_loop = virtual_loop();
    let (gate, last) = chain(&event_loop);
    event_loop.run_until_stalled();
    gate.open();
    event_loop.block_on(last).unwrap();
    let (_gate, last) = chain(&event_loop);
    event_loop.run_until_stalled();
    last.cancel();
    event_loop.run_until_stalled();
    assert_eq!(event_loop.metrics().live_tasks, 0);
    let (_gate, last) = chain(&event_loop);
    event_loop.run_until_stalled();
    drop(event_loop);
    assert!(last.is_cancelled());
}

#[test]
fn a_task_may_drop_or_cancel_its_own_handle() {
    looplet::run(async {
        let place = Rc::new(RefCell::new(None::<JoinHandle<&str>>));
        let own = place.clone();
        let handle = spawn(async move {
            drop(own.take());
            yield_now().await;
            "unwanted"
        });
        let task = handle.task();
        place.replace(Some(handle));
        yield_now().await;
        yield_now().await;
        yield_now().await;
        assert!(task.is_finished() && !task.is_cancelled());

        let own = place.clone();
        let ledger = Ledger::default();
        let (entry, other) = (ledger.entry(), ledger.entry());
        let handle = spawn(async move {
            let _entry = entry;
            own.borrow().as_ref().unwrap().cancel();
            drop(other);
            "counts as cancelled"
        });
        place.replace(Some(handle));
        yield_now().await;
        assert!(place.take().unwrap().await.unwrap_err().is_cancelled());
        ledger.settle();
    });
}

#[test]
fn a_task_cannot_await_itself() {
    let mut event_loop = virtual_loop();
    event_loop.block_on(async {
        let place = Rc::new(RefCell::new(None::<JoinHandle<()>>));
        let own = place.clone();
        let handle = spawn(async move {
            let handle = own.take().unwrap();
            let _ = handle.await;
        });
        let task = handle.task();
        place.replace(Some(handle));
        yield_now().await;
        yield_now().await;
        assert!(task.is_finished() && !task.is_cancelled());
    });
}
