//! The whole product of what can go wrong in a task, when its end is asked for, what becomes of its handle, and where
//! a waker of it is kept.
//!
//! In each case everything is dropped once and on the loop's thread, the task ends as it should, its future is
//! polled no more often than it should, another task runs on unharmed, and a panic is reported exactly if no code has
//! seen it.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle as Thread};

use looplet::{JoinError, JoinHandle, spawn, yield_now};

use crate::support::probes::{Entry, Ledger, virtual_loop};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Panics {
    Never,
    InPoll,
    InDropOfFuture,
    InDropOfOutput,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Cancel {
    Never,
    BeforeFirstPoll,
    WhileItWaits,
    AfterItsEnd,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Handle {
    DroppedAtOnce,
    DroppedInItsAwait,
    DroppedAfterTheEnd,
    Detached,
    Awaited,
    KeptBeyondTheLoop,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kept {
    Nowhere,
    Here,
    OnAnotherThread,
    BeyondTheLoop,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    panics: Panics,
    cancel: Cancel,
    handle: Handle,
    waker: Kept,
}

/// How a task ends: with a value, cancelled, or with a panic of this text.
#[derive(Debug, PartialEq)]
enum End {
    Value,
    Cancelled,
    Panic(&'static str),
}

impl Case {
    fn is_cancelled(&self) -> bool {
        matches!(self.cancel, Cancel::BeforeFirstPoll | Cancel::WhileItWaits)
            || self.handle == Handle::DroppedInItsAwait
    }

    fn polls(&self) -> usize {
        match self.cancel {
            Cancel::BeforeFirstPoll => 0,
            _ if self.is_cancelled() => 1,
            _ => 2,
        }
    }

    /// Whether a handle is there when the task ends.
    fn has_handle(&self) -> bool {
        match self.handle {
            Handle::DroppedAtOnce | Handle::Detached => false,
            // A task that has ended before its handle is polled is no task in its await.
            Handle::DroppedInItsAwait => self.cancel == Cancel::BeforeFirstPoll,
            Handle::DroppedAfterTheEnd | Handle::Awaited | Handle::KeptBeyondTheLoop => true,
        }
    }

    fn end(&self) -> End {
        match self.panics {
            Panics::InDropOfFuture => End::Panic("future"),
            _ if self.is_cancelled() => End::Cancelled,
            Panics::InPoll => End::Panic("poll"),
            Panics::InDropOfOutput if !self.has_handle() => End::Panic("output"),
            Panics::Never | Panics::InDropOfOutput => End::Value,
        }
    }

    /// Whether the destructor of the output panics when the handle is dropped.
    fn drops_the_output_with_the_handle(&self) -> bool {
        self.handle == Handle::DroppedAfterTheEnd && self.panics == Panics::InDropOfOutput
    }

    /// Whether the end is looked at.
    fn is_seen(&self) -> bool {
        matches!(self.handle, Handle::Awaited | Handle::KeptBeyondTheLoop)
    }
}

/// Waits once, then is done.
struct Probe {
    panics: Panics,
    polls: Rc<Cell<usize>>,
    waker: Rc<RefCell<Option<Waker>>>,
    ledger: Ledger,
    _entry: Entry,
}

impl Future for Probe {
    type Output = Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        self.polls.set(self.polls.get() + 1);
        if self.polls.get() == 1 {
            self.waker.replace(Some(cx.waker().clone()));
            return Poll::Pending;
        }
        assert!(self.panics != Panics::InPoll, "poll");
        Poll::Ready(Output {
            panics: self.panics == Panics::InDropOfOutput,
            _entry: self.ledger.entry(),
        })
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        assert!(self.panics != Panics::InDropOfFuture, "future");
    }
}

struct Output {
    panics: bool,
    _entry: Entry,
}

impl Drop for Output {
    fn drop(&mut self) {
        assert!(!self.panics, "output");
    }
}

/// A waker of the task, wherever it is kept.
enum Keeper {
    Nobody,
    Here(Waker),
    Elsewhere(mpsc::Sender<()>, Thread<()>),
}

/// Wakes the task, and keeps the waker as the case says.
fn wake_and_keep(waker: Option<Waker>, kept: Kept) -> Keeper {
    let Some(waker) = waker else {
        return Keeper::Nobody;
    };
    match kept {
        Kept::Nowhere => {
            waker.wake();
            Keeper::Nobody
        }
        Kept::Here | Kept::BeyondTheLoop => {
            waker.wake_by_ref();
            Keeper::Here(waker)
        }
        Kept::OnAnotherThread => {
            let (end, ended) = mpsc::channel();
            let (woken, was_woken) = mpsc::channel();
            let thread = thread::spawn(move || {
                waker.wake_by_ref();
                woken.send(()).unwrap();
                ended.recv().unwrap();
                let other = waker.clone();
                waker.wake();
                other.wake_by_ref();
            });
            was_woken.recv().unwrap();
            Keeper::Elsewhere(end, thread)
        }
    }
}

/// What a result was; a value is dropped, which panics if it should.
fn end_of(result: Result<Output, JoinError>, case: Case) -> End {
    match result {
        Ok(output) => {
            let dropped = panic::catch_unwind(AssertUnwindSafe(|| drop(output)));
            assert_eq!(dropped.is_err(), case.panics == Panics::InDropOfOutput);
            End::Value
        }
        Err(error) if error.is_cancelled() => End::Cancelled,
        Err(error) => {
            let payload = error.into_panic();
            End::Panic(payload.downcast_ref::<&'static str>().unwrap())
        }
    }
}

async fn drive(case: Case, probe: Probe) -> (Keeper, Option<JoinHandle<Output>>) {
    let place = probe.waker.clone();
    let handle = spawn(probe);
    let task = handle.task();
    if case.cancel == Cancel::BeforeFirstPoll {
        assert!(task.cancel());
    }
    let mut handle = match case.handle {
        Handle::DroppedAtOnce => {
            drop(handle);
            None
        }
        Handle::Detached => {
            handle.detach();
            None
        }
        _ => Some(handle),
    };
    yield_now().await;
    assert_eq!(task.is_finished(), case.cancel == Cancel::BeforeFirstPoll);

    let waker = place.take();
    let keeper = wake_and_keep(waker, case.waker);
    if case.cancel == Cancel::WhileItWaits {
        // A request beats a wakeup that has not been acted on.
        assert!(task.cancel());
    }
    if case.handle == Handle::DroppedInItsAwait {
        let mut handle = handle.take().unwrap();
        let polled = Pin::new(&mut handle).poll(&mut Context::from_waker(Waker::noop()));
        match polled {
            Poll::Pending => drop(handle),
            Poll::Ready(result) => assert_eq!(end_of(result, case), case.end()),
        }
    }
    if case.handle == Handle::Awaited {
        let result = handle.take().unwrap().await;
        assert_eq!(end_of(result, case), case.end());
    }
    for _ in 0..4 {
        yield_now().await;
    }
    assert!(task.is_finished());
    assert_eq!(task.is_cancelled(), case.end() == End::Cancelled);
    if case.cancel == Cancel::AfterItsEnd {
        assert!(!task.cancel());
    }
    if case.handle == Handle::DroppedAfterTheEnd {
        drop(handle.take());
    }
    (keeper, handle)
}

fn check(case: Case) {
    let ledger = Ledger::default();
    let polls = Rc::new(Cell::new(0));
    let probe = Probe {
        panics: case.panics,
        polls: polls.clone(),
        waker: Rc::default(),
        ledger: ledger.clone(),
        _entry: ledger.entry(),
    };
    let (mut event_loop, reports) = virtual_loop();
    let (keeper, handle) = event_loop.block_on(async {
        let neighbour = spawn(async {
            for _ in 0..5 {
                yield_now().await;
            }
            "unharmed"
        });
        let left = drive(case, probe).await;
        assert_eq!(neighbour.await.unwrap(), "unharmed");
        left
    });
    let keeper = match keeper {
        Keeper::Here(waker) if case.waker == Kept::Here => {
            waker.wake();
            Keeper::Nobody
        }
        keeper => keeper,
    };
    drop(event_loop);

    if let Some(mut handle) = handle {
        assert!(handle.is_finished());
        let result = handle.try_join().expect("the result is there");
        assert_eq!(end_of(result, case), case.end());
    }
    match keeper {
        Keeper::Nobody => {}
        Keeper::Here(waker) => {
            waker.wake_by_ref();
            drop(waker.clone());
            waker.wake();
        }
        Keeper::Elsewhere(end, thread) => {
            end.send(()).unwrap();
            thread.join().unwrap();
        }
    }
    assert_eq!(polls.get(), case.polls());
    let outputs = usize::from(case.polls() == 2 && case.panics != Panics::InPoll);
    assert_eq!(ledger.made(), 1 + outputs);
    ledger.settle();
    let expected = match case.end() {
        End::Panic(_) if case.handle == Handle::DroppedInItsAwait && case.has_handle() => vec![],
        End::Panic(text) if !case.is_seen() => vec![format!("task 'Task-3' panicked: {text}")],
        End::Value if case.drops_the_output_with_the_handle() => {
            vec!["task 'Task-3' panicked: output".to_owned()]
        }
        _ => vec![],
    };
    assert_eq!(*reports.borrow(), expected);
}

#[test]
fn every_combination_ends_as_it_should() {
    let mut failures = Vec::new();
    let mut cases = 0;
    for panics in [
        Panics::Never,
        Panics::InPoll,
        Panics::InDropOfFuture,
        Panics::InDropOfOutput,
    ] {
        for cancel in [
            Cancel::Never,
            Cancel::BeforeFirstPoll,
            Cancel::WhileItWaits,
            Cancel::AfterItsEnd,
        ] {
            for handle in [
                Handle::DroppedAtOnce,
                Handle::DroppedInItsAwait,
                Handle::DroppedAfterTheEnd,
                Handle::Detached,
                Handle::Awaited,
                Handle::KeptBeyondTheLoop,
            ] {
                for waker in [
                    Kept::Nowhere,
                    Kept::Here,
                    Kept::OnAnotherThread,
                    Kept::BeyondTheLoop,
                ] {
                    let case = Case {
                        panics,
                        cancel,
                        handle,
                        waker,
                    };
                    cases += 1;
                    if let Some(text) = crate::support::panic_text(|| check(case)) {
                        failures.push(format!("{case:?}: {text}"));
                    }
                }
            }
        }
    }
    assert_eq!(cases, 4 * 4 * 6 * 4);
    assert!(
        failures.is_empty(),
        "{} cases fail:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
