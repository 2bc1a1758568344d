//! Task groups: tasks that end together, whatever happens.
//!
//! ```text
//!            cancel()              a child or the body fails
//!   open ------------> cancelled ---------------------------+
//!     |                    |                                v
//!     +--------------------|------------------------->  aborting
//!     | left or dropped    |                                |
//!     +--------------------+------> over <------------------+
//! ```
//!
//! The group is notified of the end of each child. The failure of a child, and the end of the last child once the body has
//! ended, wakes the group's future, which acts on it in its own poll.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{self, AssertUnwindSafe, Location};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;

use crate::error::{Failure, GroupError};
use crate::event_loop::context;
use crate::event_loop::core::Core;
use crate::task::{Fallible, Group, JoinHandle, Outcome, Task, drop_quietly};
use crate::waiting::{self, WaitsOn};

/// Spawns tasks that end with their group; passed to the body of a [`task_group`].
///
/// Clones are handles to the same group, with which children can spawn siblings.
pub struct TaskGroup<E>(Rc<Shared<E>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// By request: no new children start, and the cancellation of the present ones is requested; the body runs on.
    Cancelled,
    /// After a failure: the body is dropped, and the cancellation of the children is requested.
    Aborting,
    /// The group's future has finished or was dropped.
    Over,
}

struct Shared<E> {
    core: Rc<Core>,
    phase: Cell<Phase>,
    /// The body has ended or was dropped, and the group waits for its children.
    leaving: Cell<bool>,
    /// The unfinished children, in spawn order.
    children: RefCell<BTreeMap<usize, Task>>,
    spawned: Cell<usize>,
    failures: RefCell<Vec<Failure<E>>>,
    /// The error of the child whose poll is about to end.
    error: Cell<Option<E>>,
    /// The waker of the group's future, until it is woken.
    waiting: Cell<Option<Waker>>,
}

impl<E> Shared<E> {
    /// Requests the cancellation of all children, in spawn order.
    fn cancel_children(&self) {
        // This only schedules the children, so none of them is removed from the borrowed map.
        for child in self.children.borrow().values() {
            child.cancel();
        }
    }

    /// Whether there is a failure that the group has not acted on.
    fn must_abort(&self) -> bool {
        matches!(self.phase.get(), Phase::Open | Phase::Cancelled)
            && !self.failures.borrow().is_empty()
    }

    /// Drops the body, then requests the cancellation of the children.
    fn abort<F>(&self, mut body: Pin<&mut Option<F>>) {
        self.phase.set(Phase::Aborting);
        body.set(None);
        self.cancel_children();
    }

    /// Polls the body, and acts on the ends of children.
    fn poll<R, F: Future<Output = Result<R, E>>>(
        &self,
        mut body: Pin<&mut Option<F>>,
        value: &mut Option<R>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        drop(self.waiting.replace(Some(cx.waker().clone())));
        if self.must_abort() {
            self.abort(body.as_mut());
        }
        if let Some(running) = body.as_mut().as_pin_mut() {
            match ready!(running.poll(cx)) {
                Ok(output) => {
                    *value = Some(output);
                    body.set(None);
                }
                Err(error) => {
                    self.failures.borrow_mut().push(Failure::Error(error));
                    self.abort(body);
                }
            }
        }
        let had_left = self.leaving.replace(true);
        if self.children.borrow().is_empty() {
            Poll::Ready(())
        } else {
            waiting::note(WaitsOn::Group);
            if let Some(limit) = self.core.tasks.joins_to_note(had_left) {
                let children = self.children.borrow();
                let noted = children.values().take(limit);
                let others = children.len() > limit;
                self.core.tasks.note_joins(cx.waker(), noted, others);
            }
            Poll::Pending
        }
    }

    /// Closes the group to new children, and returns the failures.
    fn close(&self) -> Vec<Failure<E>> {
        self.phase.set(Phase::Over);
        drop(self.waiting.take());
        self.failures.take()
    }
}

