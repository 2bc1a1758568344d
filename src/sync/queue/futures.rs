//! What `put`, `get`, `join` and `stream` wait with. All of them may be dropped at any time without losing anything.

use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_core::stream::FusedStream;

use super::core::{Getters, Joiners, Putters, Shared};
use super::store::Store;
use crate::error::{Closed, PutError};
use crate::sync::waiters::{Owner, Waiting};

/// Waits for an item. `R` is a reference to the queue, or an `Rc` in a stream.
pub(super) struct Get<S: Store, R: Deref<Target = Shared<S>>>(Waiting<Getters<R>>);

/// Waits for room.
pub(super) struct Put<'a, S: Store> {
    /// Empty once it was put.
    item: Option<S::Item>,
    waiting: Waiting<Putters<&'a Shared<S>>>,
}

/// Waits until every item was reported done.
pub(super) struct Join<'a, S: Store>(Waiting<Joiners<&'a Shared<S>>>);

/// The items one by one, until the queue was shut down and is empty.
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
        Self(Waiting::new(Getters(queue)))
    }

    #[inline]
    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Result<S::Item, Closed>> {
        if !self.0.is_in_line() {
            if let Some(item) = self.0.owner().0.take() {
                return Poll::Ready(Ok(item));
            }
        }
        self.wait(cx)
    }

    #[inline(never)]
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Result<S::Item, Closed>> {
        let (owner, place) = self.0.parts();
        if let Some(item) = owner.0.get_in_turn(place) {
            return Poll::Ready(Ok(item));
        }
        while self.0.is_in_line() || !self.0.owner().0.is_over() {
            ready!(self.0.poll(cx));
            self.0.leave();
            // There is none only if the queue is over, or foreign code ran while this one left.
            if let Some(item) = self.0.owner().0.take() {
                return Poll::Ready(Ok(item));
            }
            self.0.owner().settle();
        }
        Poll::Ready(Err(Closed))
    }
}

impl<S: Store, R: Deref<Target = Shared<S>>> Future for Get<S, R> {
    type Output = Result<S::Item, Closed>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_item(cx)
    }
}

impl<'a, S: Store> Put<'a, S> {
    #[inline]
    pub(super) fn new(queue: &'a Shared<S>, item: S::Item) -> Self {
        Self {
            item: Some(item),
            waiting: Waiting::new(Putters(queue)),
        }
    }

    #[inline(never)]
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PutError<S::Item>>> {
        let (owner, place) = self.waiting.parts();
        if owner.0.put_in_turn(place, &mut self.item) {
            return Poll::Ready(Ok(()));
        }
        while self.waiting.is_in_line() || !self.waiting.owner().0.is_shut() {
            ready!(self.waiting.poll(cx));
            self.waiting.leave();
            // There is no room only if the queue was shut down, or foreign code ran while this one left.
            if self.waiting.owner().0.put_if_room(&mut self.item) {
                return Poll::Ready(Ok(()));
            }
            self.waiting.owner().settle();
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

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if !this.waiting.is_in_line() && this.waiting.owner().0.put_if_room(&mut this.item) {
            return Poll::Ready(Ok(()));
        }
        this.wait(cx)
    }
}

impl<'a, S: Store> Join<'a, S> {
    pub(super) fn new(queue: &'a Shared<S>) -> Self {
        Self(Waiting::new(Joiners(queue)))
    }
}

impl<S: Store> Future for Join<'_, S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let waiting = &mut self.0;
        if waiting.is_in_line() || waiting.owner().0.has_unfinished() {
            ready!(waiting.poll(cx));
            waiting.leave();
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
