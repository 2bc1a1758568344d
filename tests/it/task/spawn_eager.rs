//! `spawn_eager`: the first poll happens inside the call.

use std::cell::RefCell;
use std::rc::Rc;

use looplet::{
    ContextVar, all_tasks, call_soon, current_task, spawn, spawn_eager, try_current_task, yield_now,
};

use crate::support::panic_text;
use crate::support::trace::{
    Guard, OnDrop, Stage, log, message, nap, note, note_at, play, text_of, virtual_loop,
    virtual_loop_with,
};

#[test]
fn the_body_runs_inside_the_call_up_to_its_first_suspension() {
    play(async {
        current_task().set_name("main");
        let mut a = spawn_eager(async {
            note(format!("a runs as {}", current_task().name()));
            "hello"
        });
        let result = a.try_join().unwrap().unwrap();
        note(format!(
            "spawned {result} current {}",
            current_task().name()
        ));
        let b = spawn_eager(async {
            note("b1");
            nap(1.0).await;
            note_at("b2");
        });
        note(format!("spawned b {b:?}"));
        b.await.unwrap();
    });
    assert_eq!(
        log(),
        [
            "a runs as Task-2",
            "spawned hello current main",
            "b1",
            "spawned b <Task pending name='Task-3'>",
            "b2 @1"
        ]
    );
}

#[test]
fn a_task_that_never_waits_never_enters_the_queue() {
    let mut event_loop = virtual_loop();
    let before = event_loop.metrics();
    event_loop.block_on(async {
        let handle = spawn_eager(async { 1 });
        assert!(handle.is_finished());
        assert_eq!(handle.await.unwrap(), 1);
    });
    let after = event_loop.metrics();
    assert_eq!(after.polls - before.polls, 2);
    assert_eq!((after.wakes, after.live_tasks), (before.wakes, 0));
}

#[test]
fn all_tasks_has_the_new_one_while_it_runs() {
    play(async {
        let outer = current_task();
        let handle = spawn_eager(async move {
            assert_eq!(all_tasks(), [outer, current_task()]);
        });
        handle.await.unwrap();
        assert_eq!(all_tasks(), [current_task()]);
    });
}

#[test]
fn a_panic_in_it_ends_the_new_task_only() {
    play(async {
        current_task().set_name("main");
        let handle = spawn_eager(async {
            let _guard = Guard("guard");
            panic!("in the first poll");
        });
        assert_eq!(&*current_task().name(), "main");
        let error = handle.await.map(|(): ()| ()).unwrap_err();
        assert_eq!(message(error), "in the first poll");
        yield_now().await;
        note("main goes on");
    });
    assert_eq!(log(), ["guard", "main goes on"]);
}

#[test]
fn a_panic_in_a_later_poll_ends_the_new_task_only() {
    play(async {
        let handle = spawn_eager(async {
            yield_now().await;
            panic!("in the second poll");
        });
        assert_eq!(
            text_of::<()>(handle.await),
            "Err(Panic(in the second poll))"
        );
    });
}

#[test]
fn a_panic_after_an_eager_child_is_the_spawners() {
    play(async {
        let outer = spawn(async {
            let inner = spawn_eager(async { panic!("inner") });
            assert_eq!(text_of::<()>(inner.await), "Err(Panic(inner))");
            let _inner = spawn_eager(yield_now());
            panic!("outer");
        });
        assert_eq!(text_of::<()>(outer.await), "Err(Panic(outer))");
    });
}

#[test]
fn an_unseen_panic_in_it_is_reported() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let reports = seen.clone();
    let builder = looplet::EventLoop::builder().on_unhandled_panic(move |task, error| {
        reports
            .borrow_mut()
            .push((task.unwrap().clone(), error.to_string()));
    });
    virtual_loop_with(builder).block_on(async {
        let task: looplet::JoinHandle<()> = spawn_eager(async { panic!("unseen") });
        task.detach();
    });
    let seen = seen.borrow();
    assert_eq!(seen.len(), 1);
    assert!(seen[0].0.is_finished());
    assert!(seen[0].1.ends_with("panicked: unseen"));
}

#[test]
fn it_may_be_nested_and_called_from_plain_calls() {
    play(async {
        call_soon(|| {
            assert!(try_current_task().is_none());
            spawn_eager(async {
                let inner = spawn_eager(async { current_task().id() });
                assert_ne!(inner.await.unwrap(), current_task().id());
                note("nested");
            })
            .detach();
            note("after");
            assert!(try_current_task().is_none());
        });
        yield_now().await;
    });
    assert_eq!(log(), ["nested", "after"]);
}

#[test]
fn cancelling_itself_acts_at_the_first_suspension() {
    let mut stage = Stage::new();
    let _main = stage.spawn(async {
        let handle = spawn_eager(async {
            let _guard = Guard("guard");
            current_task().cancel();
            note("still running");
            yield_now().await;
            note("never");
        });
        assert!(!handle.is_finished());
        note("back");
        assert!(handle.await.unwrap_err().is_cancelled());
        let discarded = spawn_eager(async {
            current_task().cancel();
            5
        });
        assert!(discarded.is_cancelled());
    });
    assert_eq!(stage.round(), ["still running", "back"]);
    assert_eq!(stage.round(), ["guard"]);
    stage.settle();
}

#[test]
fn its_place_in_the_queue_is_that_of_its_wakeups() {
    let mut stage = Stage::new();
    let _main = stage.spawn(async {
        spawn(async { note("spawned first") }).detach();
        spawn_eager(async {
            note("eager");
            yield_now().await;
            note("eager again");
        })
        .detach();
        spawn(async { note("spawned last") }).detach();
    });
    assert_eq!(stage.round(), ["eager"]);
    assert_eq!(
        stage.round(),
        ["spawned first", "eager again", "spawned last"]
    );
}

#[test]
fn it_inherits_the_context_and_keeps_its_changes() {
    static VAR: ContextVar<u8> = ContextVar::new("var");
    play(async {
        VAR.set(1);
        let inside = spawn_eager(async {
            let inherited = VAR.get();
            VAR.set(2);
            (inherited, VAR.get())
        });
        assert_eq!(VAR.get(), Some(1));
        assert_eq!(inside.await.unwrap(), (Some(1), Some(2)));
    });
}

#[test]
fn in_a_loop_that_is_ending_it_does_not_begin() {
    let mut event_loop = virtual_loop();
    event_loop.block_on(async {
        let spawner = OnDrop(|| {
            let guard = Guard("dropped");
            let handle = spawn_eager(async move {
                let _guard = guard;
                note("never");
            });
            note(format!("cancelled {}", handle.is_cancelled()));
        });
        spawn(async move {
            let _spawner = spawner;
            std::future::pending::<()>().await;
        })
        .detach();
        yield_now().await;
    });
    drop(event_loop);
    assert_eq!(log(), ["dropped", "cancelled true"]);
}

#[test]
fn outside_of_a_loop_it_panics() {
    let text = panic_text(|| spawn_eager(async {}));
    assert_eq!(text.as_deref(), Some("no running event loop"));
}
