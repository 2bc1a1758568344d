//! Cancellation: a request, acted on when the task next runs.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;

use looplet::{JoinHandle, Queue, call_later, call_soon, current_task, spawn, yield_now};

use crate::support::probes::Ledger;
use crate::support::trace::{
    Gate, Guard, GuardAt, OnDrop, Stage, log, nap, note, note_at, play, secs, text_of,
    virtual_loop, wait_with_guard,
};

#[test]
fn cancel_is_a_request_and_the_awaiter_is_polled_two_rounds_later() {
    let mut stage = Stage::new();
    let task = stage.spawn(async {
        let _guard = GuardAt("guard");
        nap(5000.0).await;
    });
    let view = task.task();
    let awaiter = stage.spawn(async move { note_at(text_of(task.await)) });
    awaiter.detach();
    let target = view.clone();
    stage.call(move || {
        call_later(secs(0.1), move || {
            note(format_args!("cancel {}", target.cancel()));
            note(format_args!("done now {}", target.is_finished()));
        });
    });
    stage.round();
    assert_eq!(stage.round(), ["cancel true", "done now false"]);
    assert_eq!(stage.round(), ["guard @0.1"]);
    assert_eq!(stage.round(), ["Err(Cancelled) @0.1"]);
    assert!(view.is_cancelled() && !view.cancel());
    assert_eq!(stage.event_loop.metrics().armed_timers, 0);
}

#[test]
fn a_runnable_task_that_is_cancelled_runs_no_further_statement() {
    play(async {
        let task = spawn(async {
            note(1);
            yield_now().await;
            note(2);
            yield_now().await;
            note(3);
        });
        yield_now().await;
        task.cancel();
        note(text_of(task.await));
    });
    assert_eq!(log(), ["1", "Err(Cancelled)"]);
}

#[test]
fn a_task_that_cancels_itself_and_returns_counts_as_cancelled_and_its_value_is_dropped() {
    play(async {
        let task = spawn(async {
            assert!(current_task().cancel());
            Guard("value dropped")
        });
        let view = task.task();
        let outcome = task.await.map(drop);
        note(text_of(outcome));
        note(format_args!("{} {}", view.is_cancelled(), view.cancel()));
    });
    assert_eq!(log(), ["value dropped", "Err(Cancelled)", "true false"]);
}

#[test]
fn an_err_after_self_cancellation_does_not_count_either() {
    play(async {
        let task = spawn(async {
            current_task().cancel();
            Err::<(), _>("no")
        });
        note(text_of(task.await));
    });
    assert_eq!(log(), ["Err(Cancelled)"]);
}

#[test]
fn two_requests_in_a_row_are_both_accepted_and_end_the_task_once() {
    play(async {
        let task = spawn(wait_with_guard("cleanup"));
        yield_now().await;
        note(format_args!("{} {}", task.cancel(), task.cancel()));
        note(text_of(task.await));
    });
    assert_eq!(log(), ["true true", "cleanup", "Err(Cancelled)"]);
}

#[test]
fn cancelling_a_task_that_only_keeps_a_handle_leaves_the_other_task_alone() {
    play(async {
        let outer = spawn(async {
            let _inner = spawn(async {
                nap(2.0).await;
                note_at("inner done");
            });
            nap(10.0).await;
        });
        nap(1.0).await;
        outer.cancel();
        note_at(text_of(outer.await));
        nap(5.0).await;
    });
    assert_eq!(log(), ["Err(Cancelled) @1", "inner done @2"]);
}

#[test]
fn the_awaiter_of_a_cancelled_task_gets_a_value_and_goes_on() {
    play(async {
        let task = spawn(nap(10.0));
        let view = task.task();
        call_later(secs(1.0), move || assert!(view.cancel()));
        note_at(text_of(task.await));
        nap(1.0).await;
        note_at("main alive");
    });
    assert_eq!(log(), ["Err(Cancelled) @1", "main alive @2"]);
}

#[test]
fn guards_run_in_the_order_of_the_requests_and_in_one_round() {
    let mut stage = Stage::new();
    let tasks = ["a", "b", "c"].map(|name| stage.spawn(wait_with_guard(name)));
    stage.round();
    stage.round_with(move || {
        [2, 0, 1]
            .map(|index| tasks[index].cancel())
            .into_iter()
            .for_each(|in_time| assert!(in_time))
    });
    assert_eq!(stage.round(), ["c", "a", "b"]);
}

