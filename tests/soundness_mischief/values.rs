//! The user code that the library calls: each of these is up to mischief.

use std::cmp::Ordering;
use std::fmt;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::thread;

use cooked_waker::{IntoWaker, Wake, WakeRef};
use looplet::ContextVar;

use crate::pieces;
use crate::support::probes::{Entry, Ledger};
use crate::world::{below, one_in, quietly, world};

/// How deep pieces of mischief may lie in each other.
const DEPTH: u32 = 5;

pub(crate) static CONTEXT: ContextVar<Value> = ContextVar::new("mischief");

/// Does up to four things that should not be done here. A panic in one of them goes on, unless it would end the process.
pub(crate) fn mischief() {
    if one_in(3) {
        return;
    }
    for _ in 0..=below(4) {
        let world = world();
        let (depth, left) = (world.depth.get(), world.left.get());
        if depth == DEPTH || left == 0 {
            return;
        }
        world.depth.set(depth + 1);
        world.left.set(left - 1);
        let done = panic::catch_unwind(pieces::one);
        world.depth.set(depth);
        match done {
            Err(payload) if thread::panicking() => quietly(|| drop(payload)),
            Err(payload) => panic::resume_unwind(payload),
            Ok(()) => {}
        }
    }
}

/// An output, an error, an item of a queue, a value of the context, what a closure holds.
pub(crate) struct Value {
    ledger: Ledger,
    _entry: Entry,
}

impl Value {
    pub(crate) fn new() -> Self {
        Self::of(&world().owner)
    }

    /// One that may be dropped on any thread.
    pub(crate) fn anywhere() -> Self {
        Self::of(&world().anywhere)
    }

    fn of(ledger: &Ledger) -> Self {
        Self {
            _entry: ledger.entry(),
            ledger: ledger.clone(),
        }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        mischief();
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        mischief();
        Self::of(&self.ledger)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        mischief();
        f.write_str("value")
    }
}

impl Ord for Value {
    fn cmp(&self, _: &Self) -> Ordering {
        let world = world();
        // It must not use the queue itself.
        world.comparing.set(world.comparing.get() + 1);
        let done = panic::catch_unwind(mischief);
        world.comparing.set(world.comparing.get() - 1);
        if let Err(payload) = done {
            panic::resume_unwind(payload);
        }
        [Ordering::Less, Ordering::Equal, Ordering::Greater][below(3)]
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Value {}

/// What a debug text is written to.
pub(crate) struct Paper;

impl fmt::Write for Paper {
    fn write_str(&mut self, _: &str) -> fmt::Result {
        mischief();
        Ok(())
    }
}

/// What is panicked with. A panic of its destructor is a plain one, for the chain has to end.
pub(crate) struct Payload {
    _entry: Entry,
}

impl Payload {
    pub(crate) fn new() -> Self {
        let _entry = world().anywhere.entry();
        Self { _entry }
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        let done = panic::catch_unwind(mischief);
        if done.is_err() {
            quietly(|| drop(done));
            if !thread::panicking() {
                panic::resume_unwind(Box::new(()));
            }
        }
    }
}

/// A waker that is no task's.
#[derive(Clone)]
struct Stranger {
    _value: Value,
}

impl WakeRef for Stranger {
    fn wake_by_ref(&self) {
        mischief();
    }
}

impl Wake for Stranger {
    fn wake(self) {
        mischief();
    }
}

/// A waker that never leaves this thread.
pub(crate) fn stranger() -> Waker {
    let _value = Value::new();
    Box::new(Stranger { _value }).into_waker()
}

/// A waker for any thread.
pub(crate) fn traveller() -> Waker {
    let _value = Value::anywhere();
    Box::new(Stranger { _value }).into_waker()
}

/// Any waker at all.
pub(crate) fn any_waker() -> Waker {
    let kept = match below(4) {
        0 => return traveller(),
        1 => return Waker::noop().clone(),
        _ => world().wakers.pick(),
    };
    let Some(kept) = kept else {
        return traveller();
    };
    let waker = kept.clone();
    world().wakers.put(kept);
    waker
}

/// What every future does when it is polled.
pub(crate) fn step(cx: &mut Context<'_>) -> Poll<Value> {
    if world().left.get() == 0 {
        return Poll::Ready(Value::new());
    }
    mischief();
    match below(8) {
        0 => world().wakers.put(cx.waker().clone()),
        1 => pieces::tasks::poll_handle_with(cx),
        2 | 3 => pieces::many::poll_future_with(cx),
        4 => pieces::waiting::poll_sleep_with(cx),
        _ => cx.waker().wake_by_ref(),
    }
    if one_in(4) {
        Poll::Ready(Value::new())
    } else {
        Poll::Pending
    }
}

/// A future without a size.
pub(crate) struct Nothing;

impl Future for Nothing {
    type Output = Value;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Value> {
        step(cx)
    }
}

impl Drop for Nothing {
    fn drop(&mut self) {
        mischief();
    }
}

/// A future that looks after its bytes whenever other code may have run.
pub(crate) struct Sized<const BYTES: usize> {
    bytes: [u8; BYTES],
    _entry: Entry,
}

impl<const BYTES: usize> Sized<BYTES> {
    pub(crate) fn new() -> Self {
        Self {
            bytes: [BYTES as u8; BYTES],
            _entry: world().owner.entry(),
        }
    }

    fn check(&self) {
        assert!(self.bytes.iter().all(|byte| *byte == BYTES as u8));
    }
}

impl<const BYTES: usize> Future for Sized<BYTES> {
    type Output = Value;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Value> {
        let next = step(cx);
        self.check();
        next
    }
}

impl<const BYTES: usize> Drop for Sized<BYTES> {
    fn drop(&mut self) {
        let done = panic::catch_unwind(AssertUnwindSafe(mischief));
        self.check();
        if let Err(payload) = done {
            panic::resume_unwind(payload);
        }
    }
}

/// One that must not move.
#[repr(align(64))]
pub(crate) struct Aligned(pub(crate) Sized<8>);

impl Future for Aligned {
    type Output = Value;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Value> {
        assert_eq!((&raw const *self).addr() % 64, 0);
        Pin::new(&mut self.0).poll(cx)
    }
}
