//! Tasks that are made, polled or dropped while their loop goes, or after it has gone. Meant to be run under the address
//! sanitizer: most of what goes wrong here is a use of freed memory.

#![allow(clippy::async_yields_async)] // Futures leave their loop here on purpose.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use crate::support::probes::{Ledger, OnDrop, virtual_loop};
use looplet::{
    EventLoop, Task, TaskEvent, TaskGroup, all_tasks, as_completed, current_task, dump, gather,
    spawn, spawn_eager, task_group, timeout, try_current_task, try_gather, yield_now,
};

type Place<T> = Rc<RefCell<Option<T>>>;

/// A group whose loop is gone.
fn group_of_a_dead_loop() -> TaskGroup<()> {
    let kept = Place::default();
    let place = kept.clone();
    EventLoop::new()
        .block_on(task_group(async |group: &TaskGroup<()>| {
            *place.borrow_mut() = Some(group.clone());
            Ok(())
        }))
        .unwrap();
    kept.take().unwrap()
}

/// A future that never ends and calls `f` when it is dropped.
fn calls_when_dropped<T>(f: impl FnMut()) -> impl Future<Output = T> {
    let on_drop = OnDrop(f);
    async move {
        let _on_drop = on_drop;
        pending().await
    }
}

/// A waker that wakes nothing and drops `value` with its last clone, on this thread.
fn dropping(value: impl Sized + 'static) -> Waker {
    thread_local!(static VALUES: RefCell<Vec<Option<Box<dyn Any>>>> = const { RefCell::new(Vec::new()) });

    struct Holder(usize);

    impl Wake for Holder {
        fn wake(self: Arc<Self>) {}
    }

    impl Drop for Holder {
        fn drop(&mut self) {
            let value = VALUES.with(|values| values.borrow_mut()[self.0].take());
            drop(value);
        }
    }

    VALUES.with(|values| {
        let mut values = values.borrow_mut();
        values.push(Some(Box::new(value)));
        Waker::from(Arc::new(Holder(values.len() - 1)))
    })
}

fn idle_loop() -> Place<EventLoop> {
    Rc::new(RefCell::new(Some(EventLoop::new())))
}

#[test]
fn the_destructor_of_a_future_that_a_dead_loop_refuses_may_look_at_its_task() {
    let looks: [fn(); 4] = [
        || drop(try_current_task()),
        || drop(all_tasks()),
        || drop(dump()),
        || drop((current_task().clone(), current_task().name())),
    ];
    for look in looks {
        let handle = group_of_a_dead_loop().spawn(calls_when_dropped::<Result<(), ()>>(look));
        assert_eq!(format!("{handle:?}"), "<Task cancelled name='Task-2'>");
    }
}

#[test]
fn the_destructor_of_a_future_that_a_dead_loop_refuses_may_cancel_and_keep_its_task() {
    let kept = Place::<Task>::default();
    let group = group_of_a_dead_loop();
    for _ in 0..3 {
        let place = kept.clone();
        let handle = group.spawn(calls_when_dropped::<Result<(), ()>>(move || {
            let task = current_task();
            task.cancel();
            *place.borrow_mut() = Some(task);
        }));
        drop(handle);
        assert!(kept.take().unwrap().is_cancelled());
    }
}

#[test]
fn the_destructor_of_a_call_that_a_dead_loop_refuses_may_spawn_and_look() {
    let spawner = EventLoop::new().spawner();
    let again = spawner.clone();
    let on_drop = OnDrop(move || {
        let handle = again.spawn(calls_when_dropped::<()>(|| ()));
        assert!(handle.is_cancelled());
        assert!(try_current_task().is_none());
    });
    let call = spawner.call_soon(move || drop(on_drop));
    assert!(!call.cancel());
}

#[test]
fn a_child_of_a_gather_that_is_dropped_outside_may_drop_the_loop_and_spawn() {
    let place = idle_loop();
    let victim = place.clone();
    let kept = Place::<Task>::default();
    let seen = kept.clone();
    let group = place.borrow_mut().as_mut().unwrap().block_on(async move {
        gather([calls_when_dropped::<()>(move || {
            drop(victim.take());
            let late = spawn(calls_when_dropped::<()>(|| {
                current_task().cancel();
                drop(all_tasks());
            }));
            assert!(late.is_cancelled());
            current_task().cancel();
            *seen.borrow_mut() = Some(late.task());
        })])
    });
    drop(group);
    assert!(kept.take().unwrap().is_cancelled());
}

#[test]
fn as_completed_yields_a_task_that_the_destructor_of_its_former_waker_ends() {
    for drops_the_loop in [false, true] {
        let place = idle_loop();
        let spawner = place.borrow().as_ref().unwrap().spawner();
        let tasks: Vec<_> = (0..3).map(|_| spawner.spawn(pending::<()>())).collect();
        let victim = place.clone();
        let ends = OnDrop({
            let tasks: Vec<_> = tasks.iter().map(|handle| handle.task()).collect();
            move || {
                if drops_the_loop {
                    drop(victim.take());
                } else if let Some(event_loop) = &mut *victim.borrow_mut() {
                    tasks[1].cancel();
                    tasks[0].cancel();
                    event_loop.run_until_stalled();
                }
            }
        });
        let waker = dropping(ends);
        let mut tasks = tasks;
        let polled = pin!(&mut tasks[0]).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        drop(waker);
        let mut completed = as_completed(tasks);
        let mut ended = 0;
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(result)) = pin!(completed.next()).poll(&mut cx) {
            assert!(result.unwrap_err().is_cancelled());
            ended += 1;
        }
        assert_eq!(ended, if drops_the_loop { 3 } else { 2 });
    }
}

