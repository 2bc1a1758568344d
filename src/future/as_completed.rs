//! The results of many tasks, in the order in which they end.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use futures_core::stream::FusedStream;

use crate::event_loop::context;
use crate::event_loop::core::Core;
use crate::task::{JoinError, JoinHandle, Listener, Task};
use crate::waiting::{self, WaitsOn};

/// The results of several tasks in the order in which they end; made by [`as_completed`].
///
/// It is a [`Stream`] as well. Dropping it cancels nothing: the tasks that have not ended are detached.
#[must_use = "dropping this detaches the tasks"]
pub struct AsCompleted<T> {
    /// By argument; `None` once the result was returned.
    handles: Vec<Option<JoinHandle<T>>>,
    completions: Rc<Completions>,
    /// How many results were not returned yet.
    left: usize,
    /// The index of the first task that was left when the tasks were last reported to an observer.
    reported: Option<usize>,
}

/// The tasks that have ended, in order. Each adds itself at its end, which makes a scan of all tasks unnecessary.
#[derive(Default)]
struct Completions {
    ended: RefCell<VecDeque<usize>>,
    waiting: Cell<Option<Waker>>,
}

impl Listener for Completions {
    fn ended(&self, _: &Task, number: usize) -> Option<Waker> {
        self.ended.borrow_mut().push_back(number);
        self.waiting.take()
    }

    fn waiting(&self) -> Option<&Cell<Option<Waker>>> {
        Some(&self.waiting)
    }
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
    let completions = Rc::new(Completions::default());
    let mut handles: Vec<_> = handles.into_iter().map(Some).collect();
    for handle in handles.iter_mut().flatten() {
        handle.forget_await();
        // This may drop a waker whose destructor ends tasks, so it precedes the check for ended ones.
        handle.as_task().clear_waiter();
    }
    let mut ended = Vec::new();
    for (index, handle) in handles.iter().flatten().enumerate() {
        let task = handle.as_task();
        if task.is_finished() {
            ended.push((task.ended_as(), index));
        } else {
            task.set_collector(completions.clone(), index);
        }
    }
    ended.sort_unstable();
    completions
        .ended
        .borrow_mut()
        .extend(ended.into_iter().map(|(_, index)| index));
    AsCompleted {
        left: handles.len(),
        reported: None,
        handles,
        completions,
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
        let next = self.completions.ended.borrow_mut().pop_front();
        let Some(index) = next else {
            context::try_with(|core| {
                core.tasks.refuse_own_end(cx.waker(), &self.completions);
                if let Some(limit) = core.tasks.joins_to_note(self.reported.is_some()) {
                    self.report_left(core, cx.waker(), limit);
                }
            });
            let former = self.completions.waiting.replace(Some(cx.waker().clone()));
            drop(former);
            waiting::note(WaitsOn::AnyOfMany);
            return Poll::Pending;
        };
        self.left -= 1;
        let mut handle = self.handles[index]
            .take()
            .expect("a task ends once, so its index is queued once");
        Pin::new(&mut handle).poll(cx).map(Some)
    }

    /// Reports the tasks that are waited for to an observer, at most `limit` of them.
    #[cold]
    fn report_left(&mut self, core: &Core, waker: &Waker, limit: usize) {
        let from = self.reported.unwrap_or(0);
        let given = self.handles[from..].iter().take_while(|it| it.is_none());
        let first = from + given.count();
        self.reported = Some(first);
        let reported = self.handles[first..].iter().take(limit).flatten();
        let others = reported.clone().count() < self.left;
        let tasks = reported.map(JoinHandle::as_task);
        core.tasks.note_joins(waker, tasks, others);
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

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}
