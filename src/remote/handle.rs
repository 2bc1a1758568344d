//! The result of a task that was spawned from another thread.
//!
//! ```text
//!  another thread               the owner thread
//!  RemoteHandle --- Slot --- Reply: in the message, then in a Delivery with the task's own
//!                                   handle, in a call that is queued when the task ends
//! ```
//!
//! A [`Reply`] that is dropped without a result delivers a cancellation, so that no thread waits for ever.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::mailbox::{Keepalive, MailboxSender, Message};
use crate::event_loop::context;
use crate::lock::{Lock, Locked, Signal};
use crate::task::{JoinError, JoinHandle, RemoteTask, print};

/// The name in the error of a task that was never made.
const NEVER_MADE: &str = "remote";

/// The result of a task that was spawned by [`Remote::spawn`](crate::Remote::spawn); for any thread.
///
/// Threads [`join`](Self::join) it; as a future it can be awaited on any executor.
///
/// **Dropping** it detaches the task, also in the middle of an await: the task runs on, and a panic that was not
/// taken goes to [`Builder::on_unhandled_panic`](crate::Builder::on_unhandled_panic). If the loop is dropped first, the
/// result is a cancelled [`JoinError`].
///
/// # Cancel safety
///
/// `(&mut handle).await` loses nothing when it is dropped.
///
/// # Panics
///
/// Polling it after its result was taken panics.
///
/// # Examples
///
/// ```
/// let mut event_loop = looplet::EventLoop::new();
/// let task = event_loop.remote().spawn(|| async { "done" }).unwrap();
/// let thread = std::thread::spawn(move || task.join().unwrap());
/// event_loop.run_until_stalled();
/// assert_eq!(thread.join().unwrap(), "done");
/// ```
#[doc(alias = "concurrent.futures.Future")]
#[must_use = "dropping the handle detaches the task"]
pub struct RemoteHandle<T> {
    slot: Arc<Slot<T>>,
    sender: Arc<MailboxSender>,
}

struct Slot<T> {
    state: Lock<State<T>>,
    finished: Signal,
}

struct State<T> {
    is_finished: bool,
    /// The handle was dropped.
    is_abandoned: bool,
    /// The handle has requested the cancellation.
    is_cancelled: bool,
    /// The task, once it was spawned and until its result was taken.
    task: Option<RemoteTask>,
    result: Option<Result<T, JoinError>>,
    waker: Option<Waker>,
    /// None once the task has finished.
    keepalive: Option<Keepalive>,
}

/// The owner side of a slot.
pub(super) struct Reply<T> {
    slot: Arc<Slot<T>>,
}

/// Delivers the result of a task to its slot, on the owner thread. It does so in its destructor, because a closing loop
/// may drop its call unrun.
struct Delivery<T> {
    reply: Reply<T>,
    task: JoinHandle<T>,
}

pub(super) fn pair<T>(sender: &Arc<MailboxSender>) -> (RemoteHandle<T>, Reply<T>) {
    let state = State {
        is_finished: false,
        is_abandoned: false,
        is_cancelled: false,
        task: None,
        result: None,
        waker: None,
        keepalive: Some(Keepalive::new(sender)),
    };
    let slot = Arc::new(Slot {
        state: Lock::new(state),
        finished: Signal::new(),
    });
    let handle = RemoteHandle {
        slot: Arc::clone(&slot),
        sender: Arc::clone(sender),
    };
    (handle, Reply { slot })
}

impl<T: 'static> Reply<T> {
    /// Delivers the result when the task has ended.
    pub(super) fn follow(self, handle: JoinHandle<T>) {
        let task = handle.task();
        let mut state = self.slot.state.lock();
        state.task = Some(RemoteTask::of(task.clone()));
        let is_cancelled = state.is_cancelled;
        drop(state);
        if is_cancelled {
            task.cancel();
        }
        let delivery = Delivery {
            reply: self,
            task: handle,
        };
        task.on_done(move |_| drop(delivery), task.spawned_at());
    }
}

impl<T> Reply<T> {
    /// Stores the result and wakes the waiter. Returns the result if the handle was dropped.
    fn deliver(&self, result: Result<T, JoinError>) -> Option<Result<T, JoinError>> {
        let mut state = self.slot.state.lock();
        state.is_finished = true;
        // Dropped after the lock is released. The report of a panic needs the task.
        let _keepalive = state.keepalive.take();
        let _task = state.task.take_if(|_| !has_panicked(&result));
        let is_wanted = !state.is_abandoned;
        let (unwanted, waker) = if is_wanted {
            (state.result.replace(result), state.waker.take())
        } else {
            (Some(result), None)
        };
        drop(state);
        self.slot.finished.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
        unwanted
    }
}

fn has_panicked<T>(result: &Result<T, JoinError>) -> bool {
    matches!(result, Err(error) if error.is_panic())
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        // A message may be dropped on any thread; no task was made then.
        if !self.slot.state.lock().is_finished {
            self.deliver(Err(JoinError::cancelled(NEVER_MADE)));
        }
    }
}

impl<T> Drop for Delivery<T> {
    fn drop(&mut self) {
        let task = self.task.task();
        let cancelled = || Err(JoinError::cancelled(task.called()));
        let result = self.task.try_join().unwrap_or_else(cancelled);
        if let Some(Err(error)) = self.reply.deliver(result).filter(has_panicked) {
            let _ = context::try_with(|core| core.tasks.report(Some(&task), error));
        }
    }
}

