//! Tasks: their first step, results, names, callbacks and panics.

use std::cell::Cell;
use std::rc::Rc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use looplet::{
    EventLoop, JoinHandle, all_tasks, call_later, call_soon, current_task, now, sleep, spawn,
    spawn_named, try_current_task, yield_now,
};

use crate::support::panic_text;
use crate::support::trace::{
    Gate, GuardAt, Stage, log, nap, note, note_at, play, secs, virtual_loop, virtual_loop_with,
};

/// A loop that notes the unhandled panics.
fn reporting_loop() -> EventLoop {
    virtual_loop_with(EventLoop::builder().on_unhandled_panic(|task, error| {
        assert_eq!(&*task.unwrap().name(), error.task_name());
        note(format_args!("REPORT<{error}>"));
    }))
}

#[test]
fn a_task_spawned_by_a_main_that_returns_at_once_takes_one_step() {
    play(async {
        note_at("main start");
        spawn(async {
            let _guard = GuardAt("foo cancelled");
            note_at("foo start");
            nap(1.0).await;
            note_at("foo end");
        })
        .detach();
        note_at("main end");
    });
    assert_eq!(
        log(),
        [
            "main start @0",
            "main end @0",
            "foo start @0",
            "foo cancelled @0"
        ]
    );
}

#[test]
fn first_steps_run_in_spawn_order_before_the_spawner_resumes() {
    play(async {
        note("main");
        for name in ["a", "b", "c"] {
            spawn(async move { note(name) }).detach();
        }
        yield_now().await;
        note("main again");
    });
    assert_eq!(log(), ["main", "a", "b", "c", "main again"]);
}

#[test]
fn awaiting_a_finished_task_does_not_suspend() {
    play(async {
        let a = spawn(async { 1 });
        yield_now().await;
        spawn(async { note("x") }).detach();
        note(format_args!("got {}", a.await.unwrap()));
        note("main");
    });
    assert_eq!(log(), ["got 1", "main", "x"]);
}

#[test]
fn callbacks_and_the_awaiter_go_in_the_order_of_registration() {
    let mut stage = Stage::new();
    let gate = Gate::default();
    let inner = stage.spawn({
        let gate = gate.clone();
        async move { gate.opened().await }
    });
    stage.round();
    inner.on_done(|_| note("cb1"));
    let (callbacks, awaiter) = (inner.task(), Rc::new(Cell::new(Some(inner))));
    let handle = awaiter.take().unwrap();
    let late = Rc::new(Cell::new(None::<JoinHandle<()>>));
    let mine = late.clone();
    let w1 = stage.spawn(async move {
        let mut handle = handle;
        (&mut handle).await.unwrap();
        note("w1");
        mine.set(Some(handle));
    });
    stage.round();
    w1.on_done(|_| note("w1 done"));
    stage.round_with(move || {
        note("set");
        gate.open();
        note(callbacks.is_finished());
    });
    assert!(stage.round().is_empty());
    assert_eq!(stage.round(), ["cb1", "w1"]);
    assert_eq!(stage.round(), ["w1 done"]);
    drop(late);
}

#[test]
fn two_who_wait_for_one_event_resume_in_the_order_in_which_they_came() {
    let mut stage = Stage::new();
    let gate = Gate::default();
    for name in ["w1", "w2"] {
        let gate = gate.clone();
        let waiter = stage.spawn(async move {
            gate.opened().await;
            note(name);
        });
        waiter.detach();
    }
    stage.round();
    let log = stage.round_with(move || {
        note("set");
        gate.open();
    });
    assert_eq!(log, ["set"]);
    assert_eq!(stage.round(), ["w1", "w2"]);
}

#[test]
fn tasks_are_numbered_in_spawn_order_and_named_ones_take_no_number() {
    let mut event_loop = EventLoop::builder().virtual_time().build();
    let before = event_loop.spawn(async {});
    assert_eq!(&*before.name(), "Task-1");
    event_loop.block_on(async {
        assert_eq!(&*current_task().name(), "Task-2");
        let named = spawn_named("yan1", async {});
        let unnamed = spawn(async {});
        assert_eq!((&*named.name(), &*unnamed.name()), ("yan1", "Task-3"));
        unnamed.set_name("x2");
        assert_eq!(&*unnamed.task().name(), "x2");
        assert_eq!(&*spawn(async {}).name(), "Task-4");
        assert!(before.id() < named.id() && named.id() < unnamed.id());
    });
    assert_eq!(
        &*event_loop.block_on(async { current_task().name() }),
        "Task-5"
    );
}

#[test]
fn the_current_task_is_right_before_and_after_every_suspension() {
    play(async {
        let task = |name| {
            spawn_named(name, async move {
                let me = current_task();
                note(format_args!("{name} {}", &*me.name() == name));
                yield_now().await;
                nap(1.0).await;
                note(format_args!("{name} again {}", me == current_task()));
            })
        };
        let (a, b) = (task("a"), task("b"));
        call_soon(|| note(format_args!("callback {:?}", try_current_task())));
        a.await.unwrap();
        b.await.unwrap();
        note(&*current_task().name());
    });
    assert_eq!(
        log(),
        [
            "a true",
            "b true",
            "callback None",
            "a again true",
            "b again true",
            "Task-1"
        ]
    );
    assert_eq!(panic_text(current_task).unwrap(), "no running event loop");
    assert!(try_current_task().is_none());
}

