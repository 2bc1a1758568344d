//! The hand-written leaf futures that every executor polls.

use std::cell::Cell;
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Wakes its own task so many times before it is ready.
pub struct YieldTimes(pub usize);

impl Future for YieldTimes {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Ready at once with its number.
pub struct Answer(pub u64);

impl Future for Answer {
    type Output = u64;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u64> {
        Poll::Ready(black_box(self.0))
    }
}

/// Waits for ever: 32 bytes, as a small task of a real program.
pub struct WaitForEver(pub [u64; 4]);

impl Future for WaitForEver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        black_box(self.0);
        Poll::Pending
    }
}

/// A one-slot cell: holds one value and the waker of its reader.
#[derive(Default)]
pub struct Slot {
    value: Cell<Option<u64>>,
    reader: Cell<Option<Waker>>,
}

impl Slot {
    /// Puts a value in and wakes the reader.
    pub fn put(&self, value: u64) {
        self.value.set(Some(value));
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Waits for a value and takes it out.
    pub fn take(&self) -> Take<'_> {
        Take(self)
    }
}

/// The future of [`Slot::take`].
pub struct Take<'a>(&'a Slot);

impl Future for Take<'_> {
    type Output = u64;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u64> {
        if let Some(value) = self.0.value.take() {
            return Poll::Ready(value);
        }
        self.0.reader.set(Some(cx.waker().clone()));
        Poll::Pending
    }
}
