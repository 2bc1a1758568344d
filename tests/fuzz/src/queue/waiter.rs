//! Futures and streams that wait at a queue, each polled with a waker that counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::kind::{Boxed, Item, Items};

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Something that is polled by hand.
pub(super) struct Waiter<F> {
    what: F,
    wakes: Arc<Wakes>,
}

/// What can be polled for a result.
pub(super) trait Poller {
    type Output;

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Self::Output>;
}

impl<F: Poller> Waiter<F> {
    pub(super) fn new(what: F) -> Self {
        Self {
            what,
            wakes: Arc::default(),
        }
    }

    /// Polls with the waker of the last time, or with another one.
    pub(super) fn poll(&mut self, is_moved: bool) -> Poll<F::Output> {
        if is_moved {
            self.wakes = Arc::default();
        }
        self.wakes.0.store(0, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&self.wakes));
        self.what.poll(&mut Context::from_waker(&waker))
    }

    /// Whether it was woken since the last poll.
    pub(super) fn is_woken(&self) -> bool {
        self.wakes.0.load(Ordering::Relaxed) > 0
    }
}

/// One `get`, or a stream that may come again.
pub(super) enum Getting {
    Once(Boxed<Result<Item, looplet::Closed>>),
    Stream(Items),
}

impl Poller for Getting {
    type Output = Option<Item>;

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        match self {
            Self::Once(get) => get.as_mut().poll(cx).map(Result::ok),
            Self::Stream(items) => items.as_mut().poll_next(cx),
        }
    }
}

impl Waiter<Getting> {
    pub(super) fn is_stream(&self) -> bool {
        matches!(self.what, Getting::Stream(_))
    }
}

impl<T> Poller for Boxed<T> {
    type Output = T;

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        self.as_mut().poll(cx)
    }
}
