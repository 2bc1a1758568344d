//! What a loop reports about itself, and the ways into it for code that is not one of its tasks.

use std::collections::HashSet;
use std::future::Future;
use std::hash::{BuildHasher, Hash};
use std::pin::Pin;
use std::time::Duration;

use futures::task::{LocalSpawn, LocalSpawnExt};
use looplet::{
    EventLoop, JoinError, JoinHandle, LoopGone, Task, TaskId, all_tasks, call_later, current_task,
    gather, spawn, spawn_named, wait, yield_now,
};

use crate::support::trace::{Guard, Stage, log, nap, note, play, secs, text_of, virtual_loop};

#[test]
fn a_spawner_works_while_the_loop_runs_and_from_plain_calls_and_between_runs() {
    let mut event_loop = virtual_loop();
    let spawner = event_loop.spawner();
    let between = spawner.spawn_named("between", async { note("between") });
    assert_eq!(&*between.name(), "between");
    let inside = spawner.clone();
    spawner.call_soon(move || {
        note("call");
        inside.spawn(async { note("from the call") }).detach();
    });
    let inside = spawner.clone();
    event_loop.block_on(async move {
        let task = inside.spawn(async {
            note("while it runs");
            7
        });
        note(text_of(task.await));
    });
    assert_eq!(
        log(),
        ["between", "call", "from the call", "while it runs", "Ok(7)"]
    );
}

#[test]
fn code_written_for_any_executor_can_spawn_here() {
    let mut event_loop = virtual_loop();
    let spawner = event_loop.spawner();
    spawner.spawn_local(async { note("spawned") }).unwrap();
    let handle = spawner.spawn_local_with_handle(async { 5 }).unwrap();
    note(event_loop.block_on(handle));
    assert_eq!(log(), ["spawned", "5"]);
    assert!(spawner.status_local().is_ok());
    drop(event_loop);
    assert!(spawner.status_local().is_err());
    assert!(spawner.spawn_local(async {}).unwrap_err().is_shutdown());
}

#[test]
fn metrics_count_what_the_loop_has_done_and_holds() {
    let mut stage = Stage::new();
    let before = stage.event_loop.metrics();
    for _ in 0..3 {
        stage.spawn(nap(1.0)).detach();
    }
    stage.spawn(async { yield_now().await }).detach();
    assert_eq!(stage.event_loop.metrics().live_tasks, 4);
    stage.settle();
    let now = stage.event_loop.metrics();
    assert_eq!(now.rounds - before.rounds, 2);
    assert_eq!(now.polls - before.polls, 5);
    assert_eq!(now.spawned - before.spawned, 4);
    assert_eq!((now.live_tasks, now.armed_timers), (3, 3));
    assert!(now.wakes > before.wakes);
    assert_eq!((now.remote_wakes, now.parked), (0, Duration::ZERO));
    stage.round();
    let now = stage.event_loop.metrics();
    assert_eq!((now.live_tasks, now.armed_timers), (0, 0));
}

#[test]
fn metrics_are_exact_in_a_loop_without_an_observer() {
    let mut event_loop = EventLoop::builder().manual_time().build();
    let kept = event_loop
        .spawner()
        .spawn_named("kept", std::future::pending::<()>());
    for _ in 0..3 {
        event_loop.spawn(yield_now()).detach();
    }
    event_loop.run_until_stalled();
    let now = event_loop.metrics();
    assert_eq!((now.rounds, now.polls, now.wakes), (2, 7, 3));
    assert_eq!((now.spawned, now.live_tasks), (4, 1));
    assert!(kept.cancel());
    event_loop.run_until_stalled();
    let now = event_loop.metrics();
    assert_eq!((now.rounds, now.polls, now.wakes), (3, 7, 4));
    assert_eq!((now.spawned, now.live_tasks), (4, 0));
}

#[test]
fn children_of_a_gather_or_a_wait_for_all_that_end_one_by_one_wake_its_task_once() {
    let polls = |main: Pin<Box<dyn Future<Output = ()>>>| {
        let mut event_loop = virtual_loop();
        event_loop.block_on(main);
        event_loop.metrics().polls
    };
    let naps = |children: u32| (0..children).map(|n| nap(1.0 + f64::from(n)));
    let gathers = |n| {
        polls(Box::pin(async move {
            drop(gather(naps(n).collect::<Vec<_>>()).await)
        }))
    };
    let waits = |n| {
        polls(Box::pin(
            async move { drop(wait(naps(n).map(spawn)).await) },
        ))
    };
    // Each child is polled when it begins and when its nap is over.
    assert_eq!(gathers(10) - gathers(5), 2 * 5);
    assert_eq!(waits(10) - waits(5), 2 * 5);
}

