//! What is dropped when: the futures of a loop that ends, and what their destructors do to the loop meanwhile.

#![allow(clippy::async_yields_async)] // Futures leave their loop here on purpose.

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use looplet::{EventLoop, JoinHandle, TaskGroup, task_group, yield_now};

use crate::support::probes::{Ledger, OnDrop};

#[test]
fn a_call_that_owns_its_loop_can_be_cancelled() {
    let ledger = Ledger::default();
    let event_loop = EventLoop::new();
    let spawner = event_loop.spawner();
    let task = {
        let entry = ledger.entry();
        event_loop.spawn(async move {
            let _entry = entry;
            pending::<()>().await;
        })
    };
    let late = ledger.clone();
    let again = spawner.clone();
    let at_end = OnDrop(move || {
        let entry = late.entry();
        again.call_soon(move || drop(entry));
        let entry = late.entry();
        again.spawn(async move { drop(entry) }).detach();
    });
    let call = spawner.call_soon(move || drop((event_loop, at_end)));
    assert!(call.cancel());
    assert!(!call.cancel());
    assert!(task.is_cancelled());
    drop((task, spawner));
    assert_eq!(ledger.made(), 3);
    ledger.settle();
}

#[test]
fn a_childs_destructor_may_drop_the_loop() {
    let place = Rc::new(RefCell::new(Some(EventLoop::new())));
    let ledger = Ledger::default();
    let child = |place: Option<Rc<RefCell<Option<EventLoop>>>>| {
        let entry = ledger.entry();
        let at_end = OnDrop(move || {
            if let Some(place) = &place {
                drop(place.take());
            }
        });
        async move {
            let _held = (entry, at_end);
            pending::<()>().await;
        }
    };
    let mut event_loop = place.take().unwrap();
    let group = event_loop.block_on(async {
        let group = looplet::gather([child(None), child(Some(place.clone())), child(None)]);
        looplet::yield_now().await;
        Some(group)
    });
    place.replace(Some(event_loop));
    drop(group);
    assert!(place.borrow().is_none());
    ledger.settle();
}

#[test]
fn a_shutdown_does_not_wait_for_tasks_that_yield_for_ever() {
    let event_loop = EventLoop::new();
    let token = Rc::new(());
    let held = token.clone();
    event_loop
        .spawn(async move {
            let _held = held;
            loop {
                looplet::yield_now().await;
            }
        })
        .detach();
    event_loop.shutdown(Duration::from_millis(5));
    assert_eq!(Rc::strong_count(&token), 1);
}

#[test]
fn a_shutdown_in_manual_time_ends() {
    let event_loop = EventLoop::builder().manual_time().build();
    let ledger = Ledger::default();
    let entry = ledger.entry();
    event_loop
        .spawn(async move {
            let _entry = entry;
            looplet::sleep(Duration::from_secs(1)).await;
        })
        .detach();
    event_loop.shutdown(Duration::from_millis(5));
    ledger.settle();
}

#[test]
fn a_handle_can_be_polled_in_the_destructor_that_has_dropped_the_loop() {
    type Place<T> = Rc<RefCell<Option<T>>>;
    let event_loop = Place::<EventLoop>::default();
    let handle = Place::<JoinHandle<()>>::default();
    let mut running = EventLoop::new();
    let waker = running.block_on(poll_fn(|cx| Poll::Ready(cx.waker().clone())));
    let at_end = OnDrop({
        let (event_loop, handle) = (event_loop.clone(), handle.clone());
        move || {
            // The handle of the task that is being dropped, with a waker of its loop, when that is gone.
            let mut own = handle.take().unwrap();
            let mut cx = Context::from_waker(&waker);
            drop(event_loop.take());
            for _ in 0..3 {
                assert!(Pin::new(&mut own).poll(&mut cx).is_pending());
            }
            drop(own);
            drop(waker.clone());
        }
    });
    let there = handle.clone();
    let mut group: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async move {
        let ended = task_group(async |group: &TaskGroup<()>| {
            let child = group.spawn(async move {
                let _at_end = at_end;
                pending::<()>().await;
                Ok(())
            });
            there.replace(Some(child));
            pending::<Result<(), ()>>().await
        });
        let _ = ended.await;
    });
    running.block_on(async {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(group.as_mut().poll(&mut cx).is_pending());
        yield_now().await;
        yield_now().await;
    });
    event_loop.replace(Some(running));
    drop(group);
    assert!(event_loop.borrow().is_none());
}

#[test]
fn a_loop_that_is_dropped_drops_its_tasks_first_and_then_its_calls() {
    let order = Rc::new(RefCell::new(Vec::new()));
    let noted = |name| {
        let order = Rc::clone(&order);
        OnDrop(move || order.borrow_mut().push(name))
    };
    let event_loop = EventLoop::new();
    let spawner = event_loop.spawner();
    for names in [["a call", "a task"], ["another call", "another task"]] {
        let [call, task] = names.map(noted);
        let _ = spawner.call_soon(move || drop(call));
        let waits = async move {
            let _task = task;
            pending::<()>().await;
        };
        spawner.spawn(waits).detach();
    }
    drop(event_loop);
    assert_eq!(
        *order.borrow(),
        ["a task", "another task", "a call", "another call"]
    );
}
