//! Which events an observer receives, in which order, and that nothing it does harms the loop.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::time::{Duration, Instant};

use looplet::{
    Builder, EventLoop, Task, TaskEvent, gather, sleep, spawn, spawn_eager, spawn_named, yield_now,
};

use crate::support::observed::{Log, observed};

#[test]
fn the_life_of_a_task_is_reported_from_spawn_to_end() {
    let (mut event_loop, log) = observed();
    event_loop.block_on(async {
        let child = spawn_named("child", sleep(Duration::from_secs(1)));
        child.await.unwrap();
    });
    assert_eq!(
        log.take(),
        [
            "Task-1 spawned by Outside",
            "Task-1 PollBegins",
            "child spawned by Task-1",
            "Task-1 PollEnds",
            "Task-1 waits for Result",
            "child PollBegins",
            "child PollEnds",
            "child waits for Until",
            "child WaitEnds",
            "child queued by Timer",
            "child PollBegins",
            "child Finished",
            "Task-1 WaitEnds",
            "Task-1 queued by child",
            "child PollEnds",
            "Task-1 PollBegins",
            "Task-1 Finished",
            "Task-1 PollEnds",
        ]
    );
}

#[test]
fn who_yields_is_queued_by_itself_and_does_not_wait() {
    let (mut event_loop, log) = observed();
    event_loop.block_on(yield_now());
    assert_eq!(
        log.take()[1..5],
        [
            "Task-1 PollBegins",
            "Task-1 WaitEnds",
            "Task-1 queued by Task-1",
            "Task-1 PollEnds"
        ]
    );
}

#[test]
fn an_eager_task_is_polled_inside_of_its_spawner() {
    let (mut event_loop, log) = observed();
    event_loop.block_on(async {
        assert_eq!(spawn_eager(async { 1 }).await.unwrap(), 1);
    });
    assert_eq!(
        log.take()[1..6],
        [
            "Task-1 PollBegins",
            "Task-2 spawned by Task-1",
            "Task-2 PollBegins",
            "Task-2 Finished",
            "Task-2 PollEnds",
        ]
    );
}

#[test]
fn cancelled_and_panicked_ends_are_reported() {
    let (mut event_loop, log) = observed();
    event_loop.block_on(async {
        let cancelled = spawn_named("cancelled", pending::<()>());
        let panicked = spawn_named("panicked", async { panic!("no salt") });
        yield_now().await;
        cancelled.cancel();
        assert!(cancelled.await.is_err());
        assert!(panicked.await.is_err());
    });
    let log = log.take();
    let has = |line: &str| assert!(log.iter().any(|it| it == line), "{line}: {log:#?}");
    has("cancelled queued by Task-1");
    has("cancelled Cancelled");
    has("Task-1 queued by cancelled");
    has("panicked Panicked");
}

#[test]
fn tasks_that_end_with_their_loop_are_reported() {
    let (mut event_loop, log) = observed();
    event_loop.block_on(async {
        spawn_named("left", pending::<()>()).detach();
        yield_now().await;
    });
    drop(event_loop);
    assert_eq!(log.take().last().unwrap(), "left Cancelled");
}

#[test]
fn a_panicking_observer_is_not_called_any_more_and_does_no_harm() {
    let events = Rc::new(Cell::new(0));
    let count = events.clone();
    let observer = move |_: Instant, _: &Task, _: TaskEvent<'_>| {
        count.set(count.get() + 1);
        assert!(count.get() < 5, "as asked");
    };
    let mut event_loop = EventLoop::builder()
        .virtual_time()
        .observer(observer)
        .build();
    let sum = event_loop.block_on(async {
        let parts = gather([1, 2, 3].map(|n| async move {
            sleep(Duration::from_secs(n)).await;
            n
        }));
        parts.await.iter().sum::<u64>()
    });
    assert_eq!((sum, events.get()), (6, 5));
}

#[test]
fn what_an_observer_does_to_the_loop_is_not_observed() {
    let depth = Rc::new(Cell::new(0));
    let deepest = depth.clone();
    let observer = move |_: Instant, _: &Task, event: TaskEvent<'_>| {
        deepest.set(deepest.get() + 1);
        if let TaskEvent::PollBegins = event {
            spawn(async {}).detach();
        }
    };
    let mut event_loop = EventLoop::builder().observer(observer).build();
    event_loop.block_on(async {});
    assert!(depth.get() < 20);
}

#[test]
fn an_observer_that_holds_its_loop_goes_with_it() {
    let witness = Rc::new(());
    let spawner = Rc::new(RefCell::new(None::<looplet::Spawner>));
    let (held, kept) = (spawner.clone(), witness.clone());
    let observer = move |_: Instant, _: &Task, _: TaskEvent<'_>| {
        let _ = (&held, &kept);
    };
    let event_loop = EventLoop::builder().observer(observer).build();
    *spawner.borrow_mut() = Some(event_loop.spawner());
    drop(event_loop);
    assert_eq!(Rc::strong_count(&witness), 1);
}

#[test]
fn a_second_observer_is_called_after_the_first() {
    let order = Log::default();
    let note = |name: &'static str| {
        let order = order.clone();
        move |_: Instant, _: &Task, event: TaskEvent<'_>| {
            if let TaskEvent::PollBegins = event {
                order.borrow_mut().push(name.into());
            }
        }
    };
    let builder = EventLoop::builder()
        .observer(note("first"))
        .observer(note("second"));
    builder.build().block_on(async {});
    assert_eq!(order.take(), ["first", "second"]);
}

#[test]
fn a_program_runs_the_same_with_and_without_an_observer() {
    fn run(builder: Builder) -> Vec<u64> {
        let order = Rc::new(RefCell::new(Vec::new()));
        builder.virtual_time().build().block_on(async {
            let tasks: Vec<_> = (0..20)
                .map(|n| {
                    let order = order.clone();
                    spawn(async move {
                        for step in 0..5 {
                            order.borrow_mut().push(n * 10 + step);
                            match (n + step) % 3 {
                                0 => yield_now().await,
                                1 => sleep(Duration::from_millis(n % 4)).await,
                                _ => drop(spawn(async {}).await),
                            }
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        order.take()
    }
    let plain = run(EventLoop::builder());
    let observed = run(EventLoop::builder().observer(|_: Instant, _: &Task, _: TaskEvent<'_>| ()));
    assert_eq!(plain, observed);
}

#[test]
fn a_panic_of_main_passes_through_an_observed_loop() {
    let (mut event_loop, log) = observed();
    let panic = panic::catch_unwind(AssertUnwindSafe(|| {
        event_loop.block_on(async { panic!("burnt") });
    }));
    assert!(panic.is_err());
    assert!(log.take().contains(&"Task-1 Panicked".to_string()));
    assert_eq!(event_loop.block_on(async { 1 }), 1);
}
