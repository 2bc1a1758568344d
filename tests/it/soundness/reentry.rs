//! Code of the user's that is called in the middle of the loop's own work, and does there what it should not: what it
//! breaks, it may break for itself only. Meant to be run under the sanitizers.

#![allow(clippy::async_yields_async)] // Futures leave their loop here on purpose.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use looplet::{
    EventLoop, JoinHandle, Task, TaskEvent, TaskGroup, all_tasks, gather, spawn, spawn_eager,
    task_group, yield_now,
};

use crate::support::probes::{Ledger, OnDrop, virtual_loop};
use crate::support::{Hand, hand, panic_text};

type Place<T> = Rc<RefCell<Option<T>>>;

/// A loop whose observer cancels every task but main in the moment in which it is made.
fn infanticide() -> EventLoop {
    let observer = |_: Instant, task: &Task, event: TaskEvent<'_>| {
        if matches!(event, TaskEvent::Spawned(_)) && &*task.name() != "Task-1" {
            task.cancel();
        }
    };
    EventLoop::builder().observer(observer).build()
}

#[test]
fn an_observer_may_cancel_a_task_at_its_birth() {
    let ledger = Ledger::default();
    let mut event_loop = infanticide();
    event_loop.block_on(async {
        for _ in 0..3 {
            let entry = ledger.entry();
            let task = spawn(async move {
                let _entry = entry;
                unreachable!("it never begins");
            });
            assert!(task.await.unwrap_err().is_cancelled());
            yield_now().await;
        }
    });
    ledger.settle();
}

#[test]
fn an_observer_may_cancel_an_eager_task_at_its_birth() {
    let ledger = Ledger::default();
    let mut event_loop = infanticide();
    event_loop.block_on(async {
        let entry = ledger.entry();
        let task = spawn_eager(async move {
            let _entry = entry;
            unreachable!("it never begins");
        });
        assert!(!task.is_finished());
        drop(task);
        yield_now().await;
        ledger.settle();
    });
}

#[test]
fn an_observer_may_drop_the_loop_at_a_birth_or_a_wakeup() {
    for at_birth in [true, false] {
        let ledger = Ledger::default();
        let place = Place::<EventLoop>::default();
        let victim = place.clone();
        let observer = move |_: Instant, _: &Task, event: TaskEvent<'_>| {
            if matches!(event, TaskEvent::Spawned(_)) == at_birth {
                drop(victim.take());
            }
        };
        let event_loop = EventLoop::builder().observer(observer).build();
        let spawner = event_loop.spawner();
        let sleeper = event_loop.spawn({
            let entry = ledger.entry();
            async move {
                let _entry = entry;
                pending::<()>().await;
            }
        });
        let mut event_loop = event_loop;
        event_loop.run_until_stalled();
        place.replace(Some(event_loop));
        if at_birth {
            let entry = ledger.entry();
            let late = spawner.spawn(async move { drop(entry) });
            assert!(late.is_cancelled());
        } else {
            sleeper.cancel();
        }
        assert!(place.borrow().is_none());
        assert!(sleeper.is_cancelled());
        drop(sleeper);
        ledger.settle();
    }
}

/// A group with one child, polled outside of any loop's run, so that dropping it ends the child there.
fn child_of_a_group(
    child: impl Future<Output = ()> + 'static,
    handle: &Place<JoinHandle<()>>,
) -> Pin<Box<dyn Future<Output = ()>>> {
    let there = handle.clone();
    Box::pin(async move {
        let ended = task_group(async |group: &TaskGroup<()>| {
            let child = group.spawn(async move {
                child.await;
                Ok(())
            });
            there.replace(Some(child));
            pending::<Result<(), ()>>().await
        });
        let _ = ended.await;
    })
}

fn begin(event_loop: &mut EventLoop, group: &mut Pin<Box<dyn Future<Output = ()>>>) {
    event_loop.block_on(async {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(group.as_mut().poll(&mut cx).is_pending());
        yield_now().await;
        yield_now().await;
    });
}

