//! `task_group`: late children, refused children, and `cancel`.

use std::cell::RefCell;
use std::future::pending;
use std::rc::Rc;

use looplet::{JoinHandle, TaskGroup, task_group, yield_now};

use crate::support::groups::{fail_after, guarded, texts};
use crate::support::hand;
use crate::support::trace::{Guard, OnDrop, elapsed, log, nap, note, note_at, play, virtual_loop};

/// Spawns on a group what must not begin, and notes what became of it.
fn refused(group: &TaskGroup<&'static str>) {
    let guard = Guard("refused");
    let handle = group.spawn(async move {
        let _guard = guard;
        note("never");
        Ok(())
    });
    note(format!("cancelled {}", handle.is_cancelled()));
}

const REFUSED: [&str; 2] = ["refused", "cancelled true"];

#[test]
fn spawn_while_aborting_is_refused_inside_the_call() {
    play(async {
        let outcome = task_group::<(), _, _>(async |group| {
            let inside = group.clone();
            group
                .spawn::<(), _>(async move {
                    let _guard = OnDrop(move || refused(&inside));
                    pending().await
                })
                .detach();
            let inside = group.clone();
            let _guard = OnDrop(move || refused(&inside));
            group.spawn(fail_after(1.0, "failure")).detach();
            pending().await
        })
        .await;
        assert_eq!(texts(outcome.unwrap_err()).len(), 1);
    });
    assert_eq!(log(), [REFUSED, REFUSED].concat());
}

#[test]
fn spawn_on_a_finished_group_is_refused_inside_the_call() {
    let mut event_loop = virtual_loop();
    let group = event_loop.block_on(async {
        let group = task_group(async |group| Ok(group.clone())).await.unwrap();
        refused(&group);
        assert!(format!("{group:?}").contains("Over"));
        group
    });
    refused(&group);
    drop(event_loop);
    refused(&group);
    assert_eq!(log(), [REFUSED, REFUSED, REFUSED].concat());
}

#[test]
fn spawn_on_a_dropped_group_is_refused_inside_the_call() {
    play(async {
        let kept = Rc::new(RefCell::new(None));
        let place = kept.clone();
        let mut group = hand(task_group::<(), &str, _>(async |group| {
            *place.borrow_mut() = Some(group.clone());
            let inside = group.clone();
            group
                .spawn::<(), _>(async move {
                    let _guard = OnDrop(move || refused(&inside));
                    pending().await
                })
                .detach();
            pending().await
        }));
        group.wait();
        yield_now().await;
        drop(group);
        assert_eq!(log(), REFUSED);
        refused(kept.borrow().as_ref().unwrap());
    });
    assert_eq!(log(), REFUSED);
}

#[test]
fn children_may_spawn_siblings_while_the_group_is_left() {
    play(async {
        task_group::<(), (), _>(async |group| {
            let inside = group.clone();
            group
                .spawn(async move {
                    nap(1.0).await;
                    inside
                        .clone()
                        .spawn(async move {
                            nap(1.0).await;
                            inside.spawn(nap_ok(1.0)).detach();
                            Ok(())
                        })
                        .detach();
                    Ok(())
                })
                .detach();
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(elapsed(), 3.0);
    });
}

async fn nap_ok(seconds: f64) -> Result<(), ()> {
    nap(seconds).await;
    Ok(())
}

#[test]
fn a_child_that_is_spawned_by_another_fails_at_its_first_step() {
    play(async {
        let outcome = task_group::<(), _, _>(async |group| {
            let inside = group.clone();
            group
                .spawn(async move {
                    inside.spawn(async { Err::<(), _>("third") }).detach();
                    guarded(9.0, "second").await
                })
                .detach();
            Ok(())
        })
        .await;
        assert_eq!(texts(outcome.unwrap_err()), [r#""third""#]);
    });
    assert_eq!(log(), ["second @0"]);
}

#[test]
fn what_is_spawned_after_the_failure_does_not_begin() {
    play(async {
        let outcome = task_group::<(), _, _>(async |group| {
            let inside = group.clone();
            group
                .spawn::<(), _>(async move {
                    let guard = Guard("sibling");
                    let never_begun = inside.spawn(async move {
                        let _guard = guard;
                        note("first step");
                        pending().await
                    });
                    drop::<JoinHandle<()>>(never_begun);
                    Err("failure")
                })
                .detach();
            pending().await
        })
        .await;
        assert_eq!(texts(outcome.unwrap_err()), [r#""failure""#]);
    });
    // Spawned in front of the failure, it had its place in the queue before the group had.
    assert_eq!(log(), ["first step", "sibling"]);
}

#[test]
fn cancel_ends_the_group_quietly() {
    play(async {
        let outcome = task_group(async |group| {
            group.spawn(guarded(5.0, "guard 1")).detach();
            group.spawn(guarded(5.0, "guard 2")).detach();
            nap(1.0).await;
            group.cancel();
            group.cancel();
            note("body runs on");
            refused(group);
            yield_now().await;
            note("and on");
            nap(1.0).await;
            Ok("value")
        })
        .await;
        assert_eq!(outcome.unwrap(), "value");
        note_at("left");
    });
    let mut expected = vec!["body runs on"];
    expected.extend(REFUSED);
    expected.extend(["guard 1 @1", "guard 2 @1", "and on", "left @2"]);
    assert_eq!(log(), expected);
}

#[test]
fn a_child_may_cancel_the_group() {
    play(async {
        let outcome = task_group(async |group| {
            let inside = group.clone();
            let child = group.spawn(async move {
                nap(1.0).await;
                inside.cancel();
                // It has cancelled itself too, so this does not count.
                Err("after the end")
            });
            group.spawn(guarded(5.0, "guard")).detach();
            let ended: Result<(), _> = child.await;
            assert!(ended.unwrap_err().is_cancelled());
            Ok(1)
        })
        .await;
        assert_eq!(outcome.unwrap(), 1);
    });
    assert_eq!(log(), ["guard @1"]);
}

#[test]
fn a_failure_in_a_cancelled_group_is_still_a_failure() {
    play(async {
        let outcome = task_group::<(), (), _>(async |group| {
            let child: JoinHandle<()> = group.spawn(async {
                let _guard = OnDrop(|| panic!("in the destructor"));
                pending().await
            });
            yield_now().await;
            group.cancel();
            let _guard = Guard("body");
            drop(child);
            pending().await
        })
        .await;
        assert_eq!(texts(outcome.unwrap_err()), ["in the destructor"]);
    });
    assert_eq!(log(), ["body"]);
}

#[test]
fn a_child_that_is_cancelled_is_no_failure() {
    play(async {
        let outcome = task_group(async |group| {
            let child = group.spawn(guarded(5.0, "guard"));
            yield_now().await;
            child.cancel();
            Ok(child.await.unwrap_err().is_cancelled())
        })
        .await;
        assert!(outcome.unwrap());
    });
}
