//! The wait queue that all primitives share, and the rule that an unused grant passes to the next waiter.
//!
//! A [`WaitQueue`] is plain data and never runs user code: the waiters in order of arrival, and which of them may
//! proceed. A primitive keeps it in a `RefCell` beside its own state and lets waiters proceed in one of two ways:
//!
//! - by *grant* ([`grant`](WaitQueue::grant)): the first `n` waiters may proceed, the rest may not. A queue grants as
//!   many getters as it has items; a semaphore as many acquirers as it has permits. When a waiter leaves, the grants
//!   are counted anew.
//! - by *notification* ([`notify_all`](WaitQueue::notify_all)): all present waiters may proceed, irrevocably, as with
//!   an event.
//!
//! Both return wakers one by one, so that the primitive can end its borrow before it wakes: a waker runs user code,
//! which may panic or call back in. A [`Waiter`] is one entry of the queue; dropping it leaves the queue and
//! [settles](Waitable::settle) the primitive, which passes an unused grant on.

mod wait_queue;
mod wake;

use std::task::{Context, Poll, Waker};

use self::wait_queue::Check;
pub(super) use self::wait_queue::{Key, WaitQueue};
pub(super) use self::wake::{NextWaker, wake_each, wake_one};
use crate::waiting;

/// A primitive with a wait queue, or one of several wait queues of a primitive.
pub(super) trait Waitable {
    /// What is stored with each waiter.
    type Data: Default;

    /// What the waiters wait for.
    const WAIT: waiting::WaitsOn;

    /// Accesses the queue. No user code may run inside.
    fn with_queue<R>(&self, f: impl FnOnce(&mut WaitQueue<Self::Data>) -> R) -> R;

    /// Appends a waiter. Cloning its waker ran user code, which may have provided what the waiter needs: then it is
    /// granted here.
    fn enqueue(&self, waker: Waker) -> Key {
        let key = self.with_queue(|queue| queue.push(waker));
        self.settle();
        key
    }

    /// Removes a waiter.
    fn remove(&self, key: Key) -> (Self::Data, Option<Waker>) {
        self.with_queue(|queue| queue.remove(key))
    }

    /// Grants and wakes all waiters that the state allows to proceed. Called with no borrow held.
    fn settle(&self);
}

/// One waiter, queued by the first poll that has to wait.
pub(super) struct Waiter<W: Waitable> {
    target: W,
    key: Option<Key>,
}

impl<W: Waitable> Waiter<W> {
    #[inline]
    pub(super) fn new(target: W) -> Self {
        Self { target, key: None }
    }

    #[inline]
    pub(super) fn target(&self) -> &W {
        &self.target
    }

    /// Target and key, for a primitive that removes the waiter and changes its state in one step.
    #[inline]
    pub(super) fn parts(&mut self) -> (&W, &mut Option<Key>) {
        (&self.target, &mut self.key)
    }

    #[inline]
    pub(super) fn is_queued(&self) -> bool {
        self.key.is_some()
    }

    /// Enters the queue. Once the waiter may proceed, leaves it with the waiter's data; then the caller changes the
    /// state of the primitive and settles it. The first poll is always pending.
    #[inline]
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<W::Data> {
        let Self { target, key } = self;
        if key.is_none() {
            *key = Some(target.enqueue(cx.waker().clone()));
        } else if let Some(data) = target.with_queue(|queue| queue.remove_if_granted(key)) {
            return Poll::Ready(data);
        } else if self.may_proceed(cx) {
            return Poll::Ready(self.leave());
        }
        waiting::note(W::WAIT);
        Poll::Pending
    }

    /// Whether a queued waiter may proceed; if not, its waker is `cx`'s.
    #[inline(never)]
    fn may_proceed(&self, cx: &Context<'_>) -> bool {
        let Some(key) = &self.key else { return false };
        match self.target.with_queue(|queue| queue.check(key, cx.waker())) {
            Check::Proceed => true,
            Check::Wait => false,
            Check::ReplaceWaker => {
                let waker = cx.waker().clone();
                let replace = |queue: &mut WaitQueue<W::Data>| queue.replace_waker(key, waker);
                let (_unused, may_proceed) = self.target.with_queue(replace);
                may_proceed
            }
        }
    }

    /// Leaves the queue; the caller settles the primitive.
    pub(super) fn leave(&mut self) -> W::Data {
        match self.key.take() {
            Some(key) => self.target.remove(key).0,
            None => W::Data::default(),
        }
    }
}

impl<W: Waitable> Drop for Waiter<W> {
    #[inline]
    fn drop(&mut self) {
        if self.key.is_some() {
            pass_on(self);
        }
    }
}

/// Leaves the queue without using a grant, and lets the next waiter have it.
#[cold]
fn pass_on<W: Waitable>(waiter: &mut Waiter<W>) {
    if let Some(key) = waiter.key.take() {
        // The waker is dropped last: that may panic.
        let _left = waiter.target.remove(key);
        waiter.target.settle();
    }
}
