//! The handle of a task: awaits, cancels or detaches it.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::ptr;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::raw;
use super::reference::Task;
use super::shared::Phase;
use super::state::Outcome;
use super::vacant::{self, Vacant};
use super::work::Work;
use crate::error::JoinError;
use crate::waiting::TaskId;

/// Owns the right to a task's result; what [`spawn`](crate::spawn) returns.
///
/// Awaiting it gives the result, or a [`JoinError`] if the task was cancelled or panicked. If the task has finished,
/// the first poll returns the result.
///
/// **Dropping** a handle that was never awaited detaches the task: it keeps running, and a panic in it goes to
/// [`Builder::on_unhandled_panic`](crate::Builder::on_unhandled_panic). Dropping it during its await, which happens
/// when the awaiting task is cancelled or a [`timeout`](crate::timeout) elapses, requests the cancellation of the task:
/// cancellation propagates down the chain of awaits, as in asyncio. [`shield`](crate::shield) stops it. A result that
/// was not taken is dropped with the handle; a panic of its destructor goes to the same hook.
///
/// # Panics
///
/// A task that awaits its own handle panics with `a task cannot await itself`. Polling a handle whose result was taken
/// already panics too.
///
/// # Cancel safety
///
/// Dropping `(&mut handle).await` loses no result, but dropping the handle afterwards requests cancellation.
///
/// # Examples
///
/// ```
/// looplet::run(async {
///     let task = looplet::spawn(async { 6 * 7 });
///     assert_eq!(task.await.unwrap(), 42);
/// });
/// ```
///
/// A handle is not `Send`:
///
/// ```compile_fail,E0277
/// fn send<T: Send>() {}
/// send::<looplet::JoinHandle<()>>();
/// ```
#[doc(alias = "Task")]
#[doc(alias = "Future")]
#[must_use = "dropping the handle detaches the task; say `detach()` if that is meant"]
pub struct JoinHandle<T> {
    task: Task,
    output: PhantomData<T>,
}

impl<T> Unpin for JoinHandle<T> {}

