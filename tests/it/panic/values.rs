//! Panics in values that users hand to the loop: names, what is cloned, printed and dropped, and the hooks themselves
//! when they go. Each is one panic at its caller, or one report; the loop and all other tasks go on.

use std::cell::Cell;
use std::fmt;
use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use looplet::{
    ContextVar, EventLoop, Queue, gather, oneshot, spawn, spawn_named, timeout, yield_now,
};

use crate::support::probes::{Ledger, assert_alive, fatal, fatal_anywhere, virtual_loop};
use crate::support::{Droppy, panic_text, panics};

// Names and values.

/// A name that cannot be formatted, and a value that cannot be cloned or printed.
struct Fatal;

impl From<Fatal> for Rc<str> {
    fn from(_: Fatal) -> Self {
        panic!("a name")
    }
}

impl Clone for Fatal {
    fn clone(&self) -> Self {
        panic!("a clone")
    }
}

impl fmt::Debug for Fatal {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("a text")
    }
}

#[test]
fn a_name_that_panics_makes_no_task_and_changes_none() {
    let (mut event_loop, reports) = virtual_loop();
    let ledger = Ledger::default();
    event_loop.block_on(async {
        let entry = ledger.entry();
        let future = async move { drop(entry) };
        assert_eq!(panic_text(|| spawn_named(Fatal, future)).unwrap(), "a name");
        ledger.settle();
        let task = spawn(async {});
        assert_eq!(panic_text(|| task.set_name(Fatal)).unwrap(), "a name");
        // Its number is the next one after main's: the other one was never a task.
        assert_eq!(&*task.name(), "Task-2");
        task.await.unwrap();
    });
    assert_eq!(event_loop.metrics().spawned, 2);
    assert!(reports.borrow().is_empty());
}

#[test]
fn a_value_that_cannot_be_cloned_or_printed_stays_where_it_is() {
    static HELD: ContextVar<Fatal> = ContextVar::new("held");

    let (mut event_loop, reports) = virtual_loop();
    event_loop.block_on(async {
        let token = HELD.set(Fatal);
        assert_eq!(panic_text(|| HELD.get()).unwrap(), "a clone");
        let child = spawn(async { panic_text(|| HELD.get()).unwrap() });
        assert_eq!(child.await.unwrap(), "a clone");
        HELD.reset(token);
        assert!(HELD.get().is_none());

        let mut task = spawn(async { Fatal });
        yield_now().await;
        assert_eq!(panic_text(|| format!("{task:?}")).unwrap(), "a text");
        assert!(matches!(task.try_join(), Some(Ok(Fatal))));
    });
    assert!(reports.borrow().is_empty());
}

#[test]
fn items_of_a_queue_are_all_dropped_whatever_their_destructors_do() {
    let (mut event_loop, reports) = virtual_loop();
    let drops = Rc::new(Cell::new(0));
    event_loop.block_on(async {
        let queue = Queue::bounded(2);
        queue.try_put(fatal(&drops)).unwrap();
        queue
            .try_put(Droppy {
                fatal: false,
                drops: drops.clone(),
            })
            .unwrap();
        let (inlet, item) = (queue.clone(), fatal(&drops));
        let putter = spawn(async move { inlet.put(item).await.is_ok() });
        yield_now().await;
        // It is dropped with its item, which was not taken.
        putter.cancel();
        assert!(putter.await.unwrap_err().is_panic());
        assert_eq!((drops.get(), queue.len()), (1, 2));
        assert!(panics(|| drop(queue)));
    });
    assert_eq!((drops.get(), reports.borrow().len()), (3, 0));
    assert_alive(&mut event_loop);
}

#[test]
fn a_message_that_panics_when_it_is_dropped_frees_whoever_sent_it() {
    let (mut event_loop, reports) = virtual_loop();
    let drops = Rc::new(Cell::new(0));
    event_loop.block_on(async {
        let (sender, receiver) = oneshot();
        assert!(sender.send(fatal(&drops)).is_ok());
        assert!(panics(|| drop(receiver)));

        let (mut sender, receiver) = oneshot();
        let waiting = spawn(async move { (sender.closed().await, sender).1 });
        yield_now().await;
        drop(receiver);
        let refused = waiting.await.unwrap().send(fatal(&drops));
        assert!(panics(|| drop(refused)));
    });
    assert_eq!((drops.get(), reports.borrow().len()), (2, 0));
}

#[test]
fn what_a_timeout_or_a_gather_gives_up_may_panic_when_it_is_dropped() {
    let (mut event_loop, reports) = virtual_loop();
    let drops = Rc::new(Cell::new(0));
    let never = || {
        let held = fatal(&drops);
        async move { (pending::<()>().await, held).0 }
    };
    event_loop.block_on(async {
        let slow = never();
        let late = spawn(async { timeout(Duration::from_secs(1), slow).await.is_ok() });
        assert!(late.await.unwrap_err().is_panic());
        let slow = gather([never(), never()]);
        let late = spawn(async { timeout(Duration::from_secs(1), slow).await.is_ok() });
        assert!(!late.await.unwrap());
    });
    assert_eq!((drops.get(), reports.borrow().len()), (3, 2));
    assert_alive(&mut event_loop);
}

// Hooks that panic when they go.

#[test]
fn a_loop_goes_whatever_the_destructors_of_its_hooks_do() {
    let drops = Arc::new(AtomicUsize::new(0));
    let (slow, woken, seen, panicked) = (
        fatal_anywhere(&drops),
        std::sync::Mutex::new(fatal_anywhere(&drops)),
        fatal_anywhere(&drops),
        fatal_anywhere(&drops),
    );
    let mut event_loop = EventLoop::builder()
        .slow_poll(Duration::MAX, move |_, _| _ = &slow)
        .on_wake(move || _ = &woken)
        .observer(move |_, _: &looplet::Task, _: looplet::TaskEvent<'_>| _ = &seen)
        .on_unhandled_panic(move |_, _| _ = &panicked)
        .build();
    assert_alive(&mut event_loop);
    let ledger = Ledger::default();
    let entry = ledger.entry();
    let task = event_loop.spawn(async move { (pending::<()>().await, entry).0 });
    drop(event_loop);
    assert!(task.is_cancelled());
    ledger.settle();
    drop(task);
    assert_eq!(drops.load(Ordering::SeqCst), 4);
}

#[test]
fn a_hook_that_goes_with_the_last_waker_does_so_quietly_on_that_thread() {
    let drops = Arc::new(AtomicUsize::new(0));
    let woken = std::sync::Mutex::new(fatal_anywhere(&drops));
    let mut event_loop = EventLoop::builder().on_wake(move || _ = &woken).build();
    let waker = event_loop.block_on(std::future::poll_fn(|cx| {
        std::task::Poll::Ready(cx.waker().clone())
    }));
    drop(event_loop);
    thread::spawn(move || drop(waker)).join().unwrap();
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}
