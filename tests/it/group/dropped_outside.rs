//! Groups that are dropped while their loop does not run: to their children's destructors it does.

#![allow(clippy::async_yields_async)] // Futures leave their loop here on purpose.

use std::cell::RefCell;
use std::future::{Future, pending};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use looplet::{
    ContextVar, EventLoop, TaskGroup, current_task, gather, sleep, spawn, spawn_named, task_group,
    try_current_task, try_gather, yield_now,
};

use crate::support::trace::{OnDrop, log, note, virtual_loop};

static LINE: ContextVar<&str> = ContextVar::new("line");

type Group = Pin<Box<dyn Future<Output = ()>>>;

/// Waits for ever; its destructor notes what it sees, and spawns a task that does too.
async fn child(name: &'static str) {
    current_task().set_name(name);
    LINE.set(name);
    let _at_end = OnDrop(move || {
        let task = try_current_task().map_or("nobody".into(), |task| task.name());
        note(format_args!("{name}: {task} {:?}", LINE.get()));
        let last_words = async { note(format_args!("later: {:?}", LINE.get())) };
        spawn(last_words).detach();
    });
    pending::<()>().await;
}

/// Groups of two children each, of every kind.
fn groups() -> [Group; 4] {
    let names = ["a", "b"];
    [
        Box::pin(async move {
            let _ = gather(names.map(child)).await;
        }),
        Box::pin(async move { drop(gather(names.map(child)).return_exceptions().await) }),
        Box::pin(async move {
            let children = names.map(|name| async move {
                child(name).await;
                Ok::<_, ()>(())
            });
            let _ = try_gather(children).await;
        }),
        Box::pin(async move {
            let ended = task_group(async |group: &TaskGroup<()>| {
                for name in names {
                    let child = async move {
                        child(name).await;
                        Ok(())
                    };
                    group.spawn(child).detach();
                }
                pending::<Result<(), ()>>().await
            });
            let _ = ended.await;
        }),
    ]
}

/// Each kind of group, with its loop, which it has left after its children have begun.
fn each_left_behind(mut f: impl FnMut(EventLoop, Group)) {
    for mut group in groups() {
        let mut event_loop = virtual_loop();
        event_loop.block_on(async {
            let mut cx = Context::from_waker(Waker::noop());
            assert!(group.as_mut().poll(&mut cx).is_pending());
            yield_now().await;
        });
        f(event_loop, group);
    }
}

const SEEN: [&str; 2] = ["a: a Some(\"a\")", "b: b Some(\"b\")"];
const LATER: [&str; 2] = ["later: Some(\"a\")", "later: Some(\"b\")"];

#[test]
fn outside_of_any_loop_a_childs_destructor_sees_its_task_its_values_and_its_loop() {
    each_left_behind(|mut event_loop, group| {
        drop(group);
        assert_eq!(log(), SEEN);
        assert!(try_current_task().is_none());
        event_loop.run_until_stalled();
        assert_eq!(log(), LATER);
    });
}

#[test]
fn inside_of_another_loop_it_sees_its_own() {
    each_left_behind(|mut event_loop, group| {
        EventLoop::new().block_on(async {
            current_task().set_name("other");
            drop(group);
            assert_eq!(&*current_task().name(), "other");
            yield_now().await;
        });
        assert_eq!(log(), SEEN);
        event_loop.run_until_stalled();
        assert_eq!(log(), LATER);
    });
}

#[test]
fn inside_of_its_own_loop_nothing_is_different() {
    each_left_behind(|mut event_loop, group| {
        event_loop.block_on(async {
            let name = spawn_named("dropper", async move {
                drop(group);
                current_task().name()
            });
            assert_eq!(&*name.await.unwrap(), "dropper");
        });
        assert_eq!(log(), [SEEN, LATER].concat());
    });
}

#[test]
fn a_loop_that_went_first_has_ended_the_children() {
    each_left_behind(|event_loop, group| {
        drop(event_loop);
        assert_eq!(log(), SEEN);
        drop(group);
        assert!(log().is_empty());
    });
}

#[test]
fn a_group_may_be_the_last_thing_of_a_thread() {
    thread_local! {
        static LEFT: RefCell<Option<(Group, EventLoop)>> = const { RefCell::new(None) };
    }
    let (send, seen) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let mut event_loop = EventLoop::new();
        let child = async move {
            let _at_end = OnDrop(move || {
                let current = try_current_task().map(|task| task.name().to_string());
                send.send(current).unwrap();
                spawn(sleep(Duration::from_secs(1))).detach();
            });
            pending::<()>().await;
        };
        let group = event_loop.block_on(async {
            let group = gather([child]);
            yield_now().await;
            group
        });
        LEFT.set(Some((
            Box::pin(async { assert_eq!(group.await, [()]) }),
            event_loop,
        )));
    });
    thread.join().unwrap();
    assert_eq!(seen.recv().unwrap().as_deref(), Some("Task-2"));
}

#[test]
fn a_child_that_is_refused_outside_of_its_loop_sees_it_too() {
    let mut event_loop = virtual_loop();
    let left = Rc::new(RefCell::new(None));
    event_loop.block_on(async {
        let ended = task_group(async |group: &TaskGroup<()>| {
            left.replace(Some(group.clone()));
            Ok(())
        });
        ended.await.unwrap();
    });
    let group = left.take().unwrap();
    let at_end = OnDrop(|| {
        note(current_task().name());
        spawn(async { note("later") }).detach();
    });
    let refused = group.spawn(async move {
        let _at_end = at_end;
        Ok(())
    });
    assert!(refused.is_cancelled());
    assert_eq!(log(), [&*refused.name()]);
    event_loop.run_until_stalled();
    assert_eq!(log(), ["later"]);
}