// As for `Task`. There is a value only if the future did not panic.
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// # Safety
    ///
    /// The task's output type is `T`, its handle flag is on, and this is its only handle.
    pub(super) unsafe fn new(task: Task) -> Self {
        Self {
            task,
            output: PhantomData,
        }
    }

    /// Requests the cancellation of the task; true unless it has finished already.
    ///
    /// The call itself only queues the task. When the loop runs the task next, it drops the future instead of polling
    /// it, and the task counts as cancelled. A task that was not polled yet never is; a task that cancels itself runs
    /// to its next suspension.
    ///
    /// # Examples
    ///
    /// ```
    /// looplet::run(async {
    ///     let task = looplet::spawn(std::future::pending::<()>());
    ///     assert!(task.cancel());
    ///     assert!(!task.is_cancelled()); // not yet
    ///     assert!(task.await.unwrap_err().is_cancelled());
    /// });
    /// ```
    pub fn cancel(&self) -> bool {
        self.task.cancel()
    }

    /// Whether the task has ended, in whatever way.
    #[doc(alias = "done")]
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Whether the task has ended by cancellation. A pending request does not count.
    #[doc(alias = "cancelled")]
    pub fn is_cancelled(&self) -> bool {
        self.task.is_cancelled()
    }

    /// The task's identity, which no other task shares.
    pub fn id(&self) -> TaskId {
        self.task.id()
    }

    /// The task's name: the one it was given, or `Task-N`.
    #[doc(alias = "get_name")]
    pub fn name(&self) -> Rc<str> {
        self.task.name()
    }

    /// Renames the task.
    ///
    /// # Examples
    ///
    /// ```
    /// looplet::run(async {
    ///     let task = looplet::spawn(async {});
    ///     task.set_name("potatoes");
    ///     assert_eq!(&*task.name(), "potatoes");
    /// });
    /// ```
    pub fn set_name(&self, name: impl Into<Rc<str>>) {
        self.task.set_name(name);
    }

    /// The task, without its result.
    pub fn task(&self) -> Task {
        self.task.clone()
    }

    /// Detaches the task: it keeps running and its result is dropped, whether or not the handle was awaited before.
    ///
    /// # Examples
    ///
    /// ```
    /// looplet::run(async {
    ///     looplet::spawn(async { println!("on my own") }).detach();
    /// });
    /// ```
    pub fn detach(self) {
        self.forget_await();
    }

    /// The result, if the task has finished and the result was not taken yet. This does not wait, and does not count as
    /// an await.
    ///
    /// # Examples
    ///
    /// ```
    /// looplet::run(async {
    ///     let mut task = looplet::spawn(async { 42 });
    ///     assert!(task.try_join().is_none());
    ///     looplet::yield_now().await;
    ///     assert_eq!(task.try_join().unwrap().unwrap(), 42);
    ///     assert!(task.try_join().is_none()); // taken
    /// });
    /// ```
    #[doc(alias = "result")]
    #[doc(alias = "exception")]
    #[inline]
    pub fn try_join(&mut self) -> Option<Result<T, JoinError>> {
        if self.task.header().state.take_value() {
            // SAFETY: COUNTED: the task is alive, and its output type is the handle's.
            let slot = unsafe { raw::payload::<T>(self.task.as_ptr()) };
            // SAFETY: OWNER-THREAD: `take_value` returned true: there was a value, and this handle owns it now.
            return Some(Ok(unsafe { slot.read() }));
        }
        join_error(&self.task).map(Err)
    }

    /// Calls `f` after the task has ended. The call is queued when the task ends, in the order of registration; on a
    /// finished task it is queued at once. `f` is never called inside `on_done`, and is dropped if the loop is dropped
    /// first.
    ///
    /// A panic in `f` goes to [`Builder::on_unhandled_panic`](crate::Builder::on_unhandled_panic).
    ///
    /// # Examples
    ///
    /// ```
    /// looplet::run(async {
    ///     let task = looplet::spawn_named("cook", async {});
    ///     task.on_done(|task| println!("{task:?}")); // <Task finished name='cook'>
    /// });
    /// ```
    #[doc(alias = "add_done_callback")]
    #[track_caller]
    pub fn on_done(&self, f: impl FnOnce(&Task) + 'static) {
        self.task.on_done(f, Location::caller());
    }

    /// The task, for waiters of many tasks.
    pub(crate) fn as_task(&self) -> &Task {
        &self.task
    }

    /// Resets that the handle was awaited: dropping it detaches the task again.
    pub(crate) fn forget_await(&self) {
        self.task.header().state.set_awaited(false);
    }
}

impl<W: Work> Vacant<W> {
    /// Queues the task.
    ///
    /// # Safety
    ///
    /// As for `filled`.
    #[inline]
    unsafe fn begin(self) -> JoinHandle<W::Output> {
        // SAFETY: this function's own contract.
        let task = unsafe { self.filled() };
        vacant::begin(&task);
        // SAFETY: COUNTED: the output of the cell is that of `W`, and this is the first and only handle.
        unsafe { JoinHandle::new(task) }
    }

    /// Writes a future that may borrow, and queues the task.
    ///
    /// # Safety
    ///
    /// The task has finished, and its output has been dropped, before a borrow in `inner` or the output ends.
    #[inline]
    pub(super) unsafe fn spawn_unbounded(self, inner: W::Inner) -> JoinHandle<W::Output> {
        // SAFETY: OWNER-THREAD: the payload is vacant.
        unsafe { ptr::write(self.slot(), inner) };
        // SAFETY: the future was written; the rest is this function's own contract.
        unsafe { self.begin() }
    }

    /// Writes the future and queues the task.
    #[inline]
    pub(crate) fn spawn(self, inner: W::Inner) -> JoinHandle<W::Output>
    where
        W: 'static,
    {
        // SAFETY: OWNER-THREAD: the payload is vacant.
        unsafe { ptr::write(self.slot(), inner) };
        // SAFETY: the future was written, and `W` does not borrow.
        unsafe { self.begin() }
    }
}

