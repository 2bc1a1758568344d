//! What becomes of a task's result, and what is notified of its end in which round.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use looplet::{
    EventLoop, JoinHandle, all_tasks, current_task, spawn, spawn_named, wait, yield_now,
};

use crate::support::panic_text;
use crate::support::trace::{
    Guard, Stage, log, message, nap, note, note_at, play, text_of, virtual_loop, virtual_loop_with,
};

/// A loop that notes the unhandled panics.
fn reporting_loop() -> EventLoop {
    virtual_loop_with(EventLoop::builder().on_unhandled_panic(|_, error| note(error)))
}

#[test]
fn the_awaiter_is_polled_one_round_after_the_end() {
    let mut stage = Stage::new();
    let inner = stage.spawn(async {
        yield_now().await;
        note("inner");
    });
    let awaiter = stage.spawn(async {
        inner.await.unwrap();
        note("awaiter");
    });
    awaiter.detach();
    assert!(stage.round().is_empty());
    assert_eq!(stage.round(), ["inner"]);
    assert_eq!(stage.round(), ["awaiter"]);
}

#[test]
fn a_chain_of_tasks_that_await_each_other_unwinds_one_round_per_link() {
    let mut stage = Stage::new();
    let mut last = stage.spawn(async {
        nap(1.0).await;
        note(0);
    });
    for link in 1..4 {
        last = stage.spawn(async move {
            last.await.unwrap();
            note(link);
        });
    }
    stage.round();
    for link in ["0", "1", "2", "3"] {
        assert_eq!(stage.round(), [link]);
    }
}

#[test]
fn a_future_that_is_awaited_and_not_spawned_runs_inline() {
    play(async {
        spawn(async { note("task") }).detach();
        async { note("inline") }.await;
        note("main");
        yield_now().await;
    });
    assert_eq!(log(), ["inline", "main", "task"]);
}

#[test]
fn tasks_run_concurrently_and_futures_awaited_in_a_row_do_not() {
    play(async {
        let step = |name, seconds| async move {
            nap(seconds).await;
            note_at(name);
        };
        step("a", 1.0).await;
        step("b", 2.0).await;
        let (c, d) = (spawn(step("c", 1.0)), spawn(step("d", 2.0)));
        c.await.unwrap();
        d.await.unwrap();
    });
    assert_eq!(log(), ["a @1", "b @3", "c @4", "d @5"]);
}

#[test]
fn a_panic_reaches_the_awaiter_as_an_error_and_does_no_other_harm() {
    play(async {
        let bad = spawn_named("bad", async {
            let _guard = Guard("guard");
            nap(1.0).await;
            panic!("out of {}", "eggs");
        });
        let good = spawn(async {
            nap(2.0).await;
            note_at("good");
        });
        let outcome: Result<(), _> = bad.await;
        let error = outcome.unwrap_err();
        assert!(error.is_panic() && !error.is_cancelled() && !error.is_failed());
        assert_eq!(error.task_name(), "bad");
        note(&error);
        note(message(error));
        good.await.unwrap();
    });
    assert_eq!(
        log(),
        [
            "guard",
            "task 'bad' panicked: out of eggs",
            "out of eggs",
            "good @2"
        ]
    );
}

#[test]
fn an_err_is_a_value_like_any_other() {
    let outcome = play(async { spawn(async { Err::<(), _>("no") }).await.unwrap() });
    assert_eq!(outcome, Err("no"));
}

#[test]
fn a_payload_that_is_no_text_comes_back_whole() {
    let payload = play(async {
        let task = spawn(async { std::panic::panic_any(7_u8) });
        let outcome: Result<(), _> = task.await;
        let error = outcome.unwrap_err();
        error.into_panic()
    });
    assert_eq!(payload.downcast_ref::<u8>(), Some(&7));
}

#[test]
fn into_panic_on_a_cancelled_task_panics() {
    play(async {
        let task = spawn(std::future::pending::<()>());
        task.cancel();
        let error = task.await.unwrap_err();
        assert!(panic_text(|| error.into_panic()).is_some());
    });
}

#[test]
fn the_panic_of_a_detached_task_is_reported_when_it_happens() {
    let mut event_loop = reporting_loop();
    event_loop.block_on(async {
        spawn_named("t", async { panic!("boom") }).detach();
        note("detached");
        nap(1.0).await;
        note("main");
    });
    assert_eq!(log(), ["detached", "task 't' panicked: boom", "main"]);
}

#[test]
fn a_panic_in_the_destructor_of_an_unread_output_does_no_harm() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("bomb");
        }
    }
    let mut event_loop = reporting_loop();
    event_loop.block_on(async {
        spawn_named("t", async { Bomb }).detach();
        nap(1.0).await;
        note("main");
    });
    assert_eq!(log(), ["task 't' panicked: bomb", "main"]);
}

