//! `try_gather`: like `gather`, but an `Err` is an error.

use std::future::pending;

use looplet::{EventLoop, all_tasks, gather, spawn, try_gather, yield_now};

use crate::support::trace::{
    Guard, Stage, log, nap, note, note_at, play, text_of, virtual_loop_with, wait_with_guard,
};

async fn outcome_after<T, E>(seconds: f64, outcome: Result<T, E>) -> Result<T, E> {
    nap(seconds).await;
    outcome
}

#[test]
fn values_come_in_argument_order_and_shape() {
    play(async {
        let (a, b) = (outcome_after(2.0, Ok(1)), outcome_after(1.0, Ok("b")));
        let pair: Result<_, ()> = try_gather((a, b)).await;
        assert_eq!(pair, Ok((1, "b")));
        let squares = (1..=3).map(|n| async move { Ok::<_, ()>(n * n) });
        assert_eq!(
            try_gather(squares.collect::<Vec<_>>()).await,
            Ok(vec![1, 4, 9])
        );
        let array = [
            outcome_after::<_, ()>(1.0, Ok(7)),
            outcome_after(0.5, Ok(8)),
        ];
        assert_eq!(try_gather(array).await, Ok([7, 8]));
        note_at("end");
    });
    assert_eq!(log(), ["end @3"]);
}

#[test]
fn the_first_err_in_time_is_returned_at_once_and_the_siblings_run_on() {
    play(async {
        let survivor = async {
            nap(3.0).await;
            note_at("survivor");
            Ok(())
        };
        let (late, early) = (
            outcome_after(2.0, Err("late")),
            outcome_after(1.0, Err("early")),
        );
        let outcome: Result<((), (), ()), _> = try_gather((survivor, late, early)).await;
        note_at(outcome.unwrap_err());
        nap(5.0).await;
    });
    assert_eq!(log(), ["early @1", "survivor @3"]);
}

#[test]
fn the_err_of_whichever_child_counts() {
    for bad in 0..3 {
        play(async {
            let children = [0, 1, 2].map(|n| async move {
                nap(if n == bad { 1.0 } else { 9.0 }).await;
                if n == bad { Err(n) } else { Ok(n) }
            });
            note_at(format_args!("{:?}", try_gather(children).await));
        });
        assert_eq!(log(), [format!("Err({bad}) @1")]);
    }
}

#[test]
fn an_err_is_a_value_for_gather() {
    play(async {
        let (a, b) = (
            outcome_after(1.0, Err::<(), _>("a")),
            outcome_after(2.0, Ok::<_, ()>(2)),
        );
        assert_eq!(gather((a, b)).await, (Err("a"), Ok(2)));
        note_at("end");
    });
    assert_eq!(log(), ["end @2"]);
}

#[test]
fn the_awaiter_is_polled_one_round_after_the_err() {
    let mut stage = Stage::new();
    stage
        .spawn(async {
            let fails = async {
                yield_now().await;
                note("fails");
                Err::<(), _>("no")
            };
            let outcome = try_gather((pending::<Result<(), _>>(), fails)).await;
            note(outcome.unwrap_err());
        })
        .detach();
    stage.round();
    assert!(stage.round().is_empty());
    assert_eq!(stage.round(), ["fails"]);
    assert_eq!(stage.round(), ["no"]);
}

#[test]
fn a_panic_resumes_and_a_cancelled_child_cancels_the_awaiter() {
    play(async {
        let panicked = spawn(async {
            let fails = async {
                nap(1.0).await;
                assert!(all_tasks().is_empty(), "boom");
                Ok::<_, ()>(())
            };
            try_gather((fails, outcome_after(9.0, Ok(())))).await
        });
        note_at(text_of(panicked.await));
        let cancelled = spawn(async {
            let cancels_itself = async {
                let _guard = Guard("child");
                looplet::current_task().cancel();
                pending::<Result<(), ()>>().await
            };
            try_gather((cancels_itself, outcome_after(9.0, Ok(())))).await
        });
        note_at(text_of(cancelled.await));
    });
    assert_eq!(log(), ["Err(Panic(boom)) @1", "child", "Err(Cancelled) @1"]);
}

#[test]
fn dropping_it_unfinished_drops_the_children_in_order() {
    play(async {
        let child = |name| async move {
            wait_with_guard(name).await;
            Ok::<_, ()>(())
        };
        let group = try_gather([child("a"), child("b")]);
        yield_now().await;
        drop(group);
        note("dropped");
    });
    assert_eq!(log(), ["a", "b", "dropped"]);
}

#[test]
fn a_later_panic_among_the_survivors_is_reported_and_a_later_err_is_not() {
    let builder = EventLoop::builder().on_unhandled_panic(|_, error| note_at(error));
    let mut event_loop = virtual_loop_with(builder);
    event_loop.block_on(async {
        let panics = async {
            nap(2.0).await;
            assert!(all_tasks().is_empty(), "late");
            Ok(())
        };
        let (first, second) = (outcome_after(1.0, Err(1)), outcome_after(3.0, Err(2)));
        let outcome: Result<((), (), ()), _> = try_gather((panics, first, second)).await;
        note_at(outcome.unwrap_err());
        nap(5.0).await;
    });
    assert_eq!(log(), ["1 @1", "task 'Task-2' panicked: late @2"]);
}

#[test]
fn an_empty_group_finishes_at_once() {
    play(async {
        spawn(async { note("x") }).detach();
        let nothing: Result<Vec<()>, ()> = try_gather(Vec::<std::future::Ready<_>>::new()).await;
        note(nothing.unwrap().len());
        yield_now().await;
    });
    assert_eq!(log(), ["0", "x"]);
}

#[test]
fn a_try_gather_prints_its_kind() {
    play(async {
        let gathered = try_gather([async { Ok::<_, ()>(1) }]);
        assert_eq!(format!("{gathered:?}"), "TryGathered { .. }");
    });
}