#[test]
fn a_destructor_may_leave_its_cleanup_to_a_task() {
    play(async {
        let task = spawn(async {
            let _cleanup = OnDrop(|| {
                let cleanup = spawn(async {
                    nap(0.5).await;
                    note_at("cleaned up");
                });
                cleanup.detach();
            });
            nap(10.0).await;
        });
        nap(1.0).await;
        task.cancel();
        note_at(text_of(task.await));
        nap(1.0).await;
    });
    assert_eq!(log(), ["Err(Cancelled) @1", "cleaned up @1.5"]);
}

#[test]
fn a_task_cancelled_before_its_first_step_never_begins_and_its_arguments_are_dropped() {
    let mut stage = Stage::new();
    let guard = Guard("argument dropped");
    let task = stage.spawn(async move {
        note("never");
        drop(guard);
    });
    assert!(task.cancel());
    assert!(log().is_empty() && !task.is_finished());
    assert_eq!(stage.round(), ["argument dropped"]);
    assert!(task.is_cancelled());
}

#[test]
fn a_task_that_cancels_itself_runs_on_to_its_next_suspension() {
    let mut stage = Stage::new();
    let task = stage.spawn(async {
        let _guard = Guard("guard");
        current_task().cancel();
        note("before");
        async { note("no suspension") }.await;
        yield_now().await;
        note("after");
    });
    assert_eq!(stage.round(), ["before", "no suspension"]);
    assert_eq!(stage.round(), ["guard"]);
    assert!(task.is_cancelled());
}

#[test]
fn a_request_flows_down_the_chain_of_awaits_one_round_per_link_outer_first() {
    let mut stage = Stage::new();
    let innermost = stage.spawn(wait_with_guard("c"));
    let views = innermost.task();
    let middle = stage.spawn(async move {
        let _guard = Guard("b");
        innermost.await.unwrap();
    });
    let outer = stage.spawn(async move {
        let _guard = Guard("a");
        middle.await.unwrap();
    });
    let view = outer.task();
    let awaiter = stage.spawn(async move { note(text_of(outer.await)) });
    awaiter.detach();
    stage.round();
    stage.round_with(move || assert!(view.cancel()));
    assert_eq!(stage.round(), ["a"]);
    assert_eq!(stage.round(), ["b", "Err(Cancelled)"]);
    assert_eq!(stage.round(), ["c"]);
    assert!(views.is_cancelled());
}

#[test]
fn a_finished_task_cannot_be_cancelled_and_keeps_its_value() {
    play(async {
        let task = spawn(async { 42 });
        yield_now().await;
        assert!(!task.cancel() && !task.is_cancelled());
        note(text_of(task.await));
    });
    assert_eq!(log(), ["Ok(42)"]);
}

#[test]
fn a_request_beats_a_wakeup_that_has_not_been_acted_on() {
    let mut stage = Stage::new();
    let queue = Queue::unbounded();
    let getter = stage.spawn({
        let queue = queue.clone();
        async move { note(queue.get().await.unwrap()) }
    });
    stage.round();
    let view = getter.task();
    let (inner, other) = (queue.clone(), queue.clone());
    stage.round_with(move || {
        inner.try_put("item").unwrap();
        view.cancel();
    });
    assert!(stage.round().is_empty());
    assert!(getter.is_cancelled());
    assert_eq!(other.try_get(), Ok("item"));
}

#[test]
fn a_wakeup_after_the_request_changes_nothing() {
    let mut stage = Stage::new();
    let gate = Gate::default();
    let waiter = stage.spawn({
        let gate = gate.clone();
        async move {
            let _guard = Guard("guard");
            gate.opened().await;
            note("opened");
        }
    });
    stage.round();
    let view = waiter.task();
    stage.round_with(move || {
        view.cancel();
        gate.open();
    });
    assert_eq!(stage.round(), ["guard"]);
    assert!(stage.round().is_empty());
}

