//! `task_group`: what it waits for, and what becomes of failures.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;

use looplet::{EventLoop, Failure, JoinHandle, TaskGroup, all_tasks, spawn, task_group, yield_now};

use crate::support::groups::{fail_after, guarded, texts};
use crate::support::trace::{
    Gate, Guard, GuardAt, OnDrop, Stage, elapsed, log, nap, note, note_at, play, virtual_loop_with,
};
use crate::support::{hand, panic_text};

/// A failure of a group, or of a group in a group.
#[derive(Debug, PartialEq)]
enum Trouble {
    Plain(&'static str),
    Nested(Vec<String>),
}

#[test]
fn leaving_waits_for_all_children() {
    play(async {
        let mut foo1 = None;
        let mut foo2 = None;
        let body = async |group: &TaskGroup<()>| {
            foo1 = Some(group.spawn(async {
                nap(0.1).await;
                Ok(42)
            }));
            nap(0.15).await;
            foo2 = Some(group.spawn(async {
                nap(0.2).await;
                Ok(11)
            }));
            note_at("body end");
            Ok("value")
        };
        assert_eq!(task_group(body).await.unwrap(), "value");
        let results = (foo1.unwrap().await.unwrap(), foo2.unwrap().await.unwrap());
        note_at(format!("{} {}", results.0, results.1));
    });
    assert_eq!(log(), ["body end @0.15", "42 11 @0.35"]);
}

#[test]
fn an_empty_group_is_over_with_its_body() {
    play(async {
        let mut group = hand(task_group::<_, (), _>(async |_| Ok(1)));
        assert_eq!(group.finish().unwrap(), 1);
        let slow = task_group::<_, (), _>(async |_| {
            nap(1.0).await;
            Ok(2)
        });
        assert_eq!(slow.await.unwrap(), 2);
        assert_eq!(elapsed(), 1.0);
    });
}

#[test]
fn a_group_is_a_future_like_any_other() {
    play(async {
        let group = spawn(task_group::<_, (), _>(async move |group| {
            Ok(group.spawn(async { Ok(7) }).await.unwrap())
        }));
        assert_eq!(group.await.unwrap().unwrap(), 7);
        let both = looplet::gather((
            task_group::<_, (), _>(async |_| Ok(1)),
            task_group::<_, (), _>(async |_| Ok(2)),
        ));
        let (one, two) = both.await;
        assert_eq!((one.unwrap(), two.unwrap()), (1, 2));
    });
}

#[test]
fn children_are_waited_for_even_if_their_handles_are_gone() {
    play(async {
        task_group(async |group| {
            drop(group.spawn(guarded(1.0, "dropped")));
            group.spawn(guarded(2.0, "detached")).detach();
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(elapsed(), 2.0);
    });
    assert_eq!(log(), ["dropped @1", "detached @2"]);
}

#[test]
fn failures_of_one_round_all_count_and_abort_the_group() {
    play(async {
        let outcome = task_group::<(), _, _>(async |group| {
            for error in ["first", "second", "third"] {
                group.spawn(fail_after(0.1, error)).detach();
            }
            group.spawn(guarded(5.0, "sibling")).detach();
            let _guard = GuardAt("body");
            nap(10.0).await;
            note("never");
            Ok(())
        })
        .await;
        assert_eq!(
            texts(outcome.unwrap_err()),
            [r#""first""#, r#""second""#, r#""third""#]
        );
        assert_eq!(elapsed(), 0.1);
    });
    assert_eq!(log(), ["body @0.1", "sibling @0.1"]);
}

#[test]
fn hop_by_hop() {
    let mut stage = Stage::new();
    let gate = Gate::default();
    let opened = gate.clone();
    let _main = stage.spawn(async {
        let outcome = task_group::<(), _, _>(async |group| {
            group
                .spawn::<(), _>(async move {
                    opened.opened().await;
                    note("fails");
                    Err("failure")
                })
                .detach();
            for name in ["sibling 1", "sibling 2"] {
                group.spawn(guarded(9.0, name)).detach();
            }
            let _guard = Guard("body");
            pending().await
        })
        .await;
        note(texts(outcome.unwrap_err()).len());
    });
    stage.settle();
    gate.open();
    assert_eq!(stage.round(), ["fails"]);
    assert_eq!(stage.round(), ["body"]);
    assert_eq!(stage.round(), ["sibling 1 @0", "sibling 2 @0"]);
    assert_eq!(stage.round(), ["1"]);
}

#[test]
fn a_panic_is_a_failure_and_the_handle_says_failed() {
    let reports = Rc::new(Cell::new(0));
    let count = reports.clone();
    let builder = EventLoop::builder().on_unhandled_panic(move |_, _| count.set(count.get() + 1));
    virtual_loop_with(builder).block_on(async {
        let handles: RefCell<Vec<JoinHandle<()>>> = RefCell::default();
        let outcome = task_group::<(), &str, _>(async |group| {
            handles.borrow_mut().push(group.spawn(async {
                nap(1.0).await;
                panic!("aloud");
            }));
            handles
                .borrow_mut()
                .push(group.spawn(fail_after(1.0, "quietly")));
            handles.borrow_mut().push(group.spawn(async { Ok(()) }));
            handles.borrow_mut().push(group.spawn(guarded(5.0, "")));
            let detached: JoinHandle<()> = group.spawn(async {
                nap(1.0).await;
                panic!("detached")
            });
            detached.detach();
            pending().await
        })
        .await;
        let failures = outcome.unwrap_err();
        assert!(matches!(failures.failures()[0], Failure::Panic(_)));
        assert_eq!(texts(failures), ["aloud", r#""quietly""#, "detached"]);
        let mut states = Vec::new();
        for handle in handles.take() {
            states.push(match handle.await {
                Ok(()) => "ok",
                Err(error) if error.is_failed() => "failed",
                Err(error) if error.is_cancelled() => "cancelled",
                Err(_) => "panicked",
            });
        }
        assert_eq!(states, ["failed", "failed", "ok", "cancelled"]);
    });
    assert_eq!(reports.get(), 0);
}

#[test]
fn a_group_error_tells_of_all() {
    play(async {
        let outcome = task_group::<(), _, _>(async |group| {
            group.spawn(async { Err::<(), _>("no disk") }).detach();
            let panicking: JoinHandle<()> = group.spawn(async { panic!("no light") });
            panicking.set_name("lamp");
            pending().await
        })
        .await;
        assert_eq!(
            outcome.unwrap_err().to_string(),
            "2 failures in a task group: no disk; task 'lamp' panicked: no light"
        );
    });
}

#[test]
fn nested_groups() {
    async fn run(outer: f64, inner: f64) -> Vec<String> {
        let outcome = task_group::<(), Trouble, _>(async |g1| {
            g1.spawn::<(), _>(async move {
                nap(outer).await;
                Err(Trouble::Plain("outer"))
            })
            .detach();
            let nested = task_group::<(), &str, _>(async |g2| {
                g2.spawn(fail_after(inner, "inner")).detach();
                Ok(())
            });
            nested.await.map_err(|error| Trouble::Nested(texts(error)))
        })
        .await;
        texts(outcome.unwrap_err())
    }
    play(async {
        assert_eq!(run(10.0, 0.1).await, [r#"Nested(["\"inner\""])"#]);
        assert_eq!(elapsed(), 0.1);
        assert_eq!(run(0.1, 10.0).await, [r#"Plain("outer")"#]);
        assert_eq!(elapsed(), 0.2);
        assert_eq!(all_tasks().len(), 1);
    });
}

#[test]
fn a_failing_body_goes_first_and_then_its_children_in_spawn_order() {
    let mut stage = Stage::new();
    let _main = stage.spawn(async {
        let outcome = task_group::<(), _, _>(async |group| {
            group.spawn(guarded(5.0, "child 1")).detach();
            group.spawn(guarded(5.0, "child 2")).detach();
            let _guard = Guard("body");
            yield_now().await;
            yield_now().await;
            note("fails");
            Err("the body")
        })
        .await;
        note(texts(outcome.unwrap_err()).join(","));
    });
    stage.round();
    stage.round();
    assert_eq!(stage.round(), ["fails", "body"]);
    assert_eq!(stage.round(), ["child 1 @0", "child 2 @0"]);
    assert_eq!(stage.round(), [r#""the body""#]);
}

#[test]
fn failures_while_leaving_abort_as_well() {
    play(async {
        let outcome = task_group(async |group| {
            group.spawn(fail_after(1.0, "late")).detach();
            group.spawn(guarded(5.0, "sibling")).detach();
            Ok("lost")
        })
        .await;
        assert_eq!(texts(outcome.unwrap_err()), [r#""late""#]);
    });
    assert_eq!(log(), ["sibling @1"]);
}

#[test]
fn a_panicking_destructor_of_a_cancelled_child_counts() {
    play(async {
        let outcome = task_group::<(), _, _>(async |group| {
            let child: JoinHandle<()> = group.spawn(async {
                let _guard = OnDrop(|| panic!("in the destructor"));
                pending().await
            });
            yield_now().await;
            drop(child);
            Err("the body")
        })
        .await;
        assert_eq!(
            texts(outcome.unwrap_err()),
            [r#""the body""#, "in the destructor"]
        );
    });
}

#[test]
fn between_a_failure_and_the_groups_poll_children_still_run() {
    let mut stage = Stage::new();
    let _main = stage.spawn(async {
        let outcome = task_group::<(), _, _>(async |group| {
            group.spawn(async { Err::<(), _>("first") }).detach();
            group.spawn(async { Err::<(), _>("second") }).detach();
            pending().await
        })
        .await;
        note(texts(outcome.unwrap_err()).join(","));
    });
    stage.round();
    assert!(stage.round().is_empty());
    assert_eq!(stage.round(), [r#""first","second""#]);
}

#[test]
fn a_body_may_await_its_children() {
    play(async {
        let outcome = task_group(async |group| {
            let failing: JoinHandle<()> = group.spawn(fail_after(1.0, "failure"));
            let error = failing.await.unwrap_err();
            note(error.is_failed());
            Ok(())
        })
        .await;
        // The group is polled before the body, which is never notified.
        assert_eq!(texts(outcome.unwrap_err()), [r#""failure""#]);
    });
    assert!(log().is_empty());
}

#[test]
fn a_body_may_borrow_and_its_children_may_not_outlive_it() {
    play(async {
        let mut count = 0;
        task_group::<(), (), _>(async |group| {
            for _ in 0..3 {
                count += group.spawn(async { Ok(1) }).await.unwrap();
            }
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(count, 3);
    });
}

#[test]
fn the_body_is_not_polled_because_a_child_has_ended() {
    play(async {
        let polls = Cell::new(0);
        let body = async |group: &TaskGroup<()>| {
            for _ in 0..10 {
                group.spawn(async { Ok(()) }).detach();
            }
            let mut timer = std::pin::pin!(nap(1.0));
            std::future::poll_fn(|cx| {
                polls.set(polls.get() + 1);
                timer.as_mut().poll(cx)
            })
            .await;
            Ok(())
        };
        task_group(body).await.unwrap();
        assert_eq!(polls.get(), 2);
    });
}

#[test]
fn without_a_loop_the_first_poll_panics_and_names_the_place_of_the_call() {
    let line = line!() + 1;
    let group = task_group::<(), (), _>(async |_| Ok(()));
    let text = panic_text(|| futures::executor::block_on(group)).unwrap();
    assert!(text.contains("no running event loop"), "{text}");
    assert!(text.contains(&format!("{}:{line}", file!())), "{text}");
}

#[test]
fn the_childs_place_of_spawn_is_that_of_the_call() {
    play(async {
        task_group::<(), (), _>(async |group| {
            let line = line!() + 1;
            let child = group.spawn(async { Ok(()) });
            assert_eq!(child.task().spawned_at().line(), line);
            assert_eq!(child.task().spawned_at().file(), file!());
            Ok(())
        })
        .await
        .unwrap();
    });
}