#[test]
fn a_destructor_of_a_call_may_run_its_own_loop_into_a_deadlock() {
    let ledger = Ledger::default();
    let place = Place::<EventLoop>::default();
    let (event_loop, _) = virtual_loop();
    let (again, entry) = (place.clone(), ledger.entry());
    let texts = Rc::new(RefCell::new(Vec::new()));
    let reports = texts.clone();
    let at_end = OnDrop(move || {
        let mut event_loop = again.take().unwrap();
        let text = panic_text(|| event_loop.block_on(pending::<()>()));
        reports.borrow_mut().push(text.unwrap());
    });
    let call = event_loop.spawner().call_soon(move || {
        let _held = (at_end, entry);
        unreachable!("it was cancelled");
    });
    place.replace(Some(event_loop));
    assert!(call.cancel());
    assert_eq!(texts.borrow().len(), 1);
    assert!(texts.borrow()[0].contains("deadlock"));
    ledger.settle();
}

#[test]
fn a_destructor_may_run_the_loop_in_whose_queue_its_own_call_is() {
    let ledger = Ledger::default();
    let place = Place::<EventLoop>::default();
    let (event_loop, _) = virtual_loop();
    let (again, entry) = (place.clone(), ledger.entry());
    let at_end = OnDrop(move || again.borrow_mut().as_mut().unwrap().run_until_stalled());
    let call = event_loop.spawner().call_soon(move || {
        let _held = (at_end, entry);
        unreachable!("it was cancelled");
    });
    place.replace(Some(event_loop));
    assert!(call.cancel());
    ledger.settle();
}

/// To the child of a group its loop runs while its future is dropped.
#[test]
fn a_childs_destructor_cannot_run_the_loop_in_whose_queue_it_is() {
    let ledger = Ledger::default();
    let place = Place::<EventLoop>::default();
    let (mut event_loop, _) = virtual_loop();
    let (again, entry) = (place.clone(), ledger.entry());
    let texts = Rc::new(RefCell::new(Vec::new()));
    let reports = texts.clone();
    let at_end = OnDrop(move || {
        let mut event_loop = again.borrow_mut();
        let text = panic_text(|| event_loop.as_mut().unwrap().run_until_stalled());
        reports.borrow_mut().push(text.unwrap());
    });
    let busy = poll_fn(move |cx| {
        let _held = (&at_end, &entry);
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    });
    let group = event_loop.block_on(async { Some(gather([busy])) });
    place.replace(Some(event_loop));
    drop(group);
    assert_eq!(texts.borrow().len(), 1);
    assert!(texts.borrow()[0].contains("cannot run an event loop while another one is running"));
    place.borrow_mut().as_mut().unwrap().run_until_stalled();
    ledger.settle();
}

/// A task that polled another one's handle and has ended since is referred to by that other one only.
#[test]
fn a_loop_may_end_on_the_stack_of_a_task_whose_last_waiter_is_gone() {
    let ledger = Ledger::default();
    let place = Place::<EventLoop>::default();
    let handle = Place::<JoinHandle<()>>::default();
    let mut event_loop = EventLoop::new();
    let victim = place.clone();
    let at_end = OnDrop(move || drop(victim.take()));
    let entry = ledger.entry();
    let child = async move {
        let _held = (at_end, entry);
        pending::<()>().await;
    };
    let mut group = child_of_a_group(child, &handle);
    begin(&mut event_loop, &mut group);
    // So large that its cell has memory of its own, which is given back at once.
    let large = [7_u8; 4096];
    let there = handle.clone();
    let waiter = event_loop.spawn(poll_fn(move |cx| {
        let _large = &large;
        let mut handle = there.take().unwrap();
        assert!(Pin::new(&mut handle).poll(cx).is_pending());
        there.replace(Some(handle));
        Poll::Ready(())
    }));
    waiter.detach();
    event_loop.run_until_stalled();
    place.replace(Some(event_loop));
    drop(group);
    assert!(place.borrow().is_none());
    assert!(handle.take().unwrap().is_finished());
    ledger.settle();
}