#[test]
fn locals_are_dropped_innermost_first() {
    play(async {
        let task = spawn(async {
            let _outer = Guard("outer");
            let _second = Guard("second");
            wait_with_guard("inner").await;
        });
        yield_now().await;
        task.cancel();
        note(text_of(task.await));
    });
    assert_eq!(log(), ["inner", "second", "outer", "Err(Cancelled)"]);
}

#[test]
fn a_panic_in_a_destructor_makes_the_cancelled_task_panicked() {
    play(async {
        let task = spawn(async {
            let _bomb = OnDrop(|| panic!("bomb"));
            nap(1.0).await;
        });
        yield_now().await;
        task.cancel();
        note(text_of(task.await));
    });
    assert_eq!(log(), ["Err(Panic(bomb))"]);
}

#[test]
fn the_destructor_of_a_cancelled_task_runs_as_that_task() {
    play(async {
        let task = spawn(async {
            let me = current_task();
            let _guard = OnDrop(move || note(me == current_task() && !me.is_finished()));
            nap(1.0).await;
        });
        yield_now().await;
        task.cancel();
        note(text_of(task.await));
    });
    assert_eq!(log(), ["true", "Err(Cancelled)"]);
}

#[test]
fn a_destructor_may_cancel_and_wake_others_and_they_go_in_the_next_round() {
    let mut stage = Stage::new();
    let other = stage.spawn(wait_with_guard("other"));
    let gate = Gate::default();
    let opened = gate.clone();
    let waiter = stage.spawn(async move {
        opened.opened().await;
        note("woken");
    });
    let view = other.task();
    let task = stage.spawn(async move {
        let _guard = OnDrop(move || {
            note("guard");
            gate.open();
            view.cancel();
        });
        std::future::pending::<()>().await;
    });
    stage.round();
    task.cancel();
    assert_eq!(stage.round(), ["guard"]);
    assert_eq!(stage.round(), ["woken", "other"]);
    assert!(waiter.is_finished());
}

#[test]
fn dropping_a_handle_in_the_middle_of_its_await_cancels_its_task() {
    let mut stage = Stage::new();
    let mut handle = Some(stage.spawn(wait_with_guard("guard")));
    stage
        .spawn(async move {
            let mut handle = handle.take().unwrap();
            // One poll through a reference counts as an await.
            assert!(futures::poll!(&mut handle).is_pending());
            drop(handle);
            note("dropped");
        })
        .detach();
    assert_eq!(stage.round(), ["dropped"]);
    assert_eq!(stage.round(), ["guard"]);
}

#[test]
fn detach_gives_up_a_task_that_was_awaited_before() {
    play(async {
        let mut handle = spawn(async {
            nap(1.0).await;
            note_at("done");
        });
        assert!(futures::poll!(&mut handle).is_pending());
        handle.detach();
        nap(2.0).await;
    });
    assert_eq!(log(), ["done @1"]);
}

#[test]
fn looking_at_the_result_is_no_await() {
    play(async {
        let mut handle: JoinHandle<()> = spawn(async {
            nap(1.0).await;
            note_at("done");
        });
        assert!(handle.try_join().is_none());
        drop(handle);
        nap(2.0).await;
    });
    assert_eq!(log(), ["done @1"]);
}

#[test]
fn a_call_soon_after_the_request_runs_behind_the_destructor() {
    let mut stage = Stage::new();
    let task = stage.spawn(wait_with_guard("guard"));
    stage.round();
    let done = Rc::new(Cell::new(false));
    let flag = done.clone();
    task.on_done(move |_| flag.set(true));
    stage.round_with(move || {
        task.cancel();
        call_soon(move || note(format_args!("call {}", task.is_cancelled())));
    });
    assert_eq!(stage.round(), ["guard", "call true"]);
    assert!(!done.get());
    stage.round();
    assert!(done.get());
}

#[test]
fn a_thousand_cancels_are_one() {
    let mut event_loop = virtual_loop();
    let ledger = Ledger::default();
    event_loop.block_on(async {
        let entry = ledger.entry();
        let handle = spawn(async move {
            let _entry = entry;
            pending::<()>().await;
        });
        yield_now().await;
        let task = handle.task();
        for _ in 0..1000 {
            assert!(handle.cancel() && task.cancel());
        }
        assert!(handle.await.unwrap_err().is_cancelled());
        for _ in 0..1000 {
            assert!(!task.cancel());
        }
    });
    ledger.settle();
}
