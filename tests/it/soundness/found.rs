//! What `soundness_mischief` has found, each in a program of its own.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn, ready};
use std::panic;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use cooked_waker::{IntoWaker, Wake, WakeRef};
use looplet::{
    ContextVar, EventLoop, Queue, Task, TaskEvent, TaskGroup, advance, sleep, task_group,
};

use crate::support::probes::{Entry, Ledger, OnDrop};
use crate::support::{calling, panics};

type Place<T> = Rc<RefCell<Option<T>>>;

/// As with `spawn`: the output goes, for the task has panicked.
#[test]
fn a_remote_tasks_output_is_dropped_if_the_destructor_of_its_future_panics() {
    let ledger = Ledger::default();
    let mut event_loop = EventLoop::new();
    let output = ledger.clone();
    let handle = event_loop.remote().spawn(move || {
        let at_end = OnDrop(|| panic!("a destructor"));
        poll_fn(move |_| {
            let _held = &at_end;
            Poll::Ready(output.entry())
        })
    });
    let error = event_loop.block_on(handle.unwrap()).err();
    assert!(error.unwrap().is_panic());
    ledger.settle();
}

#[test]
fn a_clone_of_a_context_value_is_dropped_if_the_destructor_of_the_former_value_panics() {
    static VALUE: ContextVar<Value> = ContextVar::new("value");

    struct Value {
        ledger: Ledger,
        _entry: Entry,
        is_first: bool,
    }
    impl Value {
        fn new(ledger: &Ledger, is_first: bool) -> Self {
            let (ledger, _entry) = (ledger.clone(), ledger.entry());
            Self {
                ledger,
                _entry,
                is_first,
            }
        }
    }
    impl Clone for Value {
        fn clone(&self) -> Self {
            let other = Self::new(&self.ledger, false);
            drop(VALUE.set(other));
            Self::new(&self.ledger, false)
        }
    }
    impl Drop for Value {
        fn drop(&mut self) {
            assert!(!self.is_first, "a destructor");
        }
    }

    let ledger = Ledger::default();
    EventLoop::new().block_on(async {
        drop(VALUE.set(Value::new(&ledger, true)));
        assert!(panics(|| VALUE.get()));
    });
    ledger.settle();
}

/// The observer is dropped where it is called: nothing else holds it any more.
#[test]
fn a_panic_in_the_destructor_of_an_observer_that_drops_the_loop_goes_no_further() {
    let place = Place::<EventLoop>::default();
    let (victim, at_end) = (place.clone(), OnDrop(|| panic!("a destructor")));
    let observer = move |_: Instant, _: &Task, _: TaskEvent<'_>| {
        let _held = &at_end;
        drop(victim.take());
    };
    let event_loop = EventLoop::builder().observer(observer).build();
    let spawner = event_loop.spawner();
    place.replace(Some(event_loop));
    let spawned = spawner.spawn(async {});
    assert!(spawned.is_cancelled());
}

/// The same for the hook, in the middle of a task's end.
#[test]
fn a_panic_in_the_destructor_of_a_hook_that_drops_the_loop_goes_no_further() {
    let ledger = Ledger::default();
    let place = Place::<EventLoop>::default();
    let (victim, at_end) = (place.clone(), OnDrop(|| panic!("a destructor")));
    let entry = ledger.entry();
    let mut event_loop = EventLoop::builder()
        .on_unhandled_panic(move |_, _| {
            let _held = (&at_end, &entry);
            drop(victim.take());
        })
        .build();
    let broken = event_loop.spawn(async { panic!("a task") });
    event_loop.run_until_stalled();
    place.replace(Some(event_loop));
    assert!(!panics(|| drop::<looplet::JoinHandle<()>>(broken)));
    assert!(place.borrow().is_none());
    ledger.settle();
}

