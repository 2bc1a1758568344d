//! A channel for one value.

use std::cell::Cell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::waiters::wake_one;
use crate::error::{Closed, TryGetError};
use crate::waiting::{self, WaitsOn};

/// Creates a channel for a single value: one end sends it, the other is a future of it.
///
/// # Examples
///
/// ```
/// let (sender, receiver) = looplet::oneshot();
/// sender.send("done").unwrap();
/// assert_eq!(futures::executor::block_on(receiver), Ok("done"));
/// ```
#[doc(alias = "asyncio.Future")]
#[doc(alias = "create_future")]
pub fn oneshot<T>() -> (Sender<T>, Receiver<T>) {
    let channel = Rc::new(Channel {
        value: Cell::new(None),
        has_sender: Cell::new(true),
        has_receiver: Cell::new(true),
        receiver: WakerCell::default(),
        sender: WakerCell::default(),
    });
    (Sender(Rc::clone(&channel)), Receiver(channel))
}

struct Channel<T> {
    value: Cell<Option<T>>,
    has_sender: Cell<bool>,
    has_receiver: Cell<bool>,
    receiver: WakerCell,
    sender: WakerCell,
}

/// The waker of the only possible waiter. It is cloned, dropped and woken with nothing borrowed.
#[derive(Default)]
struct WakerCell(Cell<Option<Waker>>);

impl WakerCell {
    /// The caller checks again afterwards: cloning a waker runs user code.
    fn register(&self, waker: &Waker) {
        let old = self.0.take();
        let new = match old {
            Some(old) if old.will_wake(waker) => old,
            _ => waker.clone(),
        };
        drop(self.0.replace(Some(new)));
    }

    fn wake(&self) {
        wake_one(self.0.take());
    }
}

/// Calls `check`, and calls it again after the waker was registered.
fn poll_or_register<R>(
    cell: &WakerCell,
    cx: &mut Context<'_>,
    check: impl Fn() -> Option<R>,
) -> Poll<R> {
    let found = check().or_else(|| {
        waiting::note(WaitsOn::Message);
        cell.register(cx.waker());
        check()
    });
    found.map_or(Poll::Pending, Poll::Ready)
}

/// The sending end of a [`oneshot`]; dropping it unused closes the channel.
///
/// # Examples
///
/// ```
/// let (sender, receiver) = looplet::oneshot::<i32>();
/// drop(sender);
/// assert_eq!(futures::executor::block_on(receiver), Err(looplet::Closed));
/// ```
pub struct Sender<T>(Rc<Channel<T>>);

impl<T> Sender<T> {
    /// Sends the value; never waits.
    ///
    /// # Errors
    ///
    /// The value if the receiver was dropped.
    #[doc(alias = "set_result")]
    #[doc(alias = "set_exception")]
    pub fn send(self, value: T) -> Result<(), T> {
        if self.is_closed() {
            return Err(value);
        }
        self.0.value.set(Some(value));
        Ok(())
    }

    /// Whether the receiver was dropped.
    #[doc(alias = "cancelled")]
    pub fn is_closed(&self) -> bool {
        !self.0.has_receiver.get()
    }

    /// Waits until the receiver is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// let (mut sender, receiver) = looplet::oneshot::<i32>();
    /// drop(receiver);
    /// futures::executor::block_on(sender.closed());
    /// assert_eq!(sender.send(1), Err(1));
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn closed(&mut self) {
        let this = &*self;
        poll_fn(|cx| poll_or_register(&this.0.sender, cx, || this.is_closed().then_some(()))).await;
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.has_sender.set(false);
        self.0.receiver.wake();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("is_closed", &self.is_closed())
            .finish()
    }
}

/// The receiving end of a [`oneshot`]: a future of the value, or of [`Closed`] if the sender is dropped without
/// sending. The future does not suspend if either has happened.
///
/// # Examples
///
/// ```
/// let (sender, mut receiver) = looplet::oneshot();
/// assert_eq!(receiver.try_recv(), Err(looplet::TryGetError::Empty));
/// sender.send(1).unwrap();
/// assert_eq!(receiver.try_recv(), Ok(1));
/// ```
///
/// # Cancel safety
///
/// Polling it through `&mut` and stopping loses nothing. Dropping it drops a value that was sent; a value that is sent
/// later is returned to the sender.
#[must_use = "dropping the receiver drops the value"]
pub struct Receiver<T>(Rc<Channel<T>>);

impl<T> Receiver<T> {
    /// Takes the value if it was sent.
    ///
    /// # Errors
    ///
    /// [`TryGetError::Empty`] if it was not sent yet, [`TryGetError::Closed`] if it never will be.
    #[doc(alias = "result")]
    pub fn try_recv(&mut self) -> Result<T, TryGetError> {
        match self.0.value.take() {
            Some(value) => Ok(value),
            None if self.0.has_sender.get() => Err(TryGetError::Empty),
            None => Err(TryGetError::Closed),
        }
    }

    fn outcome(&self) -> Option<Result<T, Closed>> {
        let value = self.0.value.take();
        let is_over = value.is_some() || !self.0.has_sender.get();
        is_over.then(|| value.ok_or(Closed))
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, Closed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_or_register(&self.0.receiver, cx, || self.outcome())
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.0.has_receiver.set(false);
        // Both are dropped last: that may panic.
        let _unread = (self.0.value.take(), self.0.receiver.0.take());
        self.0.sender.wake();
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("has_sender", &self.0.has_sender.get())
            .finish()
    }
}
