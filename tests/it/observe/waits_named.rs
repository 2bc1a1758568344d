//! A task that waits for several others is shown with all of them, in dumps and to observers.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use looplet::{
    Dump, EventLoop, JoinHandle, Task, TaskEvent, Wait, WaitsOn, as_completed, gather, sleep,
    spawn_named, task_group, try_gather, wait, yield_now,
};

/// Tasks that sleep for one, two and three seconds.
fn sleepers() -> [JoinHandle<()>; 3] {
    [(1, "one"), (2, "two"), (3, "three")]
        .map(|(seconds, name)| spawn_named(name, sleep(Duration::from_secs(seconds))))
}

/// Tasks that wait for ever.
fn endless() -> [JoinHandle<()>; 3] {
    ["one", "two", "three"].map(|name| spawn_named(name, pending()))
}

/// The names of the tasks whose results a task awaits.
fn awaited(dump: &Dump, name: &str) -> String {
    let task = dump.tasks().iter().find(|task| task.name == name).unwrap();
    let names = task.waits.iter().filter_map(|wait| match wait {
        WaitsOn::Result(id) => {
            let awaited = dump.tasks().iter().find(|task| task.id == *id);
            Some(awaited.map_or("?", |task| &task.name))
        }
        _ => None,
    });
    names.collect::<Vec<_>>().join(" ")
}

/// What a dump says that a task awaits which runs `waits`, on three loops: one about which nothing is noted, one with
/// notes, and one with an observer.
fn dumped_of_each_kind<F: Future + 'static>(waits: impl Fn() -> F) -> [String; 3] {
    let ignore = |_: Instant, _: &Task, _: TaskEvent<'_>| ();
    let builders = [
        EventLoop::builder(),
        EventLoop::builder().virtual_time(),
        EventLoop::builder().observer(ignore),
    ];
    builders.map(|builder| {
        let mut event_loop = builder.build();
        event_loop.block_on(async {
            let waits = waits();
            spawn_named("waiter", async { drop(waits.await) }).detach();
        });
        event_loop.run_until_stalled();
        awaited(&event_loop.dump(), "waiter")
    })
}

#[test]
fn a_dump_names_all_tasks_that_as_completed_has_left() {
    let names = dumped_of_each_kind(async || {
        let [one, two, three] = endless();
        two.cancel();
        let mut completed = as_completed([one, two, three]);
        assert!(completed.next().await.unwrap().is_err());
        completed.next().await;
    });
    assert_eq!(names, ["one three"; 3]);
}

#[test]
fn a_dump_names_the_children_of_a_task_group_whose_body_has_left() {
    let names = dumped_of_each_kind(async || {
        let _ = task_group(async |group| {
            for name in ["one", "two", "three"] {
                let child = group.spawn(pending::<Result<(), ()>>());
                child.set_name(name);
                if name == "two" {
                    child.cancel();
                }
            }
            Ok(())
        })
        .await;
    });
    assert_eq!(names, ["one three"; 3]);
}

#[test]
fn a_dump_names_no_child_of_a_task_group_whose_body_waits_for_something_else() {
    let names = dumped_of_each_kind(async || {
        let _ = task_group(async |group| {
            let [one, _two] = ["one", "two"].map(|name| {
                let child = group.spawn(pending::<Result<(), ()>>());
                child.set_name(name);
                child
            });
            one.await.map_err(drop)
        })
        .await;
    });
    assert_eq!(names, ["one"; 3]);
}

#[test]
fn a_dump_names_all_tasks_of_a_wait() {
    let until_all = dumped_of_each_kind(async || drop(wait(endless()).await));
    assert_eq!(until_all, ["one two three"; 3]);
    for until in [Wait::first_completed, Wait::first_exception] {
        let names = dumped_of_each_kind(move || async move { drop(until(wait(endless())).await) });
        assert_eq!(names, ["one two three"; 3]);
    }
}

#[test]
fn a_dump_names_all_children_of_a_gather() {
    let children = || ["Task-2", "Task-3"].map(|_| pending::<Result<(), ()>>());
    let all = "Task-2 Task-3";
    let names = dumped_of_each_kind(move || async move { gather(children()).await });
    assert_eq!(names, [all; 3]);
    let names = dumped_of_each_kind(move || async move { try_gather(children()).await });
    assert_eq!(names, [all; 3]);
    let settled = move || async move { drop(gather(children()).return_exceptions().await) };
    assert_eq!(dumped_of_each_kind(settled), [all; 3]);
}