impl<E> Group for Shared<E> {
    fn child_ended(&self, task: &Task, number: usize) -> Option<Waker> {
        let child = self.children.borrow_mut().remove(&number);
        let failure = match task.outcome() {
            Some(Outcome::Failed) => self.error.take().map(Failure::Error),
            Some(Outcome::Panicked) => task.take_failure().map(Failure::Panic),
            Some(Outcome::Value | Outcome::Cancelled) | None => None,
        };
        // This runs no destructor: the caller holds the task, and a failure that comes too late is stored.
        drop(child);
        self.failures.borrow_mut().extend(failure);
        let may_leave = self.leaving.get() && self.children.borrow().is_empty();
        if may_leave || self.must_abort() {
            self.waiting.take()
        } else {
            None
        }
    }

    fn waiting(&self) -> Option<&Cell<Option<Waker>>> {
        self.leaving.get().then_some(&self.waiting)
    }
}

/// Ends all children when the group's future is dropped.
struct DropGuard<'a, E>(&'a Shared<E>);

impl<E> Drop for DropGuard<'_, E> {
    fn drop(&mut self) {
        let failures = self.0.close();
        // This may be dropped outside of the loop, or inside another one.
        context::as_current(&self.0.core, || {
            for child in self.0.children.take().into_values() {
                child.end();
            }
        });
        drop(failures);
        drop(self.0.failures.take());
    }
}

pin_project! {
    /// A child's future: its `Err` goes to the group, and the child ends without a value.
    struct Child<F, E> {
        #[pin]
        future: Option<F>,
        group: Rc<Shared<E>>,
    }
}

impl<T, E, F: Future<Output = Result<T, E>>> Future for Child<F, E> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut this = self.project();
        let future = this.future.as_mut().as_pin_mut();
        let result = ready!(future.expect("a child is polled until it is done").poll(cx));
        // The error is stored last, so that the next end that the group sees is this child's.
        if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(|| this.future.set(None))) {
            drop_quietly(result);
            panic::resume_unwind(panic);
        }
        let error = match result {
            Ok(value) => return Poll::Ready(Some(value)),
            Err(error) => error,
        };
        let child = this.group.core.tasks.current_task();
        if child.is_some_and(|child| child.is_cancel_requested()) {
            // The child counts as cancelled, whatever it returned.
            drop(error);
        } else {
            this.group.error.set(Some(error));
        }
        Poll::Ready(None)
    }
}

impl<E: 'static> TaskGroup<E> {
    fn new(core: Rc<Core>) -> Self {
        Self(Rc::new(Shared {
            core,
            phase: Cell::new(Phase::Open),
            leaving: Cell::new(false),
            children: RefCell::default(),
            spawned: Cell::new(0),
            failures: RefCell::default(),
            error: Cell::new(None),
            waiting: Cell::new(None),
        }))
    }

    /// Spawns a child of the group, as [`spawn`](crate::spawn) does on the group's event loop.
    ///
    /// An `Err` or a panic goes to the group, not to the handle, which then gives a
    /// [`JoinError`](crate::JoinError) that [`is_failed`](crate::JoinError::is_failed). Dropping the handle leaves the
    /// child in the group. On a group that is cancelled, aborting or finished, the child does not start: its future is
    /// dropped inside this call, and the handle is that of a cancelled task.
    ///
    /// # Examples
    ///
    /// ```
    /// looplet::run(async {
    ///     let sum = looplet::task_group(async |group| {
    ///         let three = group.spawn(async { "3".parse::<u32>() });
    ///         let four = group.spawn(async { "4".parse::<u32>() });
    ///         Ok(three.await.unwrap() + four.await.unwrap())
    ///     });
    ///     assert_eq!(sum.await.unwrap(), 7);
    /// });
    /// ```
    #[doc(alias = "create_task")]
    #[track_caller]
    pub fn spawn<T, F>(&self, future: F) -> JoinHandle<T>
    where
        F: Future<Output = Result<T, E>> + 'static,
    {
        let shared = &self.0;
        let cell = shared
            .core
            .tasks
            .vacant::<Fallible<Child<F, E>>>(Location::caller());
        let child = Child {
            future: Some(future),
            group: shared.clone(),
        };
        if shared.phase.get() != Phase::Open {
            return context::as_current(&shared.core, || cell.refuse(child));
        }
        let handle = cell.spawn(child);
        // A loop that is shutting down refuses the child.
        if !handle.is_finished() {
            let number = shared.spawned.get();
            shared.spawned.set(number + 1);
            let task = handle.task();
            task.set_group(shared.clone(), number);
            shared.children.borrow_mut().insert(number, task);
        }
        handle
    }

    /// Cancels the group: requests the cancellation of all children, and refuses those that are spawned later. The body
    /// runs on, and its value is the group's.
    ///
    /// Does nothing on a group that is aborting or has finished.
    ///
    /// # Examples
    ///
    /// ```
    /// looplet::run(async {
    ///     let found = looplet::task_group(async |group| {
    ///         group.spawn(std::future::pending::<Result<(), ()>>()).detach();
    ///         group.cancel();
    ///         Ok("enough")
    ///     });
    ///     assert_eq!(found.await.unwrap(), "enough");
    /// });
    /// ```
    pub fn cancel(&self) {
        if self.0.phase.get() == Phase::Open {
            self.0.phase.set(Phase::Cancelled);
            self.0.cancel_children();
        }
    }
}

