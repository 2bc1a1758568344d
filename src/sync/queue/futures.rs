//! The futures of `put`, `get` and `join`, and the stream. All of them may be dropped at any time without losing an
//! item.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_core::stream::FusedStream;

use super::core::{Getters, Joiners, Putters, Shared};
use super::store::Store;
use crate::error::{Closed, PutError};
use crate::sync::waiters::{Waitable, Waiter};
use crate::waiting::{WaitsOn, note};

/// Waits for an item. `R` is a reference to the queue, or an `Rc` in a stream.
pub(super) struct Get<S: Store, R: Deref<Target = Shared<S>>>(Waiter<Getters<R>>);

/// Waits for room.
pub(super) struct Put<'a, S: Store> {
    /// `None` once it was put.
    item: Option<S::Item>,
    waiter: Waiter<Putters<&'a Shared<S>>>,
}

/// Waits until every item was reported as done.
pub(super) struct Join<'a, S: Store>(Waiter<Joiners<&'a Shared<S>>>);

/// The stream of items, which ends once the queue is shut down and empty.
pub(super) struct Items<S: Store, R: Deref<Target = Shared<S>>> {
    get: Get<S, R>,
    is_over: bool,
}

impl<S: Store, R: Deref<Target = Shared<S>>> Unpin for Get<S, R> {}
impl<S: Store> Unpin for Put<'_, S> {}
impl<S: Store, R: Deref<Target = Shared<S>>> Unpin for Items<S, R> {}

impl<S: Store, R: Deref<Target = Shared<S>>> Get<S, R> {
    #[inline]
    pub(super) fn new(queue: R) -> Self {
        Self(Waiter::new(Getters(queue)))
    }

    // A call costs as much as the body, here and in `put`.
    #[inline(always)]
    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Result<S::Item, Closed>> {
        if !self.0.is_queued() {
            if let Some(item) = self.0.target().0.take() {
                return Poll::Ready(Ok(item));
            }
        }
        self.wait(cx)
    }

    #[inline(never)]
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Result<S::Item, Closed>> {
        let (target, key) = self.0.parts();
        if key.is_some() {
            if let Some(item) = target.0.get_granted(key) {
                return Poll::Ready(Ok(item));
            }
        } else if target.0.queue_getter(key, cx.waker().clone()) {
            note(WaitsOn::QueueGet);
            return Poll::Pending;
        }
        self.wait_in_general(cx)
    }

    #[cold]
    #[inline(never)]
    fn wait_in_general(&mut self, cx: &mut Context<'_>) -> Poll<Result<S::Item, Closed>> {
        while self.0.is_queued() || !self.0.target().0.is_over() {
            ready!(self.0.poll(cx));
            // Empty only if the queue is over, or if user code ran while this waiter left.
            if let Some(item) = self.0.target().0.take() {
                return Poll::Ready(Ok(item));
            }
            self.0.target().settle();
        }
        Poll::Ready(Err(Closed))
    }
}

impl<S: Store, R: Deref<Target = Shared<S>>> Future for Get<S, R> {
    type Output = Result<S::Item, Closed>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_item(cx)
    }
}

impl<'a, S: Store> Put<'a, S> {
    #[inline]
    pub(super) fn new(queue: &'a Shared<S>, item: S::Item) -> Self {
        Self {
            item: Some(item),
            waiter: Waiter::new(Putters(queue)),
        }
    }

    #[inline(never)]
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PutError<S::Item>>> {
        let (target, key) = self.waiter.parts();
        if key.is_some() {
            if target.0.put_granted(key, &mut self.item) {
                return Poll::Ready(Ok(()));
            }
        } else if target.0.queue_putter(key, cx.waker().clone()) {
            note(WaitsOn::QueuePut);
            return Poll::Pending;
        }
        self.wait_in_general(cx)
    }

    #[cold]
    #[inline(never)]
    fn wait_in_general(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PutError<S::Item>>> {
        while self.waiter.is_queued() || !self.waiter.target().0.is_shut() {
            ready!(self.waiter.poll(cx));
            // Full only if the queue was shut down, or if user code ran while this waiter left.
            if self.waiter.target().0.put_if_room(&mut self.item) {
                return Poll::Ready(Ok(()));
            }
            self.waiter.target().settle();
        }
        let item = self
            .item
            .take()
            .expect("`put` is polled until it has finished");
        Poll::Ready(Err(PutError(item)))
    }
}

impl<S: Store> Future for Put<'_, S> {
    type Output = Result<(), PutError<S::Item>>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if !this.waiter.is_queued() && this.waiter.target().0.put_if_room(&mut this.item) {
            return Poll::Ready(Ok(()));
        }
        this.wait(cx)
    }
}

impl<'a, S: Store> Join<'a, S> {
    pub(super) fn new(queue: &'a Shared<S>) -> Self {
        Self(Waiter::new(Joiners(queue)))
    }
}

impl<S: Store> Future for Join<'_, S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let waiter = &mut self.0;
        if waiter.is_queued() || waiter.target().0.has_unfinished() {
            ready!(waiter.poll(cx));
        }
        Poll::Ready(())
    }
}

impl<S: Store, R: Deref<Target = Shared<S>>> Items<S, R> {
    pub(super) fn new(queue: R) -> Self {
        Self {
            get: Get::new(queue),
            is_over: false,
        }
    }
}

impl<S: Store, R: Deref<Target = Shared<S>>> Stream for Items<S, R> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let item = ready!(self.get.poll_item(cx)).ok();
        self.is_over = item.is_none();
        Poll::Ready(item)
    }
}

impl<S: Store, R: Deref<Target = Shared<S>>> FusedStream for Items<S, R> {
    fn is_terminated(&self) -> bool {
        self.is_over
    }
}