/// The task on the stack is woken on another thread before its destructor drops the loop and then polls its handle.
#[test]
fn a_handle_can_be_polled_after_the_end_of_the_loop_by_a_task_that_was_woken_before() {
    let place = Place::<EventLoop>::default();
    let handle = Place::<JoinHandle<()>>::default();
    let own = Place::<Waker>::default();
    let mut event_loop = EventLoop::new();
    let waker = Place::<Waker>::default();
    let there = waker.clone();
    // A task with memory of its own, that only its waker keeps.
    let large = [7_u8; 4096];
    event_loop
        .spawn(poll_fn(move |cx| {
            let _large = &large;
            there.replace(Some(cx.waker().clone()));
            Poll::Ready(())
        }))
        .detach();
    event_loop.run_until_stalled();
    let at_end = OnDrop({
        let (place, handle, own) = (place.clone(), handle.clone(), own.clone());
        move || {
            own.take().unwrap().wake();
            drop(place.take());
            let waker = waker.take().unwrap();
            let mut own = handle.take().unwrap();
            for _ in 0..3 {
                let polled = Pin::new(&mut own).poll(&mut Context::from_waker(&waker));
                assert!(polled.is_pending());
            }
            handle.replace(Some(own));
            for _ in 0..4 {
                drop(waker.clone());
            }
        }
    });
    let mut group = child_of_a_group(
        async move {
            let _at_end = at_end;
            poll_fn(|cx| {
                own.replace(Some(cx.waker().clone()));
                Poll::<()>::Pending
            })
            .await;
        },
        &handle,
    );
    begin(&mut event_loop, &mut group);
    place.replace(Some(event_loop));
    drop(group);
    assert!(place.borrow().is_none());
    assert!(handle.take().unwrap().is_finished());
}

/// Leaves nothing behind: this is for the leak sanitizer.
#[test]
fn a_destructor_in_an_observed_loop_may_poll_a_handle() {
    let mut event_loop = EventLoop::builder()
        .observer(|_: Instant, _: &Task, _: TaskEvent<'_>| ())
        .build();
    let other = event_loop.spawn(pending::<()>());
    let witness = Rc::new(());
    let held = witness.clone();
    let task = event_loop.spawn({
        let mut other = Some(other);
        let mut on_drop = None;
        poll_fn(move |cx| {
            let _ = &held;
            let (waker, mut other) = (cx.waker().clone(), other.take());
            on_drop.get_or_insert_with(|| {
                OnDrop(move || {
                    let mut handle = other.take().unwrap();
                    let polled = Pin::new(&mut handle).poll(&mut Context::from_waker(&waker));
                    assert!(polled.is_pending());
                })
            });
            Poll::<()>::Pending
        })
    });
    event_loop.run_until_stalled();
    task.cancel();
    event_loop.run_until_stalled();
    assert!(task.is_cancelled());
    drop((task, event_loop));
    assert_eq!(Rc::strong_count(&witness), 1);
}

/// It comes before the gather was notified of that end, and does not take it for an ordinary one.
#[test]
fn an_observer_may_poll_a_gather_at_the_end_of_a_child() {
    let place = Place::<Hand<'static, [(); 1]>>::default();
    let there = place.clone();
    let polled = Rc::new(Cell::new(false));
    let done = polled.clone();
    let observer = move |_: Instant, task: &Task, event: TaskEvent<'_>| {
        if matches!(event, TaskEvent::Cancelled) && &*task.name() == "child" {
            there.borrow_mut().as_mut().unwrap().wait();
            done.set(true);
        }
    };
    let mut event_loop = EventLoop::builder().observer(observer).build();
    event_loop.block_on(async {
        place.replace(Some(hand(gather([pending::<()>()]))));
        let child = all_tasks().pop().unwrap();
        child.set_name("child");
        // Ends of others make the gather look in vain, until it relies on the record.
        for _ in 0..40 {
            let other = spawn(pending::<()>());
            other.cancel();
            assert!(other.await.is_err());
            place.borrow_mut().as_mut().unwrap().wait();
        }
        child.cancel();
        yield_now().await;
        assert!(child.is_cancelled());
    });
    assert!(polled.get());
}
