//! The handle that spawns from outside of a task, on the owner thread, and plain calls: functions that the loop runs
//! once, in the order of its run queue.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::rc::Rc;

use futures_task::{LocalFutureObj, LocalSpawn, SpawnError};

use super::core::Core;
use crate::task::{Call, JoinHandle, Plain};
use crate::timer::Key;

/// Spawns tasks and queues calls on one loop, from its thread: while [`block_on`](crate::EventLoop::block_on) runs,
/// from plain calls, or between two runs. Made by [`EventLoop::spawner`](crate::EventLoop::spawner).
///
/// Once the loop is gone, `spawn` returns a task that is cancelled already, `call_soon` drops its call, and `stop` does
/// nothing.
///
/// # Examples
///
/// ```
/// let mut event_loop = looplet::EventLoop::new();
/// let spawner = event_loop.spawner();
/// let inner = spawner.clone();
/// spawner.call_soon(move || inner.spawn(async { println!("from a plain call") }).detach());
/// event_loop.run_until_stalled();
/// ```
///
/// It is not `Send`:
///
/// ```compile_fail,E0277
/// fn send<T: Send>() {}
/// send::<looplet::Spawner>();
/// ```
#[doc(alias = "get_running_loop")]
#[derive(Clone)]
pub struct Spawner {
    core: Rc<Core>,
}

impl Spawner {
    pub(super) fn new(core: Rc<Core>) -> Self {
        Self { core }
    }

    /// Spawns a task; see [`spawn`](crate::spawn).
    #[doc(alias = "create_task")]
    #[track_caller]
    pub fn spawn<F: Future + 'static>(&self, future: F) -> JoinHandle<F::Output> {
        self.core
            .tasks
            .vacant::<Plain<F>>(Location::caller())
            .spawn(future)
    }

    /// Spawns a task under a name; see [`spawn_named`](crate::spawn_named).
    #[track_caller]
    pub fn spawn_named<F: Future + 'static>(
        &self,
        name: impl Into<Rc<str>>,
        future: F,
    ) -> JoinHandle<F::Output> {
        let name: Rc<str> = name.into();
        self.core
            .tasks
            .vacant::<Plain<F>>(Location::caller())
            .named(&name)
            .spawn(future)
    }

    /// Queues a plain call; see [`call_soon`](crate::call_soon).
    #[track_caller]
    pub fn call_soon(&self, f: impl FnOnce() + 'static) -> CallHandle {
        CallHandle::soon(&self.core, Location::caller(), f)
    }

    /// Ends [`run_forever`](crate::EventLoop::run_forever) after the round. If it is not running, its next call runs
    /// exactly one round. Does nothing to `block_on`.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut event_loop = looplet::EventLoop::new();
    /// let spawner = event_loop.spawner();
    /// spawner.call_soon({
    ///     let spawner = spawner.clone();
    ///     move || spawner.stop()
    /// });
    /// event_loop.run_forever();
    /// ```
    pub fn stop(&self) {
        self.core.stop.set(true);
    }
}

impl LocalSpawn for Spawner {
    #[track_caller]
    fn spawn_local_obj(&self, future: LocalFutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.status_local()?;
        self.core
            .tasks
            .vacant::<Plain<_>>(Location::caller())
            .spawn(future)
            .detach();
        Ok(())
    }

    fn status_local(&self) -> Result<(), SpawnError> {
        if self.core.is_closed() {
            Err(SpawnError::shutdown())
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for Spawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawner").finish_non_exhaustive()
    }
}

/// A plain call that was queued or scheduled. **Dropping** the handle does nothing to the call.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// looplet::run(async {
///     let alarm = looplet::call_later(Duration::from_secs(3600), || println!("an hour has passed"));
///     assert!(alarm.cancel());
///     assert!(!alarm.cancel());
/// });
/// ```
#[doc(alias = "Handle")]
#[doc(alias = "TimerHandle")]
pub struct CallHandle {
    call: Call,
    timer: Option<(Rc<Core>, Key)>,
}

impl CallHandle {
    pub(crate) fn soon(
        core: &Core,
        at: &'static Location<'static>,
        f: impl FnOnce() + 'static,
    ) -> Self {
        let call = core.tasks.call(at, f);
        call.queue();
        Self { call, timer: None }
    }

    pub(super) fn at(
        core: &Rc<Core>,
        at: &'static Location<'static>,
        deadline: u64,
        f: impl FnOnce() + 'static,
    ) -> Self {
        let call = core.tasks.call(at, f);
        let timer = core
            .arm(deadline, call.waker())
            .map(|key| (core.clone(), key));
        if timer.is_none() && core.is_closed() {
            // The call never falls due. It is queued, so that the closing loop drops it with the queue.
            call.queue();
        }
        Self { call, timer }
    }

    /// Cancels the call and drops its function now. Returns true if this prevented the call, false if it has run, is
    /// running, or was cancelled before.
    pub fn cancel(&self) -> bool {
        if let Some((core, key)) = &self.timer {
            core.disarm(*key);
        }
        self.call.cancel()
    }
}

impl fmt::Debug for CallHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallHandle").finish_non_exhaustive()
    }
}
