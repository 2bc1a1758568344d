//! Moves items of other threads from a pipe into the queue, as far as there is room.

use std::collections::VecDeque;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::core::{Putters, Shared};
use super::remote::{Left, Pipe};
use super::store::Store;
use crate::sync::waiters::Waiter;

/// The most items that one poll moves. Moving an item is cheap, but a getter may take all of them in one poll. The value
/// bounds that poll, and is large enough to make the cost of the transfer per item negligible.
const ITEMS_PER_POLL: usize = 1024;

/// The receiver of a pipe. It is ready when there are no items and no senders; dropping it before closes the pipe.
pub(crate) struct Transfer<S: Store> {
    pipe: Arc<Pipe<S::Item>>,
    /// Waits among the putters, in their order, while the queue is full.
    waiter: Waiter<Putters<Rc<Shared<S>>>>,
    /// Empty between polls; kept for its memory.
    batch: VecDeque<S::Item>,
    is_over: bool,
}

impl<S: Store> Unpin for Transfer<S> {}

impl<S: Store> Transfer<S> {
    pub(crate) fn new(pipe: Arc<Pipe<S::Item>>, queue: Rc<Shared<S>>) -> Self {
        Self {
            pipe,
            waiter: Waiter::new(Putters(queue)),
            batch: VecDeque::new(),
            is_over: false,
        }
    }

    fn queue(&self) -> &Shared<S> {
        &self.waiter.target().0
    }

    fn room(&mut self) -> usize {
        let (queue, key) = self.waiter.parts();
        queue.0.room(key.as_ref())
    }

    /// Moves as many items as there is room for.
    fn transfer(&mut self, cx: &Context<'_>) -> Left {
        let room = self.room().min(ITEMS_PER_POLL);
        if room > 0 {
            self.waiter.leave();
        }
        // No user code runs between the look at the room and the put.
        let left = self.pipe.take(&mut self.batch, room, cx.waker());
        if room == 0 {
            return left;
        }
        let (queue, batch) = (&self.waiter.target().0, &mut self.batch);
        let put = panic::catch_unwind(AssertUnwindSafe(|| queue.put_all(batch)));
        if let Err(panic) = put {
            // A comparison or a waker has panicked. The next poll moves the rest.
            self.pipe.put_back(&mut self.batch);
            cx.waker().wake_by_ref();
            panic::resume_unwind(panic);
        }
        left
    }
}

impl<S: Store> Future for Transfer<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.transfer(cx) {
            Left::Items => {
                if self.room() > 0 || self.waiter.poll(cx).is_ready() {
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            }
            Left::Senders => {
                self.queue().end_arrivals();
                Poll::Pending
            }
            Left::NoSender => {
                self.is_over = true;
                Poll::Ready(())
            }
        }
    }
}

impl<S: Store> Drop for Transfer<S> {
    fn drop(&mut self) {
        if !self.is_over {
            self.pipe.close();
        }
        self.queue().end_arrivals();
    }
}