/// Runs `body` and the tasks that it spawns in the group, and completes when all of them have ended.
///
/// Children may spawn siblings on a clone of the group at any time; the group waits for these too. The value is the
/// body's.
///
/// The first child that returns `Err` or panics aborts the group: at its next poll the body is dropped, and the
/// cancellation of the other children is requested. A body that returns `Err` aborts the group at once. Failures that
/// follow before all tasks have ended are reported as well. The cancellation of a child is no failure.
///
/// **Dropping** the future drops the children first, in spawn order, and then the body, before it returns; a child that
/// is on the stack at that moment is only requested to cancel. Their errors are dropped with the group. A panic of the
/// body drops the group in the same way and then resumes in the awaiting task.
///
/// # Errors
///
/// [`GroupError`] with every failure in the order in which they happened, at least one.
///
/// # Panics
///
/// At its first poll, if no event loop is running on this thread.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use looplet::{sleep, task_group};
///
/// let mut event_loop = looplet::EventLoop::builder().virtual_time().build();
/// let error = event_loop.block_on(task_group(async |group| {
///     group.spawn(async { sleep(Duration::from_secs(1)).await; Err::<(), _>("no disk") }).detach();
///     group.spawn(async { sleep(Duration::from_secs(60)).await; Ok(()) }).detach();
///     Ok(())
/// }));
/// assert_eq!(error.unwrap_err().to_string(), "1 failure in a task group: no disk");
/// ```
#[doc(alias = "TaskGroup")]
#[doc(alias = "asyncio.TaskGroup")]
#[track_caller]
pub fn task_group<R, E: 'static, B>(body: B) -> impl Future<Output = Result<R, GroupError<E>>>
where
    B: AsyncFnOnce(&TaskGroup<E>) -> Result<R, E>,
{
    let at = Location::caller();
    async move {
        let Some(core) = context::try_with(Rc::clone) else {
            panic!("no running event loop for the task group made at {at}");
        };
        let group = TaskGroup::new(core);
        let mut value = None;
        let mut body = pin!(Some(body(&group)));
        // Declared after the body, so dropped before it.
        let guard = DropGuard(&group.0);
        poll_fn(|cx| guard.0.poll(body.as_mut(), &mut value, cx)).await;
        let failures = guard.0.close();
        match value {
            Some(value) if failures.is_empty() => Ok(value),
            value => {
                // Dropped before the error is made: a panic in its destructor would leak the failures.
                drop(value);
                Err(GroupError::new(failures))
            }
        }
    }
}

impl<E> Clone for TaskGroup<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E> fmt::Debug for TaskGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskGroup")
            .field("phase", &self.0.phase.get())
            .field("children", &self.0.children.borrow().len())
            .finish_non_exhaustive()
    }
}