impl<W: Work + 'static> Vacant<W> {
    /// Writes the future and polls it once before this returns. On a loop that is ending, the task is cancelled
    /// instead.
    pub(crate) fn start(self, inner: W::Inner) -> JoinHandle<W::Output> {
        // SAFETY: OWNER-THREAD: the payload is vacant.
        unsafe { ptr::write(self.slot(), inner) };
        // SAFETY: the future was written, and `W` does not borrow.
        let task = unsafe { self.filled() };
        match task.local().phase.get() {
            Phase::Open => task.local().first_run(&task),
            Phase::Observed => {
                task.local().note_spawn(&task);
                if vacant::is_untouched(&task) {
                    task.local().first_run(&task);
                }
            }
            Phase::Closing | Phase::Closed => vacant::refuse(&task),
        }
        // SAFETY: COUNTED: as in `spawn_unbounded`.
        unsafe { JoinHandle::new(task) }
    }

    /// Writes the future and drops it before this returns: the task is cancelled.
    pub(crate) fn refuse(self, inner: W::Inner) -> JoinHandle<W::Output> {
        // SAFETY: OWNER-THREAD: the payload is vacant.
        unsafe { ptr::write(self.slot(), inner) };
        // SAFETY: the future was written, and `W` does not borrow.
        let task = unsafe { self.filled() };
        vacant::refuse(&task);
        // SAFETY: COUNTED: as in `spawn_unbounded`.
        unsafe { JoinHandle::new(task) }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.task.is_finished() {
            return Poll::Ready(self.try_join().unwrap_or_else(|| already_taken(&self.task)));
        }
        self.task.header().state.set_awaited(true);
        self.task.set_waiter(cx.waker());
        Poll::Pending
    }
}

impl<T> Drop for JoinHandle<T> {
    #[inline]
    fn drop(&mut self) {
        if !self.task.header().state.is_spent() {
            drop_slow(&self.task);
        }
    }
}

/// Drops the handle of a task that has not finished, or whose result was not taken.
#[cold]
fn drop_slow(task: &Task) {
    let state = &task.header().state;
    state.remove_handle();
    if !state.is_finished() {
        if state.is_awaited() {
            task.cancel();
        }
        task.clear_waiter();
    } else if state.outcome() == Some(Outcome::Panicked) {
        task.local().report_unhandled(task);
    } else if state.take_payload() {
        // SAFETY: OWNER-THREAD: `take_payload` returned true: there was a value, and this handle owns it now.
        let dropped = unsafe { raw::drop_output(task.as_ptr()) };
        debug_assert!(state.is_spent(), "a handle's output is dropped once");
        if dropped.is_err() {
            task.local().report_drop(task, dropped);
        }
    }
}

/// The error of a finished task that has no value; none, if it has been taken.
#[cold]
fn join_error(task: &Task) -> Option<JoinError> {
    match task.outcome()? {
        Outcome::Value => None,
        Outcome::Panicked => task.take_panic(),
        Outcome::Cancelled => Some(JoinError::cancelled(task.called())),
        Outcome::Failed => Some(JoinError::failed(task.called())),
    }
}

#[cold]
fn already_taken(task: &Task) -> ! {
    panic!("the result of {task:?} has been taken already")
}

impl<T: fmt::Debug> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.task.describe(f)?;
        let state = &self.task.header().state;
        if state.outcome() == Some(Outcome::Value) && state.has_payload() {
            // SAFETY: COUNTED: the task is alive, and its output type is the handle's.
            let slot = unsafe { raw::payload::<T>(self.task.as_ptr()) };
            // SAFETY: OWNER-THREAD: there is a value, and the handle, which alone may take it, is borrowed.
            write!(f, " result={:?}", unsafe { slot.as_ref() })?;
        }
        f.write_str(">")
    }
}
