//! Permits that are handed over at their release: the base of a mutex (with one) and of a semaphore (with many).

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::waiters::{WaitQueue, Waitable, Waiter, wake_each};
use crate::waiting::WaitsOn;

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
    #[inline]
    pub(super) fn available(&self) -> usize {
        self.free.get().saturating_sub(self.queue.borrow().len())
    }

    pub(super) fn waiting(&self) -> usize {
        self.queue.borrow().len()
    }

    /// Takes a permit if one is free that no task waits for.
    #[inline]
    pub(super) fn try_take(&self) -> bool {
        let is_free = self.available() > 0;
        if is_free {
            self.free.set(self.free.get() - 1);
        }
        is_free
    }

    /// Adds permits; fails if their number would overflow.
    #[inline]
    pub(super) fn add(&self, count: usize) -> Result<(), Overflow> {
        let sum = self.free.get().checked_add(count).ok_or(Overflow)?;
        self.free.set(sum);
        self.settle();
        Ok(())
    }

    /// Releases a permit that was taken.
    #[inline]
    pub(super) fn release(&self) {
        // This overflows only if permits were added while this one was out: then one less makes no difference.
        let _ = self.add(1);
    }

    #[inline(never)]
    fn wake(&self) {
        wake_each(|| self.queue.borrow_mut().grant(self.free.get()));
    }

    /// Waits for a permit and takes it.
    pub(super) fn take(&self) -> impl Future<Output = ()> {
        self.take_then(|| ())
    }

    /// Waits for a permit and takes it, then calls `f`.
    #[inline]
    pub(super) fn take_then<F: Fn() -> R, R>(&self, f: F) -> Take<'_, F> {
        Take {
            waiter: Waiter::new(self),
            then: f,
        }
    }
}

pub(super) struct Overflow;

impl Waitable for &Permits {
    type Data = ();

    const WAIT: WaitsOn = WaitsOn::Lock;

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

pin_project! {
    /// The future of [`Permits::take`]. Its completion transfers a permit to the caller.
    // Not `Unpin`, so that it may become an `async fn` again.
    #[project(!Unpin)]
    pub(super) struct Take<'a, F> {
        waiter: Waiter<&'a Permits>,
        then: F,
    }
}

impl<F: Fn() -> R, R> Future for Take<'_, F> {
    type Output = R;

    // A call costs as much as the body.
    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let this = self.project();
        if this.waiter.is_queued() || !this.waiter.target().try_take() {
            ready!(poll_queued(this.waiter, cx));
        }
        Poll::Ready((this.then)())
    }
}

#[inline(never)]
fn poll_queued(waiter: &mut Waiter<&Permits>, cx: &mut Context<'_>) -> Poll<()> {
    ready!(waiter.poll(cx));
    let free = &waiter.target().free;
    free.set(free.get() - 1);
    Poll::Ready(())
}
