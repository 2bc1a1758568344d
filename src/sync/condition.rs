//! Waiting for a change of the value in a mutex.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll, ready};

use super::mutex::{Mutex, MutexGuard};
use super::waiters::{WaitQueue, Waitable, Waiter, wake_each};
use crate::waiting::WaitsOn;

/// A condition variable: tasks wait for a change of the value in a [`Mutex`], which is unlocked meanwhile.
///
/// A waiter may resume though nothing has changed: check again, or use [`wait_while`](Self::wait_while).
///
/// # Examples
///
/// ```
/// use looplet::{Condition, Mutex};
///
/// let (pot, changed) = (Mutex::new(0), Condition::new());
/// futures::executor::block_on(async {
///     let eater = async { *changed.wait_while(pot.lock().await, |eggs| *eggs == 0).await };
///     let cook = async {
///         *pot.lock().await += 2;
///         changed.notify_all();
///     };
///     let (eggs, ()) = futures::join!(eater, cook);
///     assert_eq!(eggs, 2);
/// });
/// ```
#[doc(alias = "asyncio.Condition")]
#[derive(Default)]
pub struct Condition {
    queue: RefCell<WaitQueue>,
    /// How many were notified and have not left the queue yet.
    notified: Cell<usize>,
    /// The address of the mutex that the queued waiters use. It is compared, never dereferenced.
    mutex: Cell<usize>,
}

impl Condition {
    /// Creates a condition without waiters.
    pub const fn new() -> Self {
        Self {
            queue: RefCell::new(WaitQueue::new()),
            notified: Cell::new(0),
            mutex: Cell::new(0),
        }
    }

    /// Unlocks the mutex, waits for a notification, and locks it again behind all that wait for it by then.
    ///
    /// # Panics
    ///
    /// If other tasks wait on this condition with another mutex.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the lock or the position in the queue; a notification that it had already received
    /// goes to the next waiter.
    pub async fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        let mutex = guard.mutex();
        Notified::new(self, guard).await;
        let relay = Relay(self);
        let guard = mutex.lock().await;
        mem::forget(relay);
        guard
    }

    /// Waits while `condition` returns `true` for the value: it is called first, and again after each notification.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    ///
    /// # Cancel safety
    ///
    /// As [`wait`](Self::wait).
    #[doc(alias = "wait_for")]
    pub async fn wait_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> MutexGuard<'a, T> {
        while condition(&mut guard) {
            guard = self.wait(guard).await;
        }
        guard
    }

    /// Notifies the first `count` waiters that were not notified yet. They proceed as soon as they get the lock.
    ///
    /// It does not require the lock: no waiter is missed if the value is changed under the lock and `notify` follows.
    pub fn notify(&self, count: usize) {
        let sum = self.notified.get().saturating_add(count);
        self.notified.set(sum);
        self.settle();
    }

    /// Notifies all waiters.
    pub fn notify_all(&self) {
        self.notify(usize::MAX);
    }

    #[track_caller]
    fn bind<T>(&self, mutex: &Mutex<T>) {
        let address = ptr::from_ref(mutex).addr();
        assert!(
            self.queue.borrow().is_empty() || self.mutex.get() == address,
            "a condition serves one mutex at a time, and others wait on this one with another mutex: \
             use one condition for each mutex",
        );
        self.mutex.set(address);
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition")
            .field("waiting", &self.queue.borrow().len())
            .finish()
    }
}

impl Waitable for &Condition {
    const WAIT: WaitsOn = WaitsOn::Condition;
    type Data = ();

    fn with_queue<R>(&self, f: impl FnOnce(&mut WaitQueue) -> R) -> R {
        f(&mut self.queue.borrow_mut())
    }

    fn settle(&self) {
        // A notification without a waiter is not kept for later ones.
        let waiting = self.queue.borrow().len();
        self.notified.set(self.notified.get().min(waiting));
        wake_each(|| self.queue.borrow_mut().grant(self.notified.get()));
    }
}

/// Enters the queue, then unlocks, then waits for a notification.
struct Notified<'c, 'a, T> {
    waiter: Waiter<&'c Condition>,
    guard: Option<MutexGuard<'a, T>>,
}

impl<'c, 'a, T> Notified<'c, 'a, T> {
    fn new(condition: &'c Condition, guard: MutexGuard<'a, T>) -> Self {
        Self {
            waiter: Waiter::new(condition),
            guard: Some(guard),
        }
    }
}

impl<T> Unpin for Notified<'_, '_, T> {}

impl<T> Future for Notified<'_, '_, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let condition = *self.waiter.target();
        if let Some(guard) = &self.guard {
            condition.bind(guard.mutex());
            let _queued = self.waiter.poll(cx);
            // Unlocking wakes a task, which runs user code and may notify.
            self.guard = None;
        }
        ready!(self.waiter.poll(cx));
        condition.notified.set(condition.notified.get() - 1);
        Poll::Ready(())
    }
}

/// Passes a notification on if the waiter is dropped before it has the lock.
struct Relay<'c>(&'c Condition);

impl Drop for Relay<'_> {
    fn drop(&mut self) {
        self.0.notify(1);
    }
}
