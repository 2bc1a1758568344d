//! Programs on a loop in virtual time, and one log per thread of what happens in them.
//!
//! [`play`] runs a whole program; a [`Stage`] runs one round at a time, for tests that count them.

use std::cell::{Cell, RefCell};
use std::fmt::{Debug, Display};
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use looplet::{EventLoop, JoinError, JoinHandle};

thread_local! {
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static START: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Makes a note.
pub(crate) fn note(text: impl Display) {
    LOG.with_borrow_mut(|log| log.push(text.to_string()));
}

/// Makes a note with the seconds since the program began: `text @1.5`.
pub(crate) fn note_at(text: impl Display) {
    note(format_args!("{text} @{}", elapsed()));
}

/// All notes so far, which are taken away.
pub(crate) fn log() -> Vec<String> {
    LOG.take()
}

/// Seconds since the program began, on the loop's clock.
pub(crate) fn elapsed() -> f64 {
    let start = START.get().expect("no program has begun");
    (looplet::now() - start).as_secs_f64()
}

pub(crate) fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// `looplet::sleep` in seconds.
pub(crate) async fn nap(seconds: f64) {
    looplet::sleep(secs(seconds)).await;
}

/// `Ok(12)`, `Err(Cancelled)` or `Err(Panic(the message))`.
pub(crate) fn text_of<T: Debug>(outcome: Result<T, JoinError>) -> String {
    match outcome {
        Ok(value) => format!("Ok({value:?})"),
        Err(error) if error.is_cancelled() => "Err(Cancelled)".into(),
        Err(error) => format!("Err(Panic({}))", message(error)),
    }
}

/// The text that a task panicked with.
pub(crate) fn message(error: JoinError) -> String {
    let payload = error.into_panic();
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .expect("the panic has a text")
}

/// Makes its note when it is dropped: the `finally` of these programs.
pub(crate) struct Guard(pub(crate) &'static str);

impl Drop for Guard {
    fn drop(&mut self) {
        note(self.0);
    }
}

/// The same, with the time.
pub(crate) struct GuardAt(pub(crate) &'static str);

impl Drop for GuardAt {
    fn drop(&mut self) {
        note_at(self.0);
    }
}

/// Waits for ever, and makes a note when that is cut short.
pub(crate) async fn wait_with_guard(name: &'static str) {
    let _guard = Guard(name);
    std::future::pending::<()>().await;
}

/// Does something when it is dropped.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A thing that happens once and wakes all that wait for it, in the order in which they came.
#[derive(Clone, Default)]
pub(crate) struct Gate(Rc<RefCell<(bool, Vec<Waker>)>>);

impl Gate {
    pub(crate) fn open(&self) {
        let wakers = {
            let mut gate = self.0.borrow_mut();
            gate.0 = true;
            std::mem::take(&mut gate.1)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(crate) async fn opened(&self) {
        poll_fn(|cx| {
            let mut gate = self.0.borrow_mut();
            if gate.0 {
                return Poll::Ready(());
            }
            gate.1.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// A loop in virtual time with an empty log.
pub(crate) fn virtual_loop() -> EventLoop {
    virtual_loop_with(EventLoop::builder())
}

/// The same, with further settings.
pub(crate) fn virtual_loop_with(builder: looplet::Builder) -> EventLoop {
    drop(log());
    let mut event_loop = builder.virtual_time().build();
    // A plain call, for a task would take the first number.
    let clock = || START.set(Some(looplet::now()));
    event_loop.spawner().call_soon(clock);
    event_loop.run_until_stalled();
    event_loop
}

/// Much like `looplet::run`, in virtual time: runs `main`, then ends what is left, in spawn order.
#[track_caller]
pub(crate) fn play<F: Future>(main: F) -> F::Output {
    virtual_loop().block_on(main)
}

/// A loop that is driven round by round.
pub(crate) struct Stage {
    pub(crate) event_loop: EventLoop,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let event_loop = virtual_loop();
        Self { event_loop }
    }

    pub(crate) fn spawn<F: Future + 'static>(&self, future: F) -> JoinHandle<F::Output> {
        self.event_loop.spawn(future)
    }

    /// Queues a plain call.
    pub(crate) fn call(&self, f: impl FnOnce() + 'static) -> looplet::CallHandle {
        self.event_loop.spawner().call_soon(f)
    }

    /// Queues a plain call for this round and runs it: like something that happens in it, before all else that is
    /// not queued yet.
    pub(crate) fn round_with(&mut self, f: impl FnOnce() + 'static) -> Vec<String> {
        drop(self.call(f));
        self.round()
    }

    /// Runs one round, jumping in time if nothing is ready, and gives its notes.
    pub(crate) fn round(&mut self) -> Vec<String> {
        self.event_loop.run_once(None);
        log()
    }

    /// Runs what is ready until nothing is, without a jump in time, and gives the notes.
    pub(crate) fn settle(&mut self) -> Vec<String> {
        self.event_loop.run_until_stalled();
        log()
    }
}