#[test]
fn an_observer_may_drop_the_loop_at_the_birth_of_a_task_that_is_refused() {
    let place = Place::<EventLoop>::default();
    let victim = place.clone();
    let observer = move |_: Instant, task: &Task, event: TaskEvent<'_>| {
        if matches!(event, TaskEvent::Spawned(_)) && &*task.name() != "Task-1" {
            drop(victim.take());
        }
    };
    let mut event_loop = EventLoop::builder().observer(observer).build();
    let kept = Place::default();
    let group = kept.clone();
    event_loop
        .block_on(task_group(async |it: &TaskGroup<()>| {
            it.cancel();
            *group.borrow_mut() = Some(it.clone());
            Ok(())
        }))
        .unwrap();
    *place.borrow_mut() = Some(event_loop);
    let ledger = Ledger::default();
    let entry = ledger.entry();
    let group: TaskGroup<()> = kept.take().unwrap();
    let handle = group.spawn(async move {
        let _entry = entry;
        Ok(())
    });
    assert!(handle.is_cancelled());
    assert!(place.borrow().is_none());
    ledger.settle();
}

#[test]
fn a_task_whose_eager_poll_drops_the_loop_is_cancelled_when_the_poll_returns() {
    let place = idle_loop();
    let victim = place.clone();
    let ledger = Ledger::default();
    let entry = ledger.entry();
    let kept = Place::<Task>::default();
    let seen = kept.clone();
    let mut future = Some(async move {
        let _entry = entry;
        drop(victim.take());
        pending::<()>().await;
    });
    let group = place.borrow_mut().as_mut().unwrap().block_on(async {
        gather([calls_when_dropped::<()>(move || {
            let handle = spawn_eager(future.take().unwrap());
            *seen.borrow_mut() = Some(handle.task());
        })])
    });
    drop(group);
    ledger.settle();
    assert!(kept.take().unwrap().is_cancelled());
}

#[test]
fn dropping_an_unfinished_gather_does_not_wake_the_task_that_drops_it() {
    let order = Rc::new(RefCell::new(Vec::new()));
    let polls = Cell::new(0);
    let note = |name: &'static str| {
        let order = order.clone();
        move || order.borrow_mut().push(name)
    };
    virtual_loop().0.block_on(async {
        let first = gather((pending::<()>(), pending::<()>()));
        assert!(timeout(Duration::ZERO, first).await.is_err());
        let second = try_gather([pending::<Result<(), ()>>()]);
        assert!(timeout(Duration::ZERO, second).await.is_err());
        let spawned = note("spawned before");
        let _task = spawn(async move { spawned() });
        yield_now().await;
        note("after the yield")();
        let mut woken = pin!(yield_now());
        poll_fn(|cx| {
            polls.set(polls.get() + 1);
            woken.as_mut().poll(cx)
        })
        .await;
    });
    assert_eq!(*order.borrow(), ["spawned before", "after the yield"]);
    assert_eq!(polls.get(), 2);
}

#[test]
fn a_panic_in_the_destructor_of_an_unread_output_is_reported_and_spares_the_dropping_task() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let reports = seen.clone();
    let mut event_loop = EventLoop::builder()
        .on_unhandled_panic(move |task, error| {
            let name = task.map(|task| task.name().to_string());
            reports.borrow_mut().push((name, error.to_string()));
        })
        .build();
    event_loop.block_on(async {
        let task = spawn(async { OnDrop(|| panic!("bad output")) });
        yield_now().await;
        drop(task);
        let task = spawn(async { OnDrop(|| panic!("bad output")) });
        yield_now().await;
        task.detach();
    });
    let names: Vec<_> = seen.take();
    assert_eq!(names.len(), 2);
    assert_eq!(names[0].0.as_deref(), Some("Task-2"));
    assert!(names[1].1.contains("bad output"), "{names:?}");
}

#[test]
fn a_panic_in_the_destructor_of_a_waker_spares_the_task_that_drops_the_handle() {
    let count = Rc::new(Cell::new(0));
    let reports = count.clone();
    let mut event_loop = EventLoop::builder()
        .on_unhandled_panic(move |_, _| reports.set(reports.get() + 1))
        .build();
    event_loop.block_on(async {
        let mut task = spawn(pending::<()>());
        let waker = dropping(OnDrop(|| panic!("bad waker")));
        let polled = pin!(&mut task).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        drop(waker);
        drop(task);
    });
    assert_eq!(count.get(), 1);
}

#[test]
fn a_handle_and_a_task_may_cross_a_caught_panic() {
    let event_loop = EventLoop::new();
    let handle = event_loop.spawn(async {});
    let task = handle.task();
    let caught = catch_unwind(|| {
        assert!(!handle.is_finished() && !task.is_finished());
        panic!("caught");
    });
    assert!(caught.is_err());
    let moved = catch_unwind(AssertUnwindSafe(move || drop(event_loop)));
    assert!(moved.is_ok());
    assert!(handle.is_cancelled());
}
