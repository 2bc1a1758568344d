//! Counters of a loop.

use std::time::Duration;

use crate::event_loop::EventLoop;
use crate::event_loop::core::Core;

/// Counters of a loop's work and of its live tasks and timers; see [`EventLoop::metrics`](crate::EventLoop::metrics).
///
/// # Examples
///
/// ```
/// let mut event_loop = looplet::EventLoop::new();
/// event_loop.spawn(async { looplet::yield_now().await }).detach();
/// event_loop.run_until_stalled();
/// let metrics = event_loop.metrics();
/// assert_eq!((metrics.spawned, metrics.polls, metrics.live_tasks), (1, 2, 0));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Rounds run.
    pub rounds: u64,
    /// Polls of tasks and runs of plain calls.
    pub polls: u64,
    /// Wakeups that made a waiting task or plain call ready.
    pub wakes: u64,
    /// Those of them that came from other threads.
    pub remote_wakes: u64,
    /// Tasks spawned.
    pub spawned: u64,
    /// Tasks that have not finished.
    pub live_tasks: usize,
    /// Timers that are armed.
    pub armed_timers: usize,
    /// Time that the thread has spent asleep in the loop.
    pub parked: Duration,
}

impl EventLoop {
    /// The counters of the loop's work and of its live tasks and timers.
    ///
    /// # Examples
    ///
    /// ```
    /// let event_loop = looplet::EventLoop::new();
    /// event_loop.spawn(async {}).detach();
    /// assert_eq!(event_loop.metrics().live_tasks, 1);
    /// ```
    pub fn metrics(&self) -> Metrics {
        let Core { tasks, parked, .. } = &*self.core;
        Metrics {
            rounds: tasks.rounds(),
            polls: tasks.polls(),
            wakes: tasks.wakes(),
            remote_wakes: tasks.remote_wakes(),
            spawned: tasks.spawned(),
            live_tasks: tasks.live(),
            armed_timers: self.core.armed_timers(),
            parked: parked.get(),
        }
    }
}
