//! The one trait behind which every executor stands.

use std::future::Future;
use std::time::Duration;

/// A single-threaded executor, or the handle with which its tasks spawn.
///
/// The workloads are written once against this trait, so that every executor polls the very same leaf futures.
/// What an executor does not have panics with a sentence; the driver then leaves it out of that row.
pub trait Runtime: Clone + 'static {
    /// Starts the executor, runs `main` to its end and stops the executor again.
    fn run<F>(main: impl FnOnce(Self) -> F) -> F::Output
    where
        F: Future + 'static;

    /// Spawns a task; the returned future is its join handle and gives the task's output.
    fn spawn<F>(&self, future: F) -> impl Future<Output = F::Output> + use<Self, F>
    where
        F: Future + 'static;

    /// Spawns a task that is not joined, in the executor's cheapest way.
    fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output = ()> + 'static;

    /// The executor's own sleep.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + use<Self>;

    /// Runs all futures as tasks and gives their outputs in order.
    ///
    /// Executors without a gather of their own spawn all and then await all.
    fn gather<F>(&self, futures: Vec<F>) -> impl Future<Output = Vec<F::Output>> + use<Self, F>
    where
        F: Future + 'static,
    {
        let mut handles = Vec::with_capacity(futures.len());
        handles.extend(futures.into_iter().map(|future| self.spawn(future)));
        async move {
            let mut outputs = Vec::with_capacity(handles.len());
            for handle in handles {
                outputs.push(handle.await);
            }
            outputs
        }
    }
}
