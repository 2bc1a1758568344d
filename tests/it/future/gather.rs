//! `gather`: the order of results, failures, and what becomes of the children.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;

use looplet::{EventLoop, JoinHandle, all_tasks, gather, spawn, spawn_named, yield_now};

use crate::support::trace::{
    Gate, Guard, GuardAt, OnDrop, Stage, log, nap, note, note_at, play, text_of, virtual_loop_with,
    wait_with_guard,
};
use crate::support::{Trace, panic_text, probes};

async fn value_after<T>(seconds: f64, value: T) -> T {
    nap(seconds).await;
    value
}

#[test]
fn the_awaiter_of_a_gather_runs_after_what_its_last_child_made_ready() {
    let order = Rc::new(RefCell::new(Vec::new()));
    let (of_main, of_woken) = (order.clone(), order.clone());
    EventLoop::builder()
        .virtual_time()
        .build()
        .block_on(async move {
            let gate = Gate::default();
            let opens = gate.clone();
            let woken = spawn(async move {
                gate.opened().await;
                of_woken.borrow_mut().push("made ready by the last child");
            });
            yield_now().await;
            gather([false, true].map(|last| {
                let opens = opens.clone();
                async move {
                    if last {
                        opens.open();
                    }
                }
            }))
            .await;
            of_main.borrow_mut().push("awaiter");
            woken.await.unwrap();
        });
    assert_eq!(*order.borrow(), ["made ready by the last child", "awaiter"]);
}

#[test]
fn results_come_in_argument_order_and_only_when_all_are_there() {
    let mut stage = Stage::new();
    let gates = [(); 3].map(|()| Gate::default());
    let children = gates.clone().map(|gate| {
        let value = Rc::new(Cell::new(0));
        (gate, value)
    });
    let cells = children.clone();
    let task = stage.spawn(async move {
        let waits = children.map(|(gate, value)| async move {
            gate.opened().await;
            value.get()
        });
        gather(waits).await
    });
    stage.settle();
    for (index, value) in [(1, 1), (0, 2)] {
        cells[index].1.set(value);
        cells[index].0.open();
        stage.settle();
        assert!(!task.is_finished());
    }
    cells[2].1.set(3);
    cells[2].0.open();
    stage.settle();
    let mut task = task;
    assert_eq!(task.try_join().unwrap().unwrap(), [2, 1, 3]);
}

#[test]
fn a_gather_of_nothing_does_not_suspend() {
    play(async {
        spawn(async { note("x") }).detach();
        let nothing = gather(Vec::<std::future::Ready<()>>::new()).await;
        note(nothing.len());
        let none: [std::future::Pending<u8>; 0] = [];
        let nothing = gather(none).await;
        note(nothing.len());
        let none: [std::future::Pending<u8>; 0] = [];
        let nothing = gather(none).return_exceptions().await;
        note(nothing.len());
        yield_now().await;
    });
    assert_eq!(log(), ["0", "0", "0", "x"]);
}

#[test]
fn a_panic_resumes_in_the_awaiter_at_once_and_a_second_one_is_reported() {
    let builder = EventLoop::builder().on_unhandled_panic(|_, error| note_at(error));
    let mut event_loop = virtual_loop_with(builder);
    event_loop.block_on(async {
        let awaiter = spawn(async {
            let fails = |seconds, text: &'static str| async move {
                nap(seconds).await;
                panic!("{text}");
            };
            let (): () = gather((fails(1.0, "first"), fails(2.0, "second"))).await.0;
        });
        note_at(text_of(awaiter.await));
        nap(5.0).await;
    });
    assert_eq!(
        log(),
        ["Err(Panic(first)) @1", "task 'Task-4' panicked: second @2"]
    );
}

#[test]
fn a_child_that_is_cancelled_cancels_the_awaiting_task_and_so_its_siblings() {
    play(async {
        let awaiter = spawn(async {
            let _guard = GuardAt("awaiter");
            let children = ["t1", "t2"].map(|name| async move {
                let _guard = GuardAt(name);
                nap(5.0).await;
            });
            gather(children).await;
            note("never");
        });
        nap(1.0).await;
        let t2 = all_tasks().into_iter().last().unwrap();
        t2.cancel();
        note_at(text_of(awaiter.await));
    });
    assert_eq!(log(), ["t2 @1", "t1 @1", "awaiter @1", "Err(Cancelled) @1"]);
}