#[test]
fn the_id_of_a_task_is_printed_without_its_name() {
    let event_loop = virtual_loop();
    let (first, second) = (event_loop.spawn(async {}), event_loop.spawn(async {}));
    let [first, second] = [first.id(), second.id()].map(|id| format!("{id:?}"));
    assert!(
        first.starts_with("TaskId(") && first.ends_with(".1.0)"),
        "{first}"
    );
    assert!(second.ends_with(".2.0)"), "{second}");
}

#[test]
fn what_leads_into_a_loop_can_be_printed() {
    assert_eq!(format!("{:?}", EventLoop::builder()), "Builder { .. }");
    let event_loop = virtual_loop();
    let spawner = event_loop.spawner();
    assert_eq!(format!("{spawner:?}"), "Spawner { .. }");
    assert_eq!(format!("{:?}", event_loop.remote()), "Remote { .. }");
    let call = spawner.call_soon(|| ());
    assert_eq!(format!("{call:?}"), "CallHandle { .. }");
    let task = event_loop.spawn(async {}).task();
    let text = format!("EventLoop {{ tasks: [{task:?}], .. }}");
    assert_eq!(format!("{event_loop:?}"), text);
}

#[test]
fn the_next_deadline_is_exact_and_skips_cancelled_timers() {
    let mut event_loop = virtual_loop();
    assert_eq!(event_loop.next_deadline(), None);
    let start = event_loop.block_on(async {
        let soon = call_later(secs(1.0), || ());
        call_later(Duration::from_nanos(2_000_000_001), || ());
        call_later(Duration::MAX, || ());
        soon.cancel();
        looplet::now()
    });
    let exact = start + Duration::from_nanos(2_000_000_001);
    assert_eq!(event_loop.next_deadline(), Some(exact));
    event_loop.advance(secs(2.0));
    assert_eq!(event_loop.next_deadline(), Some(exact));
    event_loop.advance(Duration::from_nanos(1));
    assert_eq!(event_loop.next_deadline(), None);
}

#[test]
fn advance_gives_every_timer_its_own_time_and_runs_what_they_make_ready() {
    let mut event_loop = virtual_loop();
    let task = event_loop.spawn(async {
        for n in 1..=3 {
            nap(1.0).await;
            let after = call_later(secs(0.5), move || note(format_args!("after {n}")));
            drop(after);
            note(n);
        }
    });
    event_loop.advance(secs(2.0));
    assert_eq!(log(), ["1", "after 1", "2"]);
    event_loop.advance(secs(2.0));
    assert_eq!(log(), ["after 2", "3", "after 3"]);
    assert!(task.is_finished());
}

#[test]
fn a_loop_lists_its_unfinished_tasks_in_spawn_order() {
    let mut stage = Stage::new();
    let tasks = [
        stage.spawn(nap(1.0)),
        stage.spawn(async {}),
        stage.spawn(nap(2.0)),
    ];
    let views: Vec<Task> = tasks.iter().map(JoinHandle::task).collect();
    assert_eq!(stage.event_loop.tasks(), views);
    stage.settle();
    assert_eq!(
        stage.event_loop.tasks(),
        [views[0].clone(), views[2].clone()]
    );
}

#[test]
fn tasks_and_their_ids_can_be_compared_hashed_and_ordered() {
    fn is_plain<T: Copy + Eq + Hash + Ord>() {}
    fn is_shareable<T: Send + Sync + std::error::Error>() {}
    is_plain::<TaskId>();
    is_shareable::<JoinError>();
    is_shareable::<LoopGone>();
    play(async {
        let handles = [spawn(async {}), spawn_named("n", async {}), spawn(async {})];
        let ids: HashSet<TaskId> = handles.iter().map(JoinHandle::id).collect();
        assert_eq!(ids.len(), 3);
        assert!(handles.is_sorted_by_key(JoinHandle::id));
        let tasks: HashSet<Task> = all_tasks().into_iter().collect();
        assert!(tasks.contains(&handles[1].task()) && tasks.contains(&current_task()));
        assert_eq!(handles[2].task(), handles[2].task().clone());
        assert_ne!(handles[0].task(), handles[1].task());
        let hashes: HashSet<u64> = tasks
            .iter()
            .map(|task| tasks.hasher().hash_one(task))
            .collect();
        assert_eq!(hashes.len(), tasks.len(), "tasks that differ share a hash");
    });
}

#[test]
fn a_handle_outlives_its_loop_with_its_result() {
    let mut event_loop = EventLoop::new();
    let task = event_loop.spawn(async { Guard("result") });
    event_loop.run_until_stalled();
    drop(log());
    let view = task.task();
    drop(event_loop);
    assert!(log().is_empty());
    let mut task = task;
    note("taken");
    drop(task.try_join());
    assert_eq!(log(), ["taken", "result"]);
    assert!(view.is_finished() && !view.is_cancelled() && !view.cancel());
    assert_eq!(&*view.name(), "Task-1");
}