impl<T> RemoteHandle<T> {
    /// Blocks this thread until the task has ended, and returns its result.
    ///
    /// # Errors
    ///
    /// [`JoinError`] if the task was cancelled or panicked, or if the loop has been dropped.
    ///
    /// # Panics
    ///
    /// On the loop's own thread, which would block itself; and if the result was taken before.
    #[doc(alias = "result")]
    #[track_caller]
    pub fn join(self) -> Result<T, JoinError> {
        self.refuse_owner("join");
        match self.wait(None) {
            Some(result) => result,
            None => unreachable!("a wait without an end"),
        }
    }

    /// Blocks this thread until the task has ended, but no longer than `timeout`; none if that has passed. The task
    /// runs on, and the handle remains good. `Duration::MAX` means no limit.
    ///
    /// # Errors
    ///
    /// As [`join`](Self::join), inside of the `Some`.
    ///
    /// # Panics
    ///
    /// As [`join`](Self::join).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut event_loop = looplet::EventLoop::new();
    /// let mut task = event_loop.remote().spawn(|| async { "done" }).unwrap();
    /// let asker = std::thread::spawn(move || {
    ///     while task.join_timeout(Duration::from_millis(1)).is_none() {}
    /// });
    /// event_loop.run_until_stalled();
    /// asker.join().unwrap();
    /// ```
    #[track_caller]
    pub fn join_timeout(&mut self, timeout: Duration) -> Option<Result<T, JoinError>> {
        self.refuse_owner("join_timeout");
        self.wait(Instant::now().checked_add(timeout))
    }

    /// Requests the cancellation of the task; true if the request was sent, false if the task has finished already or
    /// the loop is gone.
    ///
    /// A task that has not begun by the time the loop reads the request never begins.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut event_loop = looplet::EventLoop::new();
    /// let task = event_loop.remote().spawn(std::future::pending::<()>).unwrap();
    /// assert!(task.cancel());
    /// event_loop.run_until_stalled();
    /// assert!(!task.cancel()); // too late
    /// ```
    pub fn cancel(&self) -> bool {
        let mut state = self.slot.state.lock();
        let in_time = !state.is_finished;
        state.is_cancelled = in_time;
        let task = state.task.clone().filter(|_| in_time);
        drop(state);
        // Without the lock, for it may call the `on_wake` hook.
        if let Some(task) = task {
            task.cancel();
        }
        in_time
    }

    #[track_caller]
    fn refuse_owner(&self, method: &str) {
        assert!(
            !self.sender.is_owner(),
            "RemoteHandle::{method} would block the event loop's own thread for ever: await the handle instead"
        );
    }

    #[track_caller]
    fn wait(&self, until: Option<Instant>) -> Option<Result<T, JoinError>> {
        let mut state = self.slot.state.lock();
        while !state.is_finished {
            let finished = &self.slot.finished;
            state = match until {
                None => finished.wait(state),
                Some(until) => {
                    let left = until.checked_duration_since(Instant::now())?;
                    finished.wait_timeout(state, left).0
                }
            };
        }
        Some(self.take(state))
    }

    /// Takes the result of a finished task.
    #[track_caller]
    fn take(&self, mut state: Locked<'_, State<T>>) -> Result<T, JoinError> {
        let (result, task) = (state.result.take(), state.task.take());
        drop(state);
        drop(task);
        let Some(result) = result else {
            panic!("the result of this remote task has been taken already");
        };
        result
    }
}

impl<T> Future for RemoteHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let state = self.slot.state.lock();
        if state.is_finished {
            return Poll::Ready(self.take(state));
        }
        let known = state.waker.as_ref();
        if known.is_some_and(|waker| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        drop(state);
        // Nothing is locked here, because the clone and drop of a waker may run user code.
        let waker = cx.waker().clone();
        let mut state = self.slot.state.lock();
        if state.is_finished {
            drop(state);
            drop(waker);
            return Poll::Ready(self.take(self.slot.state.lock()));
        }
        let old = state.waker.replace(waker);
        drop(state);
        drop(old);
        Poll::Pending
    }
}

impl<T> Drop for RemoteHandle<T> {
    fn drop(&mut self) {
        let mut state = self.slot.state.lock();
        state.is_abandoned = true;
        let (result, task) = (state.result.take(), state.task.take());
        let (waker, keepalive) = (state.waker.take(), state.keepalive.take());
        drop(state);
        drop((waker, keepalive));
        let Some(Err(error)) = result else { return };
        if error.is_panic() {
            report_unhandled(&self.sender, task, error);
        }
    }
}

/// Passes the panic of a finished task that was not taken to the loop's hook.
fn report_unhandled(sender: &MailboxSender, task: Option<RemoteTask>, error: JoinError) {
    let (name, text) = (error.task_name().to_owned(), error.message());
    let message = Message::call(move |core| {
        let task = task.and_then(|task| core.tasks.task_behind(task.waker()));
        core.tasks.report(task.as_ref(), error);
    });
    if sender.send(message).is_err() {
        print(format_args!("unhandled panic in task '{name}': {text}"));
    }
}

impl<T> fmt::Debug for RemoteHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteHandle")
            .field("is_finished", &self.slot.state.lock().is_finished)
            .finish_non_exhaustive()
    }
}
