//! Waiting for a change of what a mutex guards.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll, ready};

use super::mutex::{Mutex, MutexGuard};
use super::waiters::{Line, Owner, Waiting, wake_each};
use crate::waiting::Kind;

/// Where tasks wait for a change of the value in a [`Mutex`], with the mutex unlocked meanwhile.
///
/// A waiter may resume though nothing has changed: look again, or use [`wait_while`](Self::wait_while).
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
    line: RefCell<Line>,
    /// How many were notified and have not left the line yet.
    notified: Cell<usize>,
    /// The address of the mutex that those in the line use. It is compared, never followed.
    mutex: Cell<usize>,
}

impl Condition {
    /// A condition on which nobody waits.
    pub const fn new() -> Self {
        Self {
            line: RefCell::new(Line::new()),
            notified: Cell::new(0),
            mutex: Cell::new(0),
        }
    }

    /// Unlocks the mutex, waits for a notification, and locks it again behind all who wait for it by then.
    ///
    /// # Panics
    ///
    /// If others wait on this condition with another mutex.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the lock or its place; a notification it had already received goes to the next one.
    pub async fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        let mutex = guard.mutex();
        Notified::new(self, guard).await;
        let relay = Relay(self);
        let guard = mutex.lock().await;
        mem::forget(relay);
        guard
    }

    /// Waits for as long as `condition` says so of the value: it is asked first, and again after each notification.
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

    /// Notifies the first `count` who wait and were not notified yet. They go on as soon as they get the lock.
    ///
    /// It does not ask for the lock: whoever changes the value under it and notifies afterwards loses nobody.
    pub fn notify(&self, count: usize) {
        let sum = self.notified.get().saturating_add(count);
        self.notified.set(sum);
        self.settle();
    }

    /// Notifies all who wait.
    pub fn notify_all(&self) {
        self.notify(usize::MAX);
    }

    #[track_caller]
    fn remember<T>(&self, mutex: &Mutex<T>) {
        let address = ptr::from_ref(mutex).addr();
        assert!(
            self.line.borrow().is_empty() || self.mutex.get() == address,
            "a condition serves one mutex at a time, and others wait on this one with another mutex: \
             use one condition for each mutex",
        );
        self.mutex.set(address);
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition")
            .field("waiting", &self.line.borrow().len())
            .finish()
    }
}

impl Owner for &Condition {
    const KIND: Kind = Kind::Condition;
    type Note = ();

    fn with_line<R>(&self, f: impl FnOnce(&mut Line) -> R) -> R {
        f(&mut self.line.borrow_mut())
    }

    fn settle(&self) {
        // Who comes later has nothing of a notification for which there was nobody left.
        let waiting = self.line.borrow().len();
        self.notified.set(self.notified.get().min(waiting));
        wake_each(|| self.line.borrow_mut().let_go(self.notified.get()));
    }
}

/// Joins the line, then unlocks, then waits for a notification.
struct Notified<'c, 'a, T> {
    waiting: Waiting<&'c Condition>,
    guard: Option<MutexGuard<'a, T>>,
}

impl<'c, 'a, T> Notified<'c, 'a, T> {
    fn new(condition: &'c Condition, guard: MutexGuard<'a, T>) -> Self {
        Self {
            waiting: Waiting::new(condition),
            guard: Some(guard),
        }
    }
}

impl<T> Unpin for Notified<'_, '_, T> {}

impl<T> Future for Notified<'_, '_, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let condition = *self.waiting.owner();
        if let Some(guard) = &self.guard {
            condition.remember(guard.mutex());
        }
        let mut polled = self.waiting.poll(cx);
        if let Some(guard) = self.guard.take() {
            drop(guard);
            // Unlocking wakes others, which is foreign code and may have notified.
            polled = self.waiting.poll(cx);
        }
        ready!(polled);
        condition.notified.set(condition.notified.get() - 1);
        self.waiting.leave();
        Poll::Ready(())
    }
}

/// Passes a notification on if its receiver is dropped before it has the lock.
struct Relay<'c>(&'c Condition);

impl Drop for Relay<'_> {
    fn drop(&mut self) {
        self.0.notify(1);
    }
}
