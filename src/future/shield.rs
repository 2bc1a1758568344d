//! Awaiting a task without cancelling it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::task::{JoinError, JoinHandle};

/// Awaits a task and protects it from cancellation; made by [`shield`].
///
/// Dropping it detaches the task, even in the middle of the await.
#[must_use = "dropping the shield detaches the task"]
pub struct Shield<T>(JoinHandle<T>);

/// Awaits a task, but does not cancel it when the await is dropped.
///
/// The outcome is the task's. If the shield is dropped before, because the awaiting task is cancelled or a
/// [`timeout`](crate::timeout) elapses, the task is detached and runs on; a panic in it then goes to
/// [`Builder::on_unhandled_panic`](crate::Builder::on_unhandled_panic). This also applies to a handle that was awaited
/// before.
///
/// # Errors
///
/// [`JoinError`] if the task was cancelled or panicked, as for the handle itself.
///
/// # Panics
///
/// If it is awaited by the task that it shields.
///
/// # Cancel safety
///
/// `(&mut shield).await` loses nothing when it is dropped.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use looplet::{shield, sleep, spawn, timeout};
///
/// looplet::EventLoop::builder().virtual_time().build().block_on(async {
///     let task = spawn(async {
///         sleep(Duration::from_secs(2)).await;
///         "saved"
///     });
///     let saving = task.task();
///     assert!(timeout(Duration::from_secs(1), shield(task)).await.is_err());
///     sleep(Duration::from_secs(2)).await;
///     assert!(saving.is_finished() && !saving.is_cancelled());
/// });
/// ```
#[doc(alias = "asyncio.shield")]
pub fn shield<T>(handle: JoinHandle<T>) -> Shield<T> {
    handle.forget_await();
    Shield(handle)
}

impl<T> Future for Shield<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = Pin::new(&mut self.0).poll(cx);
        self.0.forget_await();
        outcome
    }
}

impl<T: fmt::Debug> fmt::Debug for Shield<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shield").field(&self.0).finish()
    }
}
