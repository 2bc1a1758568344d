//! Wakers of tasks: what a wakeup does and does not do, and where it may come from. Those of other threads have tests of
//! their own, in `remote`.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;

use looplet::{EventLoop, spawn, yield_now};

use crate::support::Trace;
use crate::support::probes::{Ledger, OnDrop};
use crate::support::trace::{Stage, log, note};

#[test]
fn a_waker_may_be_used_on_any_thread_also_after_the_loop_is_gone() {
    let owner = thread::current().id();
    let wakers = Rc::new(RefCell::new(Vec::<Waker>::new()));
    let kept = wakers.clone();
    let mut event_loop = EventLoop::new();
    let task = event_loop.spawn(async move {
        let _dropped_by_owner = OnDrop(move || assert_eq!(thread::current().id(), owner));
        poll_fn(|cx| {
            kept.borrow_mut()
                .extend([cx.waker().clone(), cx.waker().clone()]);
            note("polled");
            Poll::<()>::Pending
        })
        .await;
    });
    drop(log());
    event_loop.run_until_stalled();
    let waker = wakers.borrow_mut().pop().unwrap();
    thread::spawn(move || waker.wake()).join().unwrap();
    event_loop.run_until_stalled();
    assert_eq!(log(), ["polled", "polled"]);
    let view = task.task();
    drop((task, event_loop));
    assert!(view.is_cancelled());
    for waker in wakers.take() {
        thread::spawn(move || waker.wake_by_ref()).join().unwrap();
    }
}

#[test]
fn waking_a_finished_task_does_nothing() {
    let mut stage = Stage::new();
    let waker = Rc::new(Cell::new(None::<Waker>));
    let kept = waker.clone();
    stage
        .spawn(poll_fn(move |cx| {
            kept.set(Some(cx.waker().clone()));
            note("polled");
            Poll::Ready(())
        }))
        .detach();
    assert_eq!(stage.round(), ["polled"]);
    waker.take().unwrap().wake();
    assert!(stage.round().is_empty());
}

#[test]
fn a_task_that_finishes_while_it_is_queued_is_polled_no_more() {
    let mut event_loop = EventLoop::new();
    let polls = Rc::new(Cell::new(0));
    let count = polls.clone();
    event_loop.block_on(async {
        let handle = spawn(poll_fn(move |cx| {
            count.set(count.get() + 1);
            cx.waker().wake_by_ref();
            let other = cx.waker().clone();
            other.wake_by_ref();
            other.wake();
            Poll::Ready(())
        }));
        drop(handle);
        yield_now().await;
        yield_now().await;
        yield_now().await;
    });
    assert_eq!(polls.get(), 1);
}

#[test]
fn many_wakers_of_one_task_are_one_wakeup_and_all_are_counted() {
    let mut event_loop = EventLoop::new();
    let ledger = Ledger::default();
    let entry = ledger.entry();
    let wakers = Rc::new(RefCell::new(Vec::new()));
    let there = wakers.clone();
    event_loop
        .spawn(poll_fn(move |cx| {
            let _ = &entry;
            there
                .borrow_mut()
                .extend((0..1000).map(|_| cx.waker().clone()));
            Poll::<()>::Pending
        }))
        .detach();
    event_loop.run_until_stalled();
    event_loop.block_on(async { wakers.take().into_iter().for_each(Waker::wake) });
    event_loop.run_until_stalled();
    assert_eq!(wakers.borrow().len(), 1000);
    drop(event_loop);
    ledger.settle();
    wakers.take().into_iter().for_each(Waker::wake);
}

#[test]
fn nothing_is_polled_or_dropped_inside_wake() {
    let mut event_loop = EventLoop::new();
    let trace = Trace::default();
    let notes = trace.clone();
    event_loop.block_on(async move {
        let ended = OnDrop({
            let notes = notes.clone();
            move || notes.note("dropped")
        });
        let place = Rc::new(Cell::new(None));
        let there = place.clone();
        let mut polls = 0;
        let handle = spawn(poll_fn(move |cx| {
            let _ = &ended;
            polls += 1;
            there.set(Some(cx.waker().clone()));
            if polls == 2 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
        yield_now().await;
        let waker = place.take().unwrap();
        waker.wake();
        notes.note("woken");
        assert!(!handle.is_finished());
        handle.await.unwrap();
    });
    assert_eq!(trace.take(), ["woken", "dropped"]);
}

#[test]
fn what_is_dropped_in_a_loop_is_dropped_on_its_thread() {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut event_loop = EventLoop::new();
        let owner = thread::current().id();
        let waker = event_loop.block_on(poll_fn(|cx| Poll::Ready(cx.waker().clone())));
        let place = Rc::new(Cell::new(None));
        let there = place.clone();
        event_loop
            .spawn(async move {
                let _guard = OnDrop(move || assert_eq!(thread::current().id(), owner));
                poll_fn(|cx| {
                    there.set(Some(cx.waker().clone()));
                    Poll::<()>::Pending
                })
                .await;
            })
            .detach();
        event_loop.run_until_stalled();
        sender.send((waker, place.take().unwrap())).unwrap();
    })
    .join()
    .unwrap();
    drop(receiver.recv().unwrap());
}