#[test]
fn callbacks_run_in_the_round_after_the_end_in_the_order_of_registration() {
    let mut stage = Stage::new();
    let task = stage.spawn(async { note("body") });
    task.set_name("t");
    for name in ["first", "second"] {
        task.on_done(move |task| note(format_args!("{name} {task:?}")));
    }
    assert_eq!(stage.round(), ["body"]);
    assert_eq!(
        stage.round(),
        [
            "first <Task finished name='t'>",
            "second <Task finished name='t'>"
        ]
    );
    task.on_done(|_| note("late"));
    assert!(log().is_empty(), "never called inside");
    assert_eq!(stage.round(), ["late"]);
}

#[test]
fn callbacks_hear_of_cancellation_and_of_panics_and_are_no_code_of_a_task() {
    let mut stage = Stage::new();
    let cancelled = stage.spawn(std::future::pending::<()>());
    let panicked = stage.spawn(async { panic!("x") });
    for task in [cancelled.task(), panicked.task()] {
        let view = task.clone();
        let callback = move |ended: &looplet::Task| {
            assert!(*ended == view && looplet::try_current_task().is_none());
            note(format_args!(
                "{} {}",
                ended.is_finished(),
                ended.is_cancelled()
            ));
        };
        if task == cancelled.task() {
            cancelled.on_done(callback);
        } else {
            panicked.on_done(callback);
        }
    }
    cancelled.cancel();
    stage.round();
    assert_eq!(stage.round(), ["true true", "true false"]);
}

#[test]
fn a_panic_in_a_callback_is_reported_without_a_task() {
    let builder = EventLoop::builder()
        .on_unhandled_panic(|task, error| note(format_args!("{task:?} {}", error.is_panic())));
    let mut event_loop = virtual_loop_with(builder);
    let task = event_loop.spawn(async {});
    task.on_done(|_| panic!("callback"));
    task.on_done(|_| note("next"));
    event_loop.run_until_stalled();
    assert_eq!(log(), ["None true", "next"]);
}

#[test]
fn all_tasks_are_the_unfinished_ones_in_spawn_order_with_the_current_one() {
    play(async {
        let names = || {
            let tasks = all_tasks().into_iter();
            let names: Vec<_> = tasks.map(|task| task.name().to_string()).collect();
            names.join(" ")
        };
        let a = spawn_named("a", async {});
        let b = spawn_named("b", std::future::pending::<()>());
        let c = spawn(async {});
        assert_eq!(names(), "Task-1 a b Task-2");
        c.await.unwrap();
        assert_eq!(names(), "Task-1 b");
        b.cancel();
        assert_eq!(names(), "Task-1 b");
        yield_now().await;
        assert_eq!(names(), "Task-1");
        drop(a);
    });
}

#[test]
fn a_task_shows_its_name_state_and_result() {
    play(async {
        let shown = |handle: &JoinHandle<&str>| format!("{handle:?}");
        let good = spawn_named("yan1", async { "egg" });
        let bad = spawn_named("n", async { panic!("oh") });
        let stuck = spawn(std::future::pending::<&str>());
        assert_eq!(shown(&stuck), "<Task pending name='Task-2'>");
        yield_now().await;
        assert_eq!(shown(&good), "<Task finished name='yan1' result=\"egg\">");
        assert_eq!(shown(&bad), "<Task finished name='n' panic=\"oh\">");
        assert_eq!(format!("{:?}", good.task()), "<Task finished name='yan1'>");
        stuck.cancel();
        assert_eq!(shown(&stuck), "<Task cancelling name='Task-2'>");
        yield_now().await;
        assert_eq!(shown(&stuck), "<Task cancelled name='Task-2'>");
        drop(bad.await);
    });
}

#[test]
fn try_join_takes_the_result_once_and_never_waits() {
    play(async {
        let mut task = spawn(async { 12 });
        assert!(task.try_join().is_none());
        yield_now().await;
        assert_eq!(task.try_join().unwrap().unwrap(), 12);
        assert!(task.is_finished());
        assert!(task.try_join().is_none());
        assert!(panic_text(AssertUnwindSafe(|| drop(wait([task])))).is_none());
    });
}

#[test]
fn a_task_remembers_where_it_was_spawned() {
    play(async {
        let (here, task) = (line!(), spawn(async {}));
        let place = task.task().spawned_at();
        assert_eq!((place.file(), place.line()), (file!(), here));
        assert_eq!(current_task().id(), all_tasks()[0].id());
    });
}

#[test]
fn a_task_may_spawn_into_its_loop_from_a_destructor() {
    let mut event_loop = virtual_loop();
    let ran = Rc::new(Cell::new(false));
    let flag = ran.clone();
    event_loop.block_on(async move {
        let spawner = crate::support::trace::OnDrop(move || {
            let flag = flag.clone();
            spawn(async move { flag.set(true) }).detach();
        });
        let task = spawn(async move {
            let _spawner = spawner;
            std::future::pending::<()>().await;
        });
        yield_now().await;
        task.cancel();
        note(text_of(task.await));
        yield_now().await;
    });
    assert!(ran.get());
    assert_eq!(log(), ["Err(Cancelled)"]);
}
