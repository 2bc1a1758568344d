//! Which tasks an observer receives when another one waits for several of them. To list them takes steps by
//! their number and not by its square: with a hundred thousand tasks that would take minutes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::future::select;
use looplet::{
    EventLoop, JoinHandle, Task, TaskEvent, WaitsOn, as_completed, gather, interval, sleep, spawn,
    spawn_named, task_group, wait,
};

const MANY: usize = 100_000;

/// Tasks that sleep for one, two and three seconds.
fn sleepers() -> [JoinHandle<()>; 3] {
    [(1, "one"), (2, "two"), (3, "three")]
        .map(|(seconds, name)| spawn_named(name, sleep(Duration::from_secs(seconds))))
}

/// The child of a task group.
async fn child(nap: Duration) -> Result<(), ()> {
    sleep(nap).await;
    Ok(())
}

/// The names of the tasks that `main` waits for, of each of its waits.
fn waits_of<F: Future>(main: F) -> Vec<String> {
    let waits = Rc::new(RefCell::new(Vec::new()));
    let (into, names) = (waits.clone(), RefCell::new(HashMap::new()));
    let observer = move |_: Instant, task: &Task, event: TaskEvent<'_>| match event {
        TaskEvent::Spawned(_) => {
            names
                .borrow_mut()
                .insert(task.id(), task.name().to_string());
        }
        TaskEvent::WaitBegins(on) if &*task.name() == "Task-1" => {
            let names = names.borrow();
            let awaited = on.iter().filter_map(|wait| match wait {
                WaitsOn::Result(id) => Some(names[id].as_str()),
                _ => None,
            });
            into.borrow_mut()
                .push(awaited.collect::<Vec<_>>().join(" "));
        }
        _ => {}
    };
    let builder = EventLoop::builder().virtual_time().observer(observer);
    builder.build().block_on(main);
    waits.take()
}

#[test]
fn a_wait_for_an_exception_is_reported_once_with_all_tasks_in_their_order() {
    let waits = waits_of(async { wait(sleepers()).first_exception().await });
    assert_eq!(waits, ["one two three"]);
}

#[test]
fn a_wait_for_all_is_reported_once_with_all_tasks_in_their_order() {
    let waits = waits_of(async { wait(sleepers()).await });
    assert_eq!(waits, ["one two three"]);
}

#[test]
fn as_completed_is_reported_with_all_tasks_that_are_left_in_their_order() {
    let waits = waits_of(async {
        let mut completed = as_completed(sleepers());
        while let Some(result) = completed.next().await {
            result.unwrap();
        }
    });
    assert_eq!(waits, ["one two three", "two three", "three"]);
}

#[test]
fn a_task_group_is_reported_with_the_children_that_are_left_in_their_order_when_its_body_has_ended()
{
    let waits = waits_of(async {
        let ended = task_group(async |group| {
            for seconds in [2, 1, 3] {
                group.spawn(child(Duration::from_secs(seconds))).detach();
            }
            sleep(Duration::from_millis(1500)).await;
            Ok(())
        });
        ended.await.unwrap();
    });
    assert_eq!(waits, ["", "Task-2 Task-4"]);
}

#[test]
fn a_gather_of_exceptions_is_reported_once_with_all_tasks_in_their_order() {
    let waits = waits_of(async {
        let children = [1, 3, 2].map(|n| sleep(Duration::from_secs(n)));
        drop(gather(children).return_exceptions().await);
    });
    assert_eq!(waits, ["Task-2 Task-3 Task-4"]);
}

#[test]
fn a_gather_is_reported_once_with_all_tasks_in_their_order() {
    let waits = waits_of(async {
        gather([1, 3, 2].map(|n| sleep(Duration::from_secs(n)))).await;
    });
    assert_eq!(waits, ["Task-2 Task-3 Task-4"]);
}

#[test]
fn a_task_that_is_awaited_twice_is_reported_once() {
    let waits = waits_of(async {
        let mut sleepers = sleepers();
        poll_fn(|cx| {
            for sleeper in [0, 1, 0, 2, 1, 0] {
                if Pin::new(&mut sleepers[sleeper]).poll(cx).is_ready() {
                    return Poll::Ready(());
                }
            }
            Poll::Pending
        })
        .await;
    });
    assert_eq!(waits, ["one two three"]);
}

/// How many results `main` waits for, of each of its waits, and whether for others too.
fn counts_of<F: Future>(main: F) -> Vec<(usize, bool)> {
    let counts = Rc::new(RefCell::new(Vec::new()));
    let into = counts.clone();
    let observer = move |_: Instant, task: &Task, event: TaskEvent<'_>| {
        if let (TaskEvent::WaitBegins(on), "Task-1") = (event, &*task.name()) {
            let results = on.iter().filter(|wait| matches!(wait, WaitsOn::Result(_)));
            let others = on.contains(&WaitsOn::OtherResults);
            into.borrow_mut().push((results.count(), others));
        }
    };
    let builder = EventLoop::builder().virtual_time().observer(observer);
    builder.build().block_on(main);
    counts.take()
}

/// Each end wakes the task that waits.
async fn one_by_one(tasks: usize) {
    let naps = (1..=tasks as u64).map(|n| sleep(Duration::from_millis(n)));
    let mut completed = as_completed(naps.map(spawn));
    while completed.next().await.is_some() {}
}

#[test]
fn of_more_than_a_hundred_that_are_left_a_hundred_are_reported_again() {
    let counts = counts_of(one_by_one(103));
    assert_eq!(counts.len(), 103);
    let begin = [
        (103, false),
        (100, true),
        (100, true),
        (100, false),
        (99, false),
    ];
    assert_eq!(counts[..5], begin);
    assert_eq!(counts[102], (1, false));
}

/// Waits in a task that something else wakes, too, at each millisecond.
async fn beside_ticks(waits: impl Future<Output = ()>) {
    let mut ticks = interval(Duration::from_millis(1));
    let ticks = async {
        loop {
            ticks.tick().await;
        }
    };
    select(pin!(waits), pin!(ticks)).await;
}

#[test]
fn at_other_wakeups_a_hundred_of_those_that_are_left_are_reported_again() {
    let naps = || (1..=103).map(|n| sleep(Duration::from_millis(n)));
    let ways: [Pin<Box<dyn Future<Output = ()>>>; 3] = [
        Box::pin(async move { drop(gather(naps().collect::<Vec<_>>()).await) }),
        Box::pin(async move { drop(wait(naps().map(spawn)).await) }),
        Box::pin(async {
            let ended = task_group(async |group| {
                for n in 1..=103 {
                    group.spawn(child(Duration::from_millis(n))).detach();
                }
                Ok(())
            });
            ended.await.unwrap();
        }),
    ];
    for way in ways {
        let counts = counts_of(beside_ticks(way));
        assert_eq!(counts[..3], [(103, false), (100, true), (100, true)]);
    }
}

#[test]
fn a_gather_of_many_is_reported_with_all_of_them() {
    let second = Duration::from_secs(1);
    let naps = (0..MANY).map(|_| sleep(second));
    let counts = counts_of(async { gather(naps.collect::<Vec<_>>()).await });
    assert_eq!(counts, [(MANY, false)]);
}

#[test]
fn waits_for_many_that_end_one_by_one_are_reported() {
    assert_eq!(counts_of(one_by_one(MANY / 10)).len(), MANY / 10);
}