/// The first timer is fired by the end of `block_on`, the second one by `run_once` before its wait, the third one in it.
#[test]
fn a_wakeup_may_move_manual_time_past_the_end_of_the_wait_in_which_it_comes() {
    let mut event_loop = EventLoop::builder().manual_time().build();
    let waker = calling(|| advance(Duration::from_millis(10)));
    let sleeps = event_loop.block_on(async {
        let mut sleeps = [1, 2, 15].map(|millis| sleep(Duration::from_millis(millis)));
        for sleep in &mut sleeps {
            let polled = Pin::new(sleep).poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
        }
        advance(Duration::from_millis(1));
        sleeps
    });
    assert!(!event_loop.run_once(Some(Duration::from_millis(5))));
    drop(sleeps);
}

/// A value whose destructor panics.
struct Fatal {
    _entry: Entry,
}

impl Drop for Fatal {
    fn drop(&mut self) {
        panic!("a destructor");
    }
}

#[test]
fn the_failures_of_a_group_are_dropped_if_the_destructor_of_its_value_panics() {
    let ledger = Ledger::default();
    let (value, error) = (ledger.entry(), ledger.entry());
    let panicked = panics(|| {
        EventLoop::new().block_on(task_group(async move |group: &TaskGroup<Entry>| {
            group.spawn(async move { Err::<(), _>(error) }).detach();
            Ok(Fatal { _entry: value })
        }))
    });
    assert!(panicked);
    ledger.settle();
}

thread_local! {
    static PLACE: RefCell<Option<EventLoop>> = const { RefCell::new(None) };
}

/// A waker whose clone runs the loop, and panics when it is dropped.
struct Busy {
    is_clone: bool,
}

impl Clone for Busy {
    fn clone(&self) -> Self {
        PLACE.take().unwrap().run_until_stalled();
        Self { is_clone: true }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        assert!(!self.is_clone, "a destructor");
    }
}

impl WakeRef for Busy {
    fn wake_by_ref(&self) {}
}

impl Wake for Busy {
    fn wake(self) {}
}

#[test]
fn a_remote_result_is_dropped_if_the_destructor_of_a_waker_panics_that_came_too_late() {
    let ledger = Ledger::default();
    let event_loop = EventLoop::new();
    let entry = ledger.entry();
    let mut handle = event_loop.remote().spawn(move || ready(entry)).unwrap();
    PLACE.set(Some(event_loop));
    let waker = Box::new(Busy { is_clone: false }).into_waker();
    let mut cx = Context::from_waker(&waker);
    assert!(panics(|| Pin::new(&mut handle).poll(&mut cx)));
    drop(handle);
    ledger.settle();
}

/// Else a loop that begins to end, and waits for its last task, waits for ever.
#[test]
fn a_task_is_in_the_queue_when_its_observer_is_notified_of_that() {
    let place = Place::<EventLoop>::default();
    let (there, left) = (place.clone(), Rc::new(Cell::new(0)));
    let count = left.clone();
    let observer = move |_: Instant, _: &Task, event: TaskEvent<'_>| {
        if !matches!(event, TaskEvent::Queued(_)) {
            return;
        }
        if let Some(mut event_loop) = there.take() {
            event_loop.run_until_stalled();
            count.set(event_loop.tasks().len());
        }
    };
    let mut event_loop = EventLoop::builder().observer(observer).build();
    let sleeper = event_loop.spawn(pending::<()>());
    event_loop.run_until_stalled();
    left.set(1);
    place.replace(Some(event_loop));
    sleeper.cancel();
    assert_eq!(left.get(), 0, "unfinished tasks");
    assert!(sleeper.is_cancelled());
}

/// A destructor may run it there. Each item that arrives is no panic that leaves others behind.
#[test]
fn a_loop_that_is_run_while_its_thread_unwinds_comes_to_rest() {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        let _at_end = OnDrop(move || {
            let mut event_loop = EventLoop::new();
            let queue = Queue::unbounded();
            let remote = event_loop.block_on(async { queue.remote() });
            remote.try_put(1).unwrap();
            event_loop.run_until_stalled();
            done.send(queue.try_get()).unwrap();
        });
        panic::resume_unwind(Box::new(()));
    });
    assert_eq!(is_done.recv(), Ok(Ok(1)));
}
