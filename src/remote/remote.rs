//! The handle of a loop for other threads.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::handle::{self, RemoteHandle};
use super::mailbox::{Keepalive, MailboxSender, Message, mailbox};
use crate::error::LoopGone;
use crate::event_loop::core::Core;
use crate::event_loop::{CallHandle, EventLoop};
use crate::task::Plain;

/// Spawns tasks and queues calls on one loop from any thread, and wakes it if it sleeps. Made by [`EventLoop::remote`].
///
/// Messages of one thread arrive in order. In a flood each look takes only some of them, so that timers and local tasks
/// get at least every other poll. **Dropping** a `Remote` has no effect on the messages that it sent. While one exists,
/// an idle loop in virtual time waits for messages.
///
/// # Examples
///
/// ```
/// let mut event_loop = looplet::EventLoop::new();
/// let remote = event_loop.remote();
/// let thread = std::thread::spawn(move || {
///     let task = remote.spawn(|| async { 6 * 7 }).unwrap();
///     task.join().unwrap()
/// });
/// event_loop.block_on(async {
///     while !thread.is_finished() {
///         looplet::sleep(std::time::Duration::from_millis(1)).await;
///     }
/// });
/// assert_eq!(thread.join().unwrap(), 42);
/// ```
#[derive(Clone)]
pub struct Remote {
    keepalive: Keepalive,
}

impl Remote {
    pub(super) fn new(core: &Core) -> Self {
        Self {
            keepalive: Keepalive::new(&mailbox(core).sender),
        }
    }

    pub(crate) fn sender(&self) -> &MailboxSender {
        &self.keepalive.0
    }

    /// Spawns a task on the loop: `f` is called there, in the task's first poll, and makes the future, which need not
    /// be `Send`.
    ///
    /// A panic in `f` is a panic of the task. The task is queued at the loop's next look.
    ///
    /// # Errors
    ///
    /// [`LoopGone`] if the loop has been dropped or has begun to end; `f` is dropped on the calling thread. If the loop
    /// ends later, before it has read the message, the result is a cancelled [`JoinError`](crate::JoinError).
    ///
    /// # Examples
    ///
    /// ```
    /// let event_loop = looplet::EventLoop::new();
    /// let remote = event_loop.remote();
    /// drop(event_loop);
    /// assert!(remote.spawn(|| async {}).is_err());
    /// ```
    #[doc(alias = "run_coroutine_threadsafe")]
    #[track_caller]
    pub fn spawn<F, Fut>(&self, f: F) -> Result<RemoteHandle<Fut::Output>, LoopGone>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future + 'static,
        Fut::Output: Send + 'static,
    {
        let at = Location::caller();
        let sender = &self.keepalive.0;
        let (handle, reply) = handle::pair(sender);
        sender.send_work(Message::call(move |core| {
            let task = core.tasks.vacant::<Plain<_>>(at).spawn(Made {
                make: Some(f),
                future: None,
            });
            reply.follow(task);
        }))?;
        Ok(handle)
    }

    /// Queues a plain function call on the loop, like [`call_soon`](crate::call_soon).
    ///
    /// If the loop is dropped before the call has run, `f` is dropped on the loop's thread.
    ///
    /// # Errors
    ///
    /// [`LoopGone`] if the loop has been dropped or has begun to end; `f` is dropped on the calling thread.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut event_loop = looplet::EventLoop::new();
    /// let remote = event_loop.remote();
    /// std::thread::spawn(move || remote.call_soon(|| println!("on the loop's thread")).unwrap());
    /// event_loop.run_until_stalled();
    /// ```
    #[doc(alias = "call_soon_threadsafe")]
    #[track_caller]
    pub fn call_soon(&self, f: impl FnOnce() + Send + 'static) -> Result<(), LoopGone> {
        let at = Location::caller();
        self.keepalive.0.send_work(Message::call(move |core| {
            let _queued = CallHandle::soon(core, at, f);
        }))
    }
}

pin_project! {
    /// A future that is made at its first poll. An `async` block would leak the output if the destructor of the future
    /// panicked.
    struct Made<F, Fut> {
        make: Option<F>,
        #[pin]
        future: Option<Fut>,
    }
}

impl<F: FnOnce() -> Fut, Fut: Future> Future for Made<F, Fut> {
    type Output = Fut::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Fut::Output> {
        let mut this = self.project();
        if let Some(make) = this.make.take() {
            let future = make();
            this.future.set(Some(future));
        }
        let future = this.future.as_pin_mut();
        future.expect("a task is polled until it is done").poll(cx)
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").finish_non_exhaustive()
    }
}

impl EventLoop {
    /// A handle that spawns tasks and queues calls on this loop from other threads.
    pub fn remote(&self) -> Remote {
        Remote::new(&self.core)
    }
}
