//! What executors and their companion crates offer beside tasks: timeouts, locks, events, groups.

use std::future::Future;
use std::time::Duration;

use crate::runtime::Runtime;

/// An executor with its own tools, or with those that its users take.
///
/// What it does not have panics with a sentence; the driver then leaves it out of that row.
pub trait Tools: Runtime {
    type Mutex: Lock;
    type Event: Flag;
    type Semaphore: Limit;
    type Oneshot: Oneshot;

    /// The future's output, or `None` once the time is over.
    fn timeout<F>(
        &self,
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Option<F::Output>> + use<Self, F>
    where
        F: Future;

    /// Runs two futures side by side and gives both outputs.
    fn gather_two<A, B>(&self, a: A, b: B) -> impl Future<Output = (A::Output, B::Output)>
    where
        A: Future + 'static,
        B: Future + 'static;

    /// Runs all futures as tasks of a group and waits for the end of the group.
    fn group<F>(&self, futures: Vec<F>) -> impl Future<Output = ()>
    where
        F: Future<Output = ()> + 'static;

    /// Runs all futures as tasks and takes their outputs in the order in which they end.
    fn as_completed<F>(&self, futures: Vec<F>) -> impl Future<Output = ()>
    where
        F: Future<Output = ()> + 'static;

    /// Spawns all futures and lets them begin, then cancels them and waits until they are gone. Gives the time from
    /// the first cancel.
    fn cancel<F>(&self, futures: Vec<F>) -> impl Future<Output = Duration>
    where
        F: Future<Output = ()> + 'static;
}

/// A mutex of a number.
pub trait Lock: Default + 'static {
    /// Locks it, calls `f` with the number, awaits what `f` gives and unlocks it.
    fn with<F: Future<Output = ()>>(
        &self,
        f: impl FnOnce(&mut u64) -> F,
    ) -> impl Future<Output = ()>;
}

/// An event that wakes all who wait for it.
pub trait Flag: Default + 'static {
    fn wait(&self) -> impl Future<Output = ()>;

    /// Wakes all who wait now.
    fn wake_all(&self);
}

/// A semaphore.
pub trait Limit: 'static {
    fn new(permits: usize) -> Self;

    /// Awaits `f` with a permit.
    fn with<F: Future<Output = ()>>(&self, f: F) -> impl Future<Output = ()>;
}

/// A channel for one number.
pub trait Oneshot: 'static {
    type Sender: 'static;

    fn open() -> (Self::Sender, impl Future<Output = u64> + 'static);

    fn send(sender: Self::Sender, value: u64);
}