#[test]
fn a_handle_among_the_arguments_holds_the_cancellation_in_its_place() {
    play(async {
        let (t1, t2) = (spawn(value_after(5.0, 1)), spawn(value_after(5.0, 2)));
        let view = t2.task();
        let gathered = spawn(async move { gather([t1, t2]).await.map(text_of) });
        nap(1.0).await;
        view.cancel();
        note_at(format_args!("{:?}", gathered.await.unwrap()));
    });
    assert_eq!(log(), [r#"["Ok(1)", "Err(Cancelled)"] @5"#]);
}

#[test]
fn cancelling_the_awaiter_wins_over_return_exceptions() {
    play(async {
        let outer = spawn(async {
            let children = [nap(5.0), nap(5.0)];
            let settled = gather(children).return_exceptions().await;
            note(settled.len());
        });
        nap(1.0).await;
        outer.cancel();
        note_at(text_of(outer.await));
        assert_eq!(all_tasks().len(), 1);
    });
    assert_eq!(log(), ["Err(Cancelled) @1"]);
}

#[test]
fn dropping_a_gather_that_has_failed_leaves_the_survivors_alone() {
    play(async {
        let awaiter = spawn(async {
            let survivor = async {
                nap(3.0).await;
                note_at("survivor");
            };
            let fails = async {
                nap(1.0).await;
                panic!("zero");
            };
            let ((), ()) = gather((survivor, fails)).await;
        });
        let view = awaiter.task();
        note_at(text_of(awaiter.await));
        note(view.cancel());
        nap(5.0).await;
    });
    assert_eq!(log(), ["Err(Panic(zero)) @1", "false", "survivor @3"]);
}

#[test]
fn the_panic_of_whichever_child_resumes_at_once() {
    for bad in 0..3 {
        play(async {
            let awaiter = spawn(async move {
                let children = [0, 1, 2].map(|index| async move {
                    nap(if index == bad { 1.0 } else { 9.0 }).await;
                    assert!(index != bad, "child {bad}");
                });
                gather(children).await;
            });
            note_at(text_of(awaiter.await));
        });
        assert_eq!(log(), [format!("Err(Panic(child {bad})) @1")]);
    }
}

#[test]
fn of_two_panics_in_one_round_the_first_resumes_and_the_other_is_reported() {
    let builder = EventLoop::builder().on_unhandled_panic(|_, error| note(error));
    let mut event_loop = virtual_loop_with(builder);
    event_loop.block_on(async {
        let fails = |seconds, text: &'static str| async move {
            nap(seconds).await;
            assert!(text.is_empty(), "{text}");
        };
        let children = (fails(1.0, "a"), fails(1.0, "b"));
        let awaiter = spawn(async { gather(children).await });
        note(text_of(awaiter.await));
    });
    assert_eq!(log(), ["task 'Task-4' panicked: b", "Err(Panic(a))"]);
}

#[test]
fn children_are_tasks_from_the_call_on_and_do_not_run_inside_it() {
    let mut stage = Stage::new();
    stage
        .spawn(async {
            let gathered = gather([1, 2].map(|n| async move { note(n) }));
            note("called");
            spawn(async { note("later") }).detach();
            yield_now().await;
            note("main");
            gathered.await;
            note("at once");
        })
        .detach();
    assert_eq!(stage.round(), ["called"]);
    assert_eq!(stage.round(), ["1", "2", "later", "main", "at once"]);
}

#[test]
fn the_awaiter_resumes_one_round_after_the_last_child() {
    let mut stage = Stage::new();
    stage
        .spawn(async {
            let steps = |n: usize| async move {
                for _ in 0..n {
                    yield_now().await;
                }
                note(n);
            };
            gather((steps(1), steps(0), steps(2))).await;
            note("gathered");
        })
        .detach();
    assert!(stage.round().is_empty());
    for line in ["0", "1", "2", "gathered"] {
        assert_eq!(stage.round(), [line]);
    }
}

#[test]
fn return_exceptions_waits_for_all_and_gives_panics_and_cancellations_as_values() {
    play(async {
        let cancels_itself = async {
            looplet::current_task().cancel();
            nap(9.0).await;
        };
        let panics = async {
            nap(1.0).await;
            panic!("zero");
        };
        let good = value_after(2.0, "good");
        let (a, b, c) = gather((cancels_itself, panics, good))
            .return_exceptions()
            .await;
        let b: Result<(), _> = b;
        note_at(format_args!("{} {} {}", text_of(a), text_of(b), text_of(c)));
    });
    assert_eq!(log(), [r#"Err(Cancelled) Err(Panic(zero)) Ok("good") @2"#]);
}

#[test]
fn cancelling_the_awaiter_drops_all_children_in_order_before_it_is_gone() {
    let mut stage = Stage::new();
    let outer = stage.spawn(async {
        let _guard = Guard("outer");
        gather([
            wait_with_guard("a"),
            wait_with_guard("b"),
            wait_with_guard("c"),
        ])
        .await;
    });
    stage.settle();
    stage.round_with(move || assert!(outer.cancel()));
    assert_eq!(stage.round(), ["a", "b", "c", "outer"]);
    assert_eq!(stage.event_loop.tasks(), []);
}

#[test]
fn children_dropped_with_their_gather_before_their_first_step_never_begin() {
    play(async {
        let guard = Guard("dropped");
        let gathered = gather((async move { drop(guard) }, wait_with_guard("never")));
        note("before");
        drop(gathered);
        note("after");
        yield_now().await;
    });
    assert_eq!(log(), ["before", "dropped", "after"]);
}

#[test]
fn a_destructor_of_a_child_runs_as_that_child_and_its_panic_is_caught() {
    let builder = EventLoop::builder().on_unhandled_panic(|_, error| note(error));
    let mut event_loop = virtual_loop_with(builder);
    event_loop.block_on(async {
        let child = async {
            let _guard = OnDrop(|| {
                note(looplet::current_task().name());
                panic!("bomb");
            });
            pending::<()>().await;
        };
        let gathered = gather((child, wait_with_guard("sibling")));
        yield_now().await;
        drop(gathered);
        note("main goes on");
        assert_eq!(&*looplet::current_task().name(), "Task-1");
    });
    assert_eq!(
        log(),
        [
            "Task-2",
            "sibling",
            "task 'Task-2' panicked: bomb",
            "main goes on"
        ]
    );
}

#[test]
fn a_child_that_drops_its_own_gather_is_only_asked_to_end() {
    play(async {
        let slot = Rc::new(Cell::new(None));
        let mine = slot.clone();
        let child = async move {
            let _guard = Guard("child dropped");
            drop(mine.take());
            note("child runs on");
            yield_now().await;
            note("never");
        };
        slot.set(Some(gather((child, wait_with_guard("sibling")))));
        nap(1.0).await;
    });
    assert_eq!(log(), ["child runs on", "child dropped"]);
}

#[test]
fn a_handle_in_a_gather_counts_as_awaited_from_its_first_poll_there() {
    play(async {
        let (early, late): (JoinHandle<()>, _) = (
            spawn(wait_with_guard("cancelled")),
            spawn(async {
                nap(2.0).await;
                note_at("detached");
            }),
        );
        let polled = gather([early]);
        yield_now().await;
        drop(polled);
        drop(gather([late]));
        nap(3.0).await;
    });
    assert_eq!(log(), ["cancelled", "detached @2"]);
}

#[test]
fn names_and_places_of_children_are_those_of_tasks_spawned_at_the_call() {
    play(async {
        let _named = spawn_named("named", pending::<()>());
        let (line, _group) = (line!(), gather([pending::<()>(), pending()]));
        let tasks = all_tasks();
        assert_eq!(&*tasks[2].name(), "Task-2");
        assert_eq!(&*tasks[3].name(), "Task-3");
        assert_eq!(tasks[3].spawned_at().line(), line);
    });
}

#[test]
fn return_exceptions_of_a_vector_is_a_vector_of_outcomes() {
    play(async {
        let children: Vec<_> = [1, 0].into_iter().map(|n| async move { 6 / n }).collect();
        let settled = gather(children).return_exceptions().await;
        let texts: Vec<_> = settled.into_iter().map(text_of).collect();
        assert_eq!(texts, ["Ok(6)", "Err(Panic(attempt to divide by zero))"]);
    });
}

#[test]
fn a_gather_prints_its_kind() {
    play(async {
        let gathered = gather([async {}]);
        assert_eq!(format!("{gathered:?}"), "Gathered { .. }");
        let settled = gathered.return_exceptions();
        assert_eq!(format!("{settled:?}"), "Settled { .. }");
    });
}

#[test]
fn a_finished_gather_must_not_be_polled_again() {
    play(async {
        let mut gathered = gather((async { 1 },));
        assert_eq!((&mut gathered).await, (1,));
        assert!(panic_text(|| futures::FutureExt::now_or_never(&mut gathered)).is_some());
    });
}

#[test]
fn a_child_on_the_stack_survives_the_drop_of_its_gather() {
    let (mut event_loop, reports) = probes::virtual_loop();
    let trace = Trace::default();
    let notes = trace.clone();
    event_loop.block_on(async {
        type Slot = Rc<RefCell<Option<std::pin::Pin<Box<dyn Future<Output = [(); 2]>>>>>>;
        let slot = Slot::default();
        let child = |name: &'static str| {
            let (slot, notes) = (slot.clone(), notes.clone());
            async move {
                let end = notes.clone();
                let _guard = OnDrop(move || end.note(format!("{name} dropped")));
                yield_now().await;
                drop(slot.take());
                notes.note(format!("{name} goes on"));
                yield_now().await;
                notes.note("never");
            }
        };
        let group = gather([child("first"), child("second")]);
        slot.replace(Some(Box::pin(group)));
        for _ in 0..4 {
            yield_now().await;
        }
    });
    assert_eq!(
        trace.take(),
        ["second dropped", "first goes on", "first dropped"]
    );
    assert!(reports.borrow().is_empty());
}
