//! A flag to wait for.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::waiters::{Line, Owner, Waiting, wake_each};
use crate::waiting::Kind;

/// A flag that tasks wait for: once it is set, everybody who waits goes on.
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
    line: RefCell<Line>,
}

impl Event {
    /// An event that is not set.
    pub const fn new() -> Self {
        Self {
            is_set: Cell::new(false),
            line: RefCell::new(Line::new()),
        }
    }

    /// Sets the flag and wakes all who wait, in the order in which they came.
    pub fn set(&self) {
        self.is_set.set(true);
        self.settle();
    }

    /// Clears the flag. Those who were woken before go on all the same.
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
        Wait(Waiting::new(self))
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("is_set", &self.is_set())
            .field("waiting", &self.line.borrow().len())
            .finish()
    }
}

impl Owner for &Event {
    type Note = ();

    const KIND: Kind = Kind::Event;

    fn with_line<R>(&self, f: impl FnOnce(&mut Line) -> R) -> R {
        f(&mut self.line.borrow_mut())
    }

    fn settle(&self) {
        if self.is_set.get() {
            self.line.borrow_mut().call_all();
        }
        wake_each(|| self.line.borrow_mut().next_called());
    }
}

struct Wait<'a>(Waiting<&'a Event>);

impl Future for Wait<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let waiting = &mut self.0;
        if waiting.is_in_line() || !waiting.owner().is_set() {
            ready!(waiting.poll(cx));
            waiting.leave();
        }
        Poll::Ready(())
    }
}