#[test]
fn a_dump_names_those_that_are_left_and_each_once() {
    let names = dumped_of_each_kind(async || {
        let [one, two, three] = endless();
        let ends = [one.task(), three.task()];
        let canceller = spawn_named("canceller", async move {
            for task in ends {
                task.cancel();
            }
        });
        canceller.detach();
        wait([one, two, three]).await;
    });
    assert_eq!(names, ["two"; 3]);
}

#[test]
fn who_has_stopped_waiting_is_named_no_more() {
    let names = dumped_of_each_kind(async || {
        let [one, two, three] = endless();
        one.cancel();
        let over = wait([one, two, three]).first_completed().await;
        assert_eq!(over.pending.len(), 2);
        let mut completed = as_completed(over.done.into_iter().chain(endless()));
        assert!(completed.next().await.unwrap().is_err());
        pending::<()>().await;
    });
    assert_eq!(names, [""; 3]);
}

#[test]
fn another_task_may_take_a_wait_over() {
    let names = dumped_of_each_kind(async || {
        let mut waits = Box::pin(wait(endless()));
        let first_poll = spawn_named("first", async move {
            poll_fn(|cx| Poll::Ready(waits.as_mut().poll(cx).is_pending())).await;
            Some(waits)
        });
        first_poll.await.unwrap().unwrap().await;
    });
    assert_eq!(names, ["one two three"; 3]);
}

#[test]
fn a_waker_that_is_no_tasks_leads_nowhere() {
    let names = dumped_of_each_kind(async || {
        let mut others = FuturesUnordered::new();
        others
            .push(Box::pin(async { drop(wait(endless()).await) })
                as Pin<Box<dyn Future<Output = ()>>>);
        others.push(Box::pin(async {
            drop(as_completed(endless()).next().await)
        }));
        others.next().await;
    });
    assert_eq!(names, [""; 3]);
}

/// The lines of a dump without the places of spawn.
fn lines(dump: &Dump) -> Vec<String> {
    let text = dump.to_string();
    let lines = text.lines().map(|line| line.split("; spawned at").next());
    lines.map(|line| line.unwrap().into()).collect()
}

#[test]
fn what_many_are_waited_for_is_a_tree_too() {
    EventLoop::builder().virtual_time().build().block_on(async {
        let first = spawn_named("first", async {
            as_completed(sleepers()).next().await;
        });
        let all = spawn_named("all", async {
            let _ = task_group(async |group| {
                for child in sleepers() {
                    group
                        .spawn(async { child.await.map_err(drop) })
                        .set_name("child");
                }
                Ok(())
            })
            .await;
        });
        for _ in 0..3 {
            yield_now().await;
        }
        assert_eq!(
            lines(&looplet::dump()),
            [
                "12 unfinished tasks",
                "'Task-1' is running",
                "'first' waits for the results of 3 tasks",
                "├─ 'one' sleeps for another 1 s",
                "├─ 'two' sleeps for another 2 s",
                "└─ 'three' sleeps for another 3 s",
                "'all' waits for the results of 3 tasks",
                "├─ 'child' waits for the result of 'one'",
                "│  └─ 'one' sleeps for another 1 s",
                "├─ 'child' waits for the result of 'two'",
                "│  └─ 'two' sleeps for another 2 s",
                "└─ 'child' waits for the result of 'three'",
                "   └─ 'three' sleeps for another 3 s",
            ]
        );
        drop((first, all));
    });
}

#[test]
fn a_child_that_awaits_its_group_is_in_a_circle() {
    let mut event_loop = EventLoop::builder().virtual_time().build();
    let owner = Rc::new(Cell::new(None::<JoinHandle<()>>));
    let awaited = owner.clone();
    let group = event_loop.spawn(async move {
        let _ = task_group(async |group| {
            let child = group.spawn(async move {
                let owner = awaited.take().unwrap();
                owner.await.map_err(drop)
            });
            child.set_name("child");
            group.spawn(pending::<Result<(), ()>>()).detach();
            Ok(())
        })
        .await;
    });
    group.set_name("owner");
    owner.set(Some(group));
    event_loop.run_until_stalled();
    let text = event_loop.dump().to_string();
    assert!(
        text.ends_with("\nthese wait for each other: 'owner' -> 'child' -> 'owner'"),
        "{text}"
    );
    event_loop.shutdown(Duration::ZERO);
}
