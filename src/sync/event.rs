//! A flag that tasks wait for.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::waiters::{WaitQueue, Waitable, Waiter, wake_each};
use crate::waiting::WaitsOn;

/// A flag that tasks wait for: setting it lets all waiters proceed.
///
/// # Examples
///
/// ```
/// let ready = looplet::Event::new();
/// futures::executor::block_on(async {
///     let waiter = async {
///         ready.wait().await;
///         "go"
///     };
///     let (word, ()) = futures::join!(waiter, async { ready.set() });
///     assert_eq!(word, "go");
/// });
/// ```
#[doc(alias = "asyncio.Event")]
#[derive(Default)]
pub struct Event {
    is_set: Cell<bool>,
    queue: RefCell<WaitQueue>,
}

impl Event {
    /// Creates an event that is not set.
    pub const fn new() -> Self {
        Self {
            is_set: Cell::new(false),
            queue: RefCell::new(WaitQueue::new()),
        }
    }

    /// Sets the flag and wakes all waiters, in order of arrival.
    pub fn set(&self) {
        self.is_set.set(true);
        self.settle();
    }

    /// Clears the flag. Waiters that were woken before proceed all the same.
    pub fn clear(&self) {
        self.is_set.set(false);
    }

    /// Whether the flag is set.
    pub fn is_set(&self) -> bool {
        self.is_set.get()
    }

    /// Waits until the flag is set; does not suspend if it is.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub fn wait(&self) -> impl Future<Output = ()> + Unpin {
        Wait(Waiter::new(self))
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("is_set", &self.is_set())
            .field("waiting", &self.queue.borrow().len())
            .finish()
    }
}

impl Waitable for &Event {
    type Data = ();

    const WAIT: WaitsOn = WaitsOn::Event;

    fn with_queue<R>(&self, f: impl FnOnce(&mut WaitQueue) -> R) -> R {
        f(&mut self.queue.borrow_mut())
    }

    fn settle(&self) {
        if self.is_set.get() {
            self.queue.borrow_mut().notify_all();
        }
        wake_each(|| self.queue.borrow_mut().next_notified());
    }
}

struct Wait<'a>(Waiter<&'a Event>);

impl Future for Wait<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let waiter = &mut self.0;
        if waiter.is_queued() || !waiter.target().is_set() {
            ready!(waiter.poll(cx));
        }
        Poll::Ready(())
    }
}
