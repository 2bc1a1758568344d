//! Permits that are handed over at their release: the base of a mutex (with one) and of a semaphore (with many).

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::waiters::{WaitQueue, Waitable, Waiter, wake_each};
use crate::waiting::Kind;

/// A number of free permits and the waiters for one.
///
/// As many waiters are granted as there are free permits: each of them owns one from that moment on, though it counts
/// as free until the waiter has run. A newcomer may take only a permit that is left over.
pub(super) struct Permits {
    free: Cell<usize>,
    queue: RefCell<WaitQueue>,
}

impl Permits {
    pub(super) const fn new(count: usize) -> Self {
        Self {
            free: Cell::new(count),
            queue: RefCell::new(WaitQueue::new()),
        }
    }

    /// How many permits a newcomer may take.
    pub(super) fn available(&self) -> usize {
        self.free.get().saturating_sub(self.queue.borrow().len())
    }

    pub(super) fn waiting(&self) -> usize {
        self.queue.borrow().len()
    }

    /// Takes a permit if one is free that no task waits for.
    pub(super) fn try_take(&self) -> bool {
        let is_free = self.available() > 0;
        if is_free {
            self.free.set(self.free.get() - 1);
        }
        is_free
    }

    /// Adds permits; fails if their number would overflow.
    pub(super) fn add(&self, count: usize) -> Result<(), Overflow> {
        let sum = self.free.get().checked_add(count).ok_or(Overflow)?;
        self.free.set(sum);
        self.settle();
        Ok(())
    }

    /// Releases a permit that was taken.
    pub(super) fn release(&self) {
        // This overflows only if permits were added while this one was out: then one less makes no difference.
        let _ = self.add(1);
    }

    #[inline(never)]
    fn wake(&self) {
        wake_each(|| self.queue.borrow_mut().grant(self.free.get()));
    }

    /// Waits for a permit and takes it.
    pub(super) fn take(&self) -> Take<'_> {
        Take(Waiter::new(self))
    }
}

pub(super) struct Overflow;

impl Waitable for &Permits {
    type Data = ();

    const KIND: Kind = Kind::Lock;

    fn with_queue<R>(&self, f: impl FnOnce(&mut WaitQueue) -> R) -> R {
        f(&mut self.queue.borrow_mut())
    }

    #[inline]
    fn settle(&self) {
        if !self.queue.borrow().is_settled(self.free.get()) {
            self.wake();
        }
    }
}

/// The future of [`Permits::take`]. Its completion transfers a permit to the caller.
pub(super) struct Take<'a>(Waiter<&'a Permits>);

impl Future for Take<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let waiter = &mut self.0;
        let permits = *waiter.target();
        if !waiter.is_queued() && permits.try_take() {
            return Poll::Ready(());
        }
        ready!(waiter.poll(cx));
        permits.free.set(permits.free.get() - 1);
        Poll::Ready(())
    }
}
