//! Permits that are handed over at their release: what a mutex (with one) and a semaphore (with many) are made of.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::waiters::{Line, Owner, Waiting, wake_each};
use crate::waiting::Kind;

/// A number of free permits and those who wait for one.
///
/// As many waiters as there are free permits have been let go: each of them owns one from that moment on, though it
/// counts as free until the waiter has run. A newcomer may take what is left over.
pub(super) struct Permits {
    free: Cell<usize>,
    line: RefCell<Line>,
}

impl Permits {
    pub(super) const fn new(count: usize) -> Self {
        Self {
            free: Cell::new(count),
            line: RefCell::new(Line::new()),
        }
    }

    /// How many a newcomer may take.
    pub(super) fn available(&self) -> usize {
        self.free.get().saturating_sub(self.line.borrow().len())
    }

    pub(super) fn waiting(&self) -> usize {
        self.line.borrow().len()
    }

    /// Takes one that nobody waits for.
    pub(super) fn try_take(&self) -> bool {
        let is_free = self.available() > 0;
        if is_free {
            self.free.set(self.free.get() - 1);
        }
        is_free
    }

    /// Adds permits, or says that so many cannot be counted.
    pub(super) fn add(&self, count: usize) -> Result<(), TooMany> {
        let sum = self.free.get().checked_add(count).ok_or(TooMany)?;
        self.free.set(sum);
        self.settle();
        Ok(())
    }

    /// Gives back one that was taken.
    pub(super) fn give_back(&self) {
        // Too many can only be here if they were added while this one was out: then it makes no difference.
        let _ = self.add(1);
    }

    /// Waits for a permit and takes it.
    pub(super) fn take(&self) -> Take<'_> {
        Take(Waiting::new(self))
    }
}

pub(super) struct TooMany;

impl Owner for &Permits {
    type Note = ();

    const KIND: Kind = Kind::Lock;

    fn with_line<R>(&self, f: impl FnOnce(&mut Line) -> R) -> R {
        f(&mut self.line.borrow_mut())
    }

    fn settle(&self) {
        if !self.line.borrow().is_settled(self.free.get()) {
            wake_each(|| self.line.borrow_mut().let_go(self.free.get()));
        }
    }
}

/// The future of [`Permits::take`]. Whoever sees it finish owns a permit.
pub(super) struct Take<'a>(Waiting<&'a Permits>);

impl Future for Take<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let waiting = &mut self.0;
        let permits = *waiting.owner();
        if !waiting.is_in_line() && permits.try_take() {
            return Poll::Ready(());
        }
        ready!(waiting.poll(cx));
        // First the count, then the place: a waker that is dropped on leaving must not see one too many.
        permits.free.set(permits.free.get() - 1);
        waiting.leave();
        Poll::Ready(())
    }
}
