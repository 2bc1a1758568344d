//! A loop that ends: what destructors do to it meanwhile, and what outlives it.

#![allow(clippy::async_yields_async)] // Futures leave their loop here on purpose.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::panic;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use looplet::{EventLoop, JoinHandle, call_later, call_soon, gather, sleep, spawn, yield_now};

use crate::support::Trace;
use crate::support::probes::{Ledger, OnDrop};

/// A task that waits for ever and calls `f` when its future is dropped.
fn at_end(event_loop: &EventLoop, f: impl FnMut() + 'static) -> JoinHandle<()> {
    let guard = OnDrop(f);
    event_loop.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    })
}

#[test]
fn a_destructor_may_wake_cancel_and_detach_others_while_the_loop_is_dropped() {
    let mut event_loop = EventLoop::new();
    let ledger = Ledger::default();
    let place = Rc::new(RefCell::new(Vec::new()));
    let others = place.clone();
    at_end(&event_loop, move || {
        for (handle, waker) in others.borrow_mut().drain(..) {
            let (handle, waker): (JoinHandle<()>, Waker) = (handle, waker);
            waker.wake_by_ref();
            assert!(handle.cancel());
            waker.wake();
            drop(handle);
        }
    })
    .detach();
    for _ in 0..3 {
        let entry = ledger.entry();
        let wakers = Rc::new(Cell::new(None));
        let there = wakers.clone();
        let handle = event_loop.spawn(poll_fn(move |cx| {
            let _ = &entry;
            there.set(Some(cx.waker().clone()));
            Poll::<()>::Pending
        }));
        event_loop.run_until_stalled();
        place.borrow_mut().push((handle, wakers.take().unwrap()));
    }
    drop(event_loop);
    assert!(place.borrow().is_empty());
    ledger.settle();
}

#[test]
fn what_a_destructor_spawns_while_the_loop_is_dropped_is_dropped_at_once() {
    let mut event_loop = EventLoop::new();
    let trace = Trace::default();
    let spawner = event_loop.spawner();
    let ledger = Ledger::default();
    let (notes, made) = (trace.clone(), ledger.clone());
    at_end(&event_loop, move || {
        let (entry, late) = (made.entry(), notes.clone());
        let task = spawn(async move {
            let _entry = entry;
            late.note("never");
        });
        notes.note(format!("{:?}", task.is_cancelled()));
        let entry = made.entry();
        let nested = OnDrop({
            let (notes, made) = (notes.clone(), made.clone());
            move || {
                notes.note("nested");
                let entry = made.entry();
                call_soon(move || drop(entry));
            }
        });
        call_soon(move || drop((entry, nested)));
        let entry = made.entry();
        call_later(Duration::from_secs(1), move || drop(entry));
        let entry = made.entry();
        spawner.spawn(async move { drop(entry) }).detach();
        let entries = [made.entry(), made.entry()];
        drop(gather(entries.map(|entry| async move { drop(entry) })));
        notes.note(looplet::all_tasks().len());
    })
    .detach();
    event_loop.run_until_stalled();
    drop(event_loop);
    assert_eq!(trace.take(), ["true", "1", "nested"]);
    assert_eq!(ledger.made(), 7);
    ledger.settle();
}

#[test]
fn callbacks_of_tasks_that_the_loop_ends_are_dropped_uncalled() {
    let mut event_loop = EventLoop::new();
    let ledger = Ledger::default();
    let handle = at_end(&event_loop, || ());
    let entry = ledger.entry();
    handle.on_done(move |_| {
        drop(entry);
        unreachable!("the loop is gone");
    });
    event_loop.run_until_stalled();
    drop(event_loop);
    ledger.settle();
    assert!(handle.is_cancelled());
    let entry = ledger.entry();
    handle.on_done(move |_| drop(entry));
    ledger.settle();
}

#[test]
fn handles_tasks_calls_and_spawners_outlive_their_loop() {
    let mut event_loop = EventLoop::builder().virtual_time().build();
    let spawner = event_loop.spawner();
    let ledger = Ledger::default();
    let entry = ledger.entry();
    let finished = event_loop.spawn(async move { entry });
    let panicked = event_loop.spawn(async { panic!("seen later") });
    let waiting = event_loop.spawn(pending::<()>());
    let task = waiting.task();
    let entry = ledger.entry();
    let (call, alarm) = event_loop.block_on(async {
        yield_now().await;
        let call = call_soon(|| ());
        (
            call,
            call_later(Duration::from_secs(1), move || drop(entry)),
        )
    });
    let group = event_loop.block_on(async { gather([pending::<()>(), pending()]) });
    let nap = event_loop.block_on(async {
        let mut nap = Box::pin(sleep(Duration::from_secs(5)));
        let polled = nap.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        nap
    });
    drop(event_loop);

    assert!(!call.cancel() && !alarm.cancel());
    assert_eq!(ledger.dropped(), 1);
    drop((group, nap));
    assert!(task.is_cancelled() && !task.cancel() && !waiting.cancel());
    assert_eq!(task, waiting.task());
    task.set_name("late");
    assert_eq!(format!("{waiting:?}"), "<Task cancelled name='late'>");
    let polled = |mut handle: JoinHandle<()>| {
        let polled = pin!(&mut handle).poll(&mut Context::from_waker(Waker::noop()));
        let Poll::Ready(result) = polled else {
            panic!("it is pending")
        };
        result
    };
    assert!(polled(waiting).unwrap_err().is_cancelled());
    let error: looplet::JoinError = {
        let mut panicked = panicked;
        panicked.try_join().unwrap().unwrap_err()
    };
    assert_eq!(error.to_string(), "task 'Task-2' panicked: seen later");
    drop(finished);

    let entry = ledger.entry();
    let late = spawner.spawn(async move { drop(entry) });
    assert!(late.is_cancelled());
    let entry = ledger.entry();
    let named = spawner.spawn_named("late too", async move { drop(entry) });
    assert_eq!(
        format!("{:?}", named.task()),
        "<Task cancelled name='late too'>"
    );
    let entry = ledger.entry();
    assert!(!spawner.call_soon(move || drop(entry)).cancel());
    spawner.stop();
    let again = late.task();
    drop((late, named, spawner));
    assert!(again.clone().is_cancelled());
    ledger.settle();
}

#[test]
fn a_loop_may_be_dropped_in_a_task_of_another() {
    let trace = Trace::default();
    let notes = trace.clone();
    looplet::run(async move {
        let inner = EventLoop::new();
        let tick = notes.clone();
        at_end(&inner, move || {
            let name = |task: Option<looplet::Task>| task.map(|task| task.name().to_string());
            tick.note(format!("inner: {:?}", name(looplet::try_current_task())));
            spawn(pending::<()>()).detach();
        })
        .detach();
        let own = spawn(pending::<()>());
        drop(inner);
        notes.note(format!("outer: {}", looplet::current_task().name()));
        assert_eq!(looplet::all_tasks().len(), 2);
        own.cancel();
    });
    assert_eq!(trace.take(), ["inner: Some(\"Task-1\")", "outer: Task-1"]);
}
