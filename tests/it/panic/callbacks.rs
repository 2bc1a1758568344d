//! Panics in closures and iterators that users hand to the loop, when they run and when they are dropped instead. Each
//! is one panic at its caller, or one report; the loop and all other tasks go on.

use std::cell::Cell;
use std::future::pending;
use std::iter;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use looplet::{
    Condition, EventLoop, Mutex, TaskGroup, as_completed, call_later, call_soon, sleep, spawn,
    spawn_blocking, task_group, wait, yield_now,
};

use crate::support::probes::{
    OnDrop, assert_alive, fatal, fatal_anywhere, listening, virtual_loop,
};
use crate::support::{panic_text, panics};

// Closures that are dropped unrun.

#[test]
fn calls_that_are_cancelled_are_dropped_whatever_their_destructors_do() {
    let (mut event_loop, reports) = virtual_loop();
    let drops = Rc::new(Cell::new(0));
    event_loop.block_on(async {
        let (soon, later) = (fatal(&drops), fatal(&drops));
        assert!(call_soon(move || drop(soon)).cancel());
        assert!(call_later(Duration::from_secs(9), move || drop(later)).cancel());
    });
    assert_eq!((drops.get(), reports.borrow().len()), (2, 2));
    assert_alive(&mut event_loop);
}

#[test]
fn calls_and_callbacks_that_go_with_the_loop_are_all_dropped_whatever_their_destructors_do() {
    let (event_loop, reports) = virtual_loop();
    let drops = Rc::new(Cell::new(0));
    let task = event_loop.spawn(pending::<()>());
    let spawner = event_loop.spawner();
    for _ in 0..2 {
        let (callback, call) = (fatal(&drops), fatal(&drops));
        task.on_done(move |_| drop(callback));
        let _ = spawner.call_soon(move || drop(call));
    }
    drop(event_loop);
    assert!(task.is_cancelled());
    assert_eq!((drops.get(), reports.borrow().len()), (4, 4));
}

#[test]
fn a_job_that_is_withdrawn_is_dropped_whatever_its_destructor_does() {
    let (mut event_loop, reports) = listening(EventLoop::builder().blocking_threads(1));
    let drops = Arc::new(AtomicUsize::new(0));
    let held = fatal_anywhere(&drops);
    event_loop.block_on(async {
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let first = spawn_blocking(move || gate.recv());
        let second = spawn_blocking(move || drop(held));
        second.cancel();
        let error = second.await.unwrap_err();
        assert!(error.is_panic(), "{error}");
        drop(open);
        assert!(first.await.unwrap().is_err());
        assert_eq!(spawn_blocking(|| 1).await.unwrap(), 1);
    });
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    assert!(reports.borrow().is_empty());
}

#[test]
fn errands_that_a_dead_loop_refuses_are_dropped_whatever_their_destructors_do() {
    let event_loop = EventLoop::new();
    let remote = event_loop.remote();
    drop(event_loop);
    let drops = Arc::new(AtomicUsize::new(0));
    let (task, call) = (fatal_anywhere(&drops), fatal_anywhere(&drops));
    assert!(remote.spawn(move || async { drop(task) }).is_err());
    assert!(remote.call_soon(move || drop(call)).is_err());
    assert_eq!(drops.load(Ordering::SeqCst), 2);
}

// Closures and iterators that panic when they run.

#[test]
fn the_panic_of_a_closure_of_another_thread_or_of_its_future_reaches_its_handle() {
    let (mut event_loop, reports) = listening(EventLoop::builder());
    let remote = event_loop.remote();
    let thread = thread::spawn(move || {
        let closure = remote.spawn(|| -> std::future::Ready<()> { panic!("the closure") });
        let future = remote.spawn(|| async { panic!("the future") });
        let outputs = [
            closure.unwrap(),
            future.map(|it: looplet::RemoteHandle<()>| it).unwrap(),
        ]
        .map(|task| task.join().unwrap_err().to_string());
        remote.call_soon(|| panic!("the call")).unwrap();
        remote.spawn(|| async {}).unwrap().join().unwrap();
        outputs
    });
    event_loop.block_on(async {
        while !thread.is_finished() {
            sleep(Duration::from_millis(1)).await;
        }
    });
    let [closure, future] = thread.join().unwrap();
    assert!(closure.contains("the closure") && future.contains("the future"));
    assert_eq!(reports.borrow().len(), 1, "{reports:?}");
}

#[test]
fn an_iterator_of_handles_that_panics_detaches_those_it_gave() {
    let (mut event_loop, reports) = virtual_loop();
    let ends = Rc::new(Cell::new(0));
    let handles = || {
        let ends = ends.clone();
        let mut left = 2;
        iter::from_fn(move || {
            assert!(left > 0, "no more handles");
            left -= 1;
            let ends = ends.clone();
            Some(spawn(async move {
                yield_now().await;
                ends.set(ends.get() + 1);
            }))
        })
    };
    event_loop.block_on(async {
        assert_eq!(panic_text(|| wait(handles())).unwrap(), "no more handles");
        assert_eq!(
            panic_text(|| as_completed(handles())).unwrap(),
            "no more handles"
        );
    });
    assert_alive(&mut event_loop);
    assert_eq!((ends.get(), reports.borrow().len()), (4, 0));
}

#[test]
fn a_predicate_that_panics_leaves_the_lock_and_the_condition_to_others() {
    let (mut event_loop, reports) = virtual_loop();
    event_loop.block_on(async {
        let shared = Rc::new((Mutex::new(0), Condition::new()));
        let waiter = |limit: i32| {
            let shared = shared.clone();
            spawn(async move {
                let guard = shared.0.lock().await;
                let refuse = |value: &mut i32| {
                    assert!(*value < limit, "too much");
                    *value < 3
                };
                *shared.1.wait_while(guard, refuse).await
            })
        };
        let (weak, strong) = (waiter(2), waiter(9));
        for value in 1..4 {
            yield_now().await;
            yield_now().await;
            *shared.0.lock().await = value;
            shared.1.notify_all();
        }
        assert!(weak.await.unwrap_err().is_panic());
        assert_eq!(strong.await.unwrap(), 3);
        assert!(!shared.0.is_locked());
    });
    assert!(reports.borrow().is_empty());
}

#[test]
fn a_group_whose_body_panics_at_once_or_whose_future_cannot_be_made_does_no_harm() {
    let (mut event_loop, reports) = virtual_loop();
    let drops = Rc::new(Cell::new(0));
    let text = event_loop.block_on(async {
        let held = fatal(&drops);
        let body = async |group: &TaskGroup<()>| -> Result<(), ()> {
            let drops = Rc::new(Cell::new(0));
            let child = OnDrop(move || drops.set(1));
            group
                .spawn(async move {
                    let _child = child;
                    pending::<Result<(), ()>>().await
                })
                .detach();
            panic!("in the body")
        };
        let parent = spawn(async move { task_group(body).await.is_ok() });
        // Never polled: its body goes as it came.
        let unused = task_group(async move |_: &TaskGroup<()>| Ok::<_, ()>(held));
        assert!(panics(|| drop(unused)));
        parent.await.unwrap_err().to_string()
    });
    assert!(text.contains("in the body"), "{text}");
    assert_eq!((drops.get(), reports.borrow().len()), (1, 0));
    assert_eq!(event_loop.metrics().live_tasks, 0);
}
