//! `task_group`: however it ends, nothing outlives it.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;

use looplet::{
    EventLoop, JoinHandle, all_tasks, call_later, current_task, spawn, task_group, timeout,
    yield_now,
};

use crate::support::groups::{fail_after, guarded};
use crate::support::trace::{
    Guard, GuardAt, OnDrop, log, nap, note, note_at, play, secs, text_of, virtual_loop,
    virtual_loop_with,
};
use crate::support::{hand, panic_text};

#[test]
fn cancelling_the_parent_ends_the_children_first() {
    for body_sleeps in [0.0, 5.0] {
        play(async move {
            let runner = spawn(async move {
                task_group(async |group| {
                    for _ in 0..5 {
                        group.spawn(guarded(5.0, "guard")).detach();
                    }
                    let _guard = GuardAt("body");
                    nap(body_sleeps).await;
                    Ok(())
                })
                .await
                .unwrap();
            });
            nap(0.1).await;
            runner.cancel();
            note_at(text_of(runner.await));
        });
        let mut expected = vec!["guard @0.1"; 5];
        if body_sleeps == 0.0 {
            expected.insert(0, "body @0");
        } else {
            expected.push("body @0.1");
        }
        expected.push("Err(Cancelled) @0.1");
        assert_eq!(log(), expected);
    }
}

#[test]
fn dropping_the_group_ends_children_in_spawn_order_as_their_own_tasks() {
    let mut event_loop = virtual_loop();
    event_loop.block_on(async {
        let own = current_task();
        let mut group = hand(task_group::<(), (), _>(async |group| {
            for name in ["a", "b", "c"] {
                let child = group.spawn(async {
                    let _guard = OnDrop(|| note(current_task().name()));
                    pending().await
                });
                child.set_name(name);
                drop::<JoinHandle<()>>(child);
            }
            let _guard = Guard("body");
            pending().await
        }));
        group.wait();
        yield_now().await;
        drop(group);
        note("dropped");
        assert_eq!(current_task(), own);
        assert_eq!(all_tasks(), [own]);
    });
    assert_eq!(log(), ["a", "b", "c", "body", "dropped"]);
}

#[test]
fn children_that_never_began_are_dropped_too() {
    play(async {
        let mut group = hand(task_group::<(), (), _>(async |group| {
            let guard = Guard("not begun");
            group
                .spawn::<(), _>(async move {
                    let _guard = guard;
                    note("never");
                    Ok(())
                })
                .detach();
            pending().await
        }));
        group.wait();
        drop(group);
        yield_now().await;
    });
    assert_eq!(log(), ["not begun"]);
}

#[test]
fn a_group_that_was_never_polled_drops_its_body_only() {
    let guard = Guard("body");
    drop(task_group::<(), (), _>(async move |_| {
        let _guard = &guard;
        Ok(())
    }));
    assert_eq!(log(), ["body"]);
}

#[test]
fn errors_go_with_a_group_that_is_dropped() {
    let reports = Rc::new(Cell::new(0));
    let count = reports.clone();
    let builder = EventLoop::builder().on_unhandled_panic(move |_, _| count.set(count.get() + 1));
    virtual_loop_with(builder).block_on(async {
        let runner = spawn(async {
            let _ = task_group::<(), &str, _>(async |group| {
                group.spawn(fail_after(1.0, "lost")).detach();
                let panicking: JoinHandle<()> = group.spawn(async {
                    nap(1.0).await;
                    panic!("lost too");
                });
                panicking.detach();
                nap(5.0).await;
                Ok(())
            })
            .await;
            note("never");
        });
        let cancel = runner.task();
        call_later(secs(1.0), move || {
            cancel.cancel();
        });
        note_at(text_of(runner.await));
    });
    assert_eq!(reports.get(), 0);
    assert_eq!(log(), ["Err(Cancelled) @1"]);
}

#[test]
fn a_panic_in_a_dropped_childs_destructor_is_caught_and_goes_with_the_group() {
    let reports = Rc::new(Cell::new(0));
    let count = reports.clone();
    let builder = EventLoop::builder().on_unhandled_panic(move |_, _| count.set(count.get() + 1));
    virtual_loop_with(builder).block_on(async {
        let handle = Rc::new(RefCell::new(None));
        let place = handle.clone();
        let mut group = hand(task_group::<(), (), _>(async |group| {
            let child: JoinHandle<()> = group.spawn(async {
                let _guard = OnDrop(|| panic!("in the destructor"));
                pending().await
            });
            *place.borrow_mut() = Some(child);
            group.spawn(async { Ok(()) }).detach();
            group
                .spawn::<(), _>(async {
                    let _guard = Guard("sibling");
                    pending().await
                })
                .detach();
            pending().await
        }));
        group.wait();
        yield_now().await;
        drop(group);
        let child = handle.take().unwrap();
        assert!(child.await.unwrap_err().is_failed());
    });
    assert_eq!(reports.get(), 0);
    assert_eq!(log(), ["sibling"]);
}

#[test]
fn a_timeout_around_a_group_ends_the_children_first() {
    play(async {
        let group = task_group(async |group| {
            group.spawn(guarded(5.0, "guard")).detach();
            nap(5.0).await;
            Ok(())
        });
        assert!(timeout(secs(1.0), group).await.is_err());
        note_at("elapsed");
        assert_eq!(all_tasks().len(), 1);
    });
    assert_eq!(log(), ["guard @1", "elapsed @1"]);
}

#[test]
fn a_panic_of_the_body_ends_the_children_and_goes_on() {
    let text = panic_text(|| {
        play(async {
            let _ = task_group::<(), _, _>(async |group| {
                group.spawn(guarded(5.0, "child")).detach();
                yield_now().await;
                let _guard = Guard("body");
                panic!("of the body");
            })
            .await;
        });
    });
    assert_eq!(text.as_deref(), Some("of the body"));
    assert_eq!(log(), ["body", "child @0"]);
}

#[test]
fn a_child_on_the_stack_is_only_asked_to_end() {
    play(async {
        let place: Rc<RefCell<Option<crate::support::Hand<'static, _>>>> = Rc::default();
        let inside = place.clone();
        let mut group = hand(task_group::<(), &str, _>(async move |group| {
            group
                .spawn::<(), _>(async move {
                    let _guard = Guard("guard");
                    yield_now().await;
                    drop(inside.take());
                    note("goes on");
                    yield_now().await;
                    note("never");
                    Ok(())
                })
                .detach();
            let _guard = Guard("body");
            pending().await
        }));
        group.wait();
        *place.borrow_mut() = Some(group);
        for _ in 0..5 {
            yield_now().await;
        }
        assert_eq!(all_tasks().len(), 1);
    });
    assert_eq!(log(), ["body", "goes on", "guard"]);
}

#[test]
fn a_loop_that_is_dropped_takes_the_group_along() {
    let mut event_loop = virtual_loop();
    let runner = event_loop.spawn(async {
        let _ = task_group(async |group| {
            group.spawn(guarded(5.0, "child")).detach();
            let _guard = Guard("body");
            pending::<Result<(), &str>>().await
        })
        .await;
    });
    event_loop.block_on(nap(1.0));
    drop(event_loop);
    assert!(runner.is_cancelled());
    let mut notes = log();
    notes.sort();
    assert_eq!(notes.len(), 2);
    assert_eq!(notes[0], "body");
}
