//! A way into the loop for code on its thread that is not one of its tasks.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::rc::Rc;

use futures_task::{LocalFutureObj, LocalSpawn, SpawnError};

use super::CallHandle;
use super::core::Core;
use crate::task::{JoinHandle, Plain};

/// Spawns and calls into one loop, from its thread: while [`block_on`](crate::EventLoop::block_on) runs, from plain
/// calls, or between two runs. Made by [`EventLoop::spawner`](crate::EventLoop::spawner).
///
/// Once the loop is gone, `spawn` gives a task that is cancelled already, `call_soon` drops its call, and `stop` does
/// nothing.
///
/// ```
/// let mut event_loop = looplet::EventLoop::new();
/// let spawner = event_loop.spawner();
/// let inner = spawner.clone();
/// spawner.call_soon(move || inner.spawn(async { println!("from a plain call") }).detach());
/// event_loop.run_until_stalled();
/// ```
///
/// It stays on its thread:
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
