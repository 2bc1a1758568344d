//! The results of many tasks, in the order in which they end.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::stream::FusedStream;

use super::wait_many::{Noted, close};
use crate::event_loop::context;
use crate::task::{Ends, Filter, JoinError, JoinHandle, Task};
use crate::waiting::{self, WaitsOn};

/// The results of several tasks in the order in which they end; made by [`as_completed`].
///
/// It is a [`Stream`] as well. Dropping it cancels nothing: the tasks that have not ended are detached.
#[must_use = "dropping this detaches the tasks"]
pub struct AsCompleted<T> {
    /// By argument; `None` once the result was returned.
    handles: Vec<Option<JoinHandle<T>>>,
    /// The addresses of the tasks, in ascending order, and their indices.
    indices: Vec<(usize, usize)>,
    ends: Rc<Ends>,
    /// How many results were not returned yet.
    left: usize,
    noted: Noted,
}

/// Returns the results of tasks in the order in which they end, each as soon as it is available.
///
/// Tasks that have ended already come first, in the order in which they ended. A panic or a cancellation is returned
/// like any other result and does not end the stream. Each result costs the same, however many tasks there are. Handles
/// that were awaited before count as not awaited, so dropping this detaches their tasks. Without handles it ends at
/// once.
///
/// To limit the wait for the next result, put a [`timeout`](crate::timeout) around `next()`; no result is lost.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use looplet::{as_completed, sleep, spawn};
///
/// looplet::EventLoop::builder().virtual_time().build().block_on(async {
///     let sleepers = [3, 1, 2].map(|n| spawn(async move {
///         sleep(Duration::from_secs(n)).await;
///         n
///     }));
///     let mut completed = as_completed(sleepers);
///     let mut order = Vec::new();
///     while let Some(result) = completed.next().await {
///         order.push(result.unwrap());
///     }
///     assert_eq!(order, [1, 2, 3]);
/// });
/// ```
#[doc(alias = "asyncio.as_completed")]
pub fn as_completed<T>(handles: impl IntoIterator<Item = JoinHandle<T>>) -> AsCompleted<T> {
    let handles: Vec<_> = handles.into_iter().map(Some).collect();
    handles.iter().flatten().for_each(JoinHandle::forget_await);
    let tasks = || handles.iter().flatten().map(JoinHandle::as_task);
    let addresses = tasks().map(Task::address);
    let mut indices: Vec<_> = addresses.zip(0..).collect();
    indices.sort_unstable();
    AsCompleted {
        ends: Ends::of(tasks(), Filter::AnyEnd),
        indices,
        left: handles.len(),
        handles,
        noted: Noted::default(),
    }
}

impl<T> AsCompleted<T> {
    /// Waits for the next task to end and returns its result, or `None` if there are no more tasks. Does not suspend if
    /// a task has ended whose result was not returned yet.
    ///
    /// # Errors
    ///
    /// [`JoinError`] if that task was cancelled or panicked. The next call continues with the remaining tasks.
    ///
    /// # Panics
    ///
    /// If the result of that task was taken before its handle was passed to [`as_completed`]; and if it has to wait in
    /// a task whose own handle is among those that are left.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: the next call returns what this one would have returned.
    #[doc(alias = "__anext__")]
    #[expect(
        clippy::should_implement_trait,
        reason = "not an iterator: it waits, like `StreamExt::next`"
    )]
    pub fn next(&mut self) -> impl Future<Output = Option<Result<T, JoinError>>> {
        poll_fn(|cx| self.poll(cx))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let after_clone = || {
            self.ends.set_waker(cx.waker());
            // The clone of another executor's waker is user code, which may have ended tasks.
            self.ends.take_first()
        };
        let Some(task) = self.ends.take_first().or_else(after_clone) else {
            context::try_with(|core| {
                core.tasks.refuse_own_end(cx.waker(), &self.ends);
                let tasks = |from: usize| {
                    let left = self.handles[from..].iter();
                    left.map(|handle| handle.as_ref().map(JoinHandle::as_task))
                };
                self.noted.note(core, cx.waker(), self.left, tasks);
            });
            waiting::note(WaitsOn::AnyOfMany);
            return Poll::Pending;
        };
        self.left -= 1;
        let mut handle = self.take_handle(&task);
        Pin::new(&mut handle).poll(cx).map(Some)
    }

    fn take_handle(&mut self, task: &Task) -> JoinHandle<T> {
        let address = task.address();
        let index = self.indices.partition_point(|known| known.0 < address);
        let (_, index) = self.indices[index];
        self.handles[index]
            .take()
            .expect("a task ends once, so its handle is taken once")
    }
}

impl<T> Stream for AsCompleted<T> {
    type Item = Result<T, JoinError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> FusedStream for AsCompleted<T> {
    fn is_terminated(&self) -> bool {
        self.left == 0
    }
}

impl<T> Drop for AsCompleted<T> {
    fn drop(&mut self) {
        close(&self.ends);
    }
}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}
