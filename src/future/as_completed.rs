//! The results of many tasks, one by one as they come.

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
use crate::waiting::{self, Kind};

/// The results of several tasks in the order in which they end; made by [`as_completed`].
///
/// It is a [`Stream`] as well. Dropping it cancels nothing: the tasks that have not ended are detached.
#[must_use = "dropping this detaches the tasks"]
pub struct AsCompleted<T> {
    /// By argument; those whose result was given are gone.
    handles: Vec<Option<JoinHandle<T>>>,
    arrivals: Rc<Arrivals>,
    /// How many results are to come.
    left: usize,
    /// An observer has been told of all tasks, and none before this one is left.
    told: Option<usize>,
}

/// Which tasks have ended, told by each of them when it does: nobody has to look at all of them again.
#[derive(Default)]
struct Arrivals {
    ended: RefCell<VecDeque<usize>>,
    waiting: Cell<Option<Waker>>,
}

impl Listener for Arrivals {
    fn ended(&self, _: &Task, number: usize) -> Option<Waker> {
        self.ended.borrow_mut().push_back(number);
        self.waiting.take()
    }

    fn waiting(&self) -> Option<&Cell<Option<Waker>>> {
        Some(&self.waiting)
    }
}

/// Gives the results of tasks in the order in which they end, each as soon as it is there.
///
/// Those that have ended already come first, in the order in which they did. A task's panic or cancellation takes its
/// turn like any other result and ends nothing. Each result costs the same, however many tasks there are. The handles'
/// former awaits are forgotten, so that dropping this detaches their tasks. No handles: over at once.
///
/// To limit the wait for the next result, put a [`timeout`](crate::timeout) around `next()`; it loses nothing.
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
    let arrivals = Rc::new(Arrivals::default());
    let mut handles: Vec<_> = handles.into_iter().map(Some).collect();
    for handle in handles.iter_mut().flatten() {
        handle.forget_await();
        // This may drop a waker whose destructor ends tasks, so it comes before the look at them.
        handle.as_task().clear_waiter();
    }
    let mut ended = Vec::new();
    for (index, handle) in handles.iter().flatten().enumerate() {
        let task = handle.as_task();
        if task.is_finished() {
            ended.push((task.ended_as(), index));
        } else {
            task.set_collector(arrivals.clone(), index);
        }
    }
    ended.sort_unstable();
    arrivals
        .ended
        .borrow_mut()
        .extend(ended.into_iter().map(|(_, index)| index));
    AsCompleted {
        left: handles.len(),
        told: None,
        handles,
        arrivals,
    }
}

impl<T> AsCompleted<T> {
    /// Waits for the next task to end, and gives its result; none if there are no more tasks. Does not suspend if one
    /// has ended whose result was not given yet.
    ///
    /// # Errors
    ///
    /// [`JoinError`] if that task was cancelled or panicked. The next call goes on with the others.
    ///
    /// # Panics
    ///
    /// If the result of that task was taken before its handle came here; and in a task whose own handle is among those
    /// that are left, when it has to wait.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: the next call gives what this one would have given.
    #[doc(alias = "__anext__")]
    #[expect(
        clippy::should_implement_trait,
        reason = "no iterator: it waits, as a stream's `next` does"
    )]
    pub fn next(&mut self) -> impl Future<Output = Option<Result<T, JoinError>>> {
        poll_fn(|cx| self.poll(cx))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let arrived = self.arrivals.ended.borrow_mut().pop_front();
        let Some(index) = arrived else {
            context::try_with(|core| {
                core.tasks.refuse_own_end(cx.waker(), &self.arrivals);
                if let Some(limit) = core.tasks.joins_to_note(self.told.is_some()) {
                    self.tell_left(core, cx.waker(), limit);
                }
            });
            let former = self.arrivals.waiting.replace(Some(cx.waker().clone()));
            drop(former);
            waiting::note(Kind::AnyOfMany);
            return Poll::Pending;
        };
        self.left -= 1;
        let mut handle = self.handles[index]
            .take()
            .expect("a task ends once, and so is given once");
        Pin::new(&mut handle).poll(cx).map(Some)
    }

    /// Notes for an observer what is waited for, of so many handles.
    #[cold]
    fn tell_left(&mut self, core: &Core, waker: &Waker, limit: usize) {
        let from = self.told.unwrap_or(0);
        let given = self.handles[from..].iter().take_while(|it| it.is_none());
        let first = from + given.count();
        self.told = Some(first);
        let told = self.handles[first..].iter().take(limit).flatten();
        let others = told.clone().count() < self.left;
        let tasks = told.map(JoinHandle::as_task);
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