#[test]
fn awaiting_ones_own_handle_panics() {
    reporting_loop().block_on(async {
        let own = Rc::new(Cell::new(None::<JoinHandle<()>>));
        let mine = own.clone();
        let task = spawn_named("t", async move {
            let result = mine.take().unwrap().await;
            drop(result);
        });
        own.set(Some(task));
        yield_now().await;
        note("main goes on");
    });
    assert_eq!(
        log(),
        [
            "REPORT<task 't' panicked: a task cannot await itself>",
            "main goes on"
        ]
    );
}

#[test]
fn only_a_panic_that_no_handle_can_take_any_more_is_reported() {
    let fails = || spawn_named("t", async { panic!("zero") });
    reporting_loop().block_on(async move {
        let (one, two, mut three, four) = (fails(), fails(), fails(), fails());
        let five = spawn(async { 5 });
        nap(1.0).await;
        note("dropping 1");
        drop::<JoinHandle<()>>(one);
        note("dropping 2");
        let two: Result<(), _> = two.await;
        drop(two);
        note("dropping 3");
        let three: Option<Result<(), _>> = three.try_join();
        drop(three);
        note(format_args!("cancel returns {}", four.cancel()));
        note("dropping 4");
        drop::<JoinHandle<()>>(four);
        note("dropping 5");
        drop(five);
    });
    // The fourth is reported too: a late `cancel` has seen nothing.
    assert_eq!(
        log(),
        [
            "dropping 1",
            "REPORT<task 't' panicked: zero>",
            "dropping 2",
            "dropping 3",
            "cancel returns false",
            "dropping 4",
            "REPORT<task 't' panicked: zero>",
            "dropping 5"
        ]
    );
}

#[test]
fn two_sleeps_in_a_row_add_up() {
    play(async {
        nap(0.05).await;
        nap(0.05).await;
        note_at("yeah");
    });
    assert_eq!(log(), ["yeah @0.1"]);
}

#[test]
fn outside_of_a_loop_nothing_can_be_spawned_or_sleep() {
    const TEXT: &str = "no running event loop";
    let never = || async { note("never") };
    assert_eq!(panic_text(|| spawn(never())).unwrap(), TEXT);
    assert_eq!(panic_text(|| spawn_named("n", never())).unwrap(), TEXT);
    assert_eq!(panic_text(|| sleep(secs(1.0))).unwrap(), TEXT);
    assert_eq!(
        panic_text(|| looplet::sleep_until(std::time::Instant::now())).unwrap(),
        TEXT
    );
    assert_eq!(
        panic_text(|| looplet::timeout(secs(1.0), never())).unwrap(),
        TEXT
    );
    assert_eq!(panic_text(|| looplet::interval(secs(1.0))).unwrap(), TEXT);
    assert_eq!(panic_text(|| looplet::gather([never()])).unwrap(), TEXT);
    assert_eq!(
        panic_text(|| looplet::try_gather::<[std::future::Ready<Result<(), ()>>; 0]>([])).unwrap(),
        TEXT
    );
    assert_eq!(panic_text(|| call_soon(|| ())).unwrap(), TEXT);
    assert_eq!(panic_text(|| call_later(secs(1.0), || ())).unwrap(), TEXT);
    assert_eq!(panic_text(all_tasks).unwrap(), TEXT);
    assert_eq!(panic_text(now).unwrap(), TEXT);
    assert_eq!(panic_text(|| looplet::advance(secs(1.0))).unwrap(), TEXT);
    assert!(log().is_empty());
}

#[test]
fn sleeps_of_one_length_end_in_the_order_in_which_they_began() {
    play(async {
        let tasks = ["a", "b", "c"].map(|name| {
            spawn(async move {
                for n in 1..=2 {
                    nap(1.0).await;
                    note_at(format_args!("{name} {n}"));
                }
            })
        });
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(
        log(),
        ["a 1 @1", "b 1 @1", "c 1 @1", "a 2 @2", "b 2 @2", "c 2 @2"]
    );
}

#[test]
fn a_task_whose_handle_was_dropped_runs_on() {
    play(async {
        drop(spawn(async {
            let _guard = GuardAt("cancelled at shutdown");
            loop {
                nap(1.0).await;
                note_at("tick");
            }
        }));
        nap(2.5).await;
    });
    assert_eq!(log(), ["tick @1", "tick @2", "cancelled at shutdown @2.5"]);
}

#[test]
fn whoever_awaited_before_a_callback_came_stays_in_front_of_it_when_its_waker_changes() {
    virtual_loop().block_on(async {
        let mut task = spawn(nap(1.0));
        assert!(futures::poll!(&mut task).is_pending());
        task.on_done(|_| note("callback"));
        let mut set = FuturesUnordered::new();
        set.push(task);
        set.next().await.unwrap().unwrap();
        note("awaiter");
    });
    assert_eq!(log(), ["awaiter", "callback"]);
}

#[test]
fn a_task_that_awaits_itself_through_the_waker_of_another_task_panics_too() {
    let mut event_loop = virtual_loop();
    let place = Rc::new(Cell::new(None::<JoinHandle<()>>));
    let own = place.clone();
    let task = event_loop.spawn(async move {
        let mut set = FuturesUnordered::new();
        set.push(own.take().unwrap());
        set.next().await;
    });
    let view = task.task();
    place.set(Some(task));
    event_loop.run_until_stalled();
    assert!(view.is_finished() && !view.is_cancelled());
}
