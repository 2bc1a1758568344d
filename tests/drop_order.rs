//! What is dropped when: the futures of a loop that ends, and what their destructors do to the loop meanwhile.

mod support;

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use looplet::EventLoop;
use support::probes::{Ledger, OnDrop};

/// Runs `f` on a thread of its own; what does not end fails.
fn within_seconds(f: impl FnOnce() + Send + 'static) {
    let (done, finished) = mpsc::channel();
    thread::spawn(move || {
        f();
        let _ = done.send(());
    });
    finished
        .recv_timeout(Duration::from_secs(5))
        .expect("it hangs, or has panicked");
}

#[test]
fn a_call_that_owns_its_loop_can_be_cancelled() {
    within_seconds(|| {
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
    });
}

#[test]
fn a_childs_destructor_may_drop_the_loop() {
    within_seconds(|| {
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
    });
}

#[test]
fn a_shutdown_does_not_wait_for_tasks_that_yield_for_ever() {
    within_seconds(|| {
        let event_loop = EventLoop::new();
        let polls = Rc::new(Cell::new(0));
        let count = polls.clone();
        event_loop
            .spawn(async move {
                loop {
                    count.set(count.get() + 1);
                    looplet::yield_now().await;
                }
            })
            .detach();
        event_loop.shutdown(Duration::from_millis(5));
        assert!(polls.get() > 1);
        assert_eq!(Rc::strong_count(&polls), 1);
    });
}

#[test]
fn a_shutdown_in_manual_time_ends() {
    within_seconds(|| {
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
    });
}
