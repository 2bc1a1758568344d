//! kimojio, on io_uring. It numbers its tasks with 16 bits, and a wake from another thread panics.

use std::future::Future;
use std::time::Duration;

use kimojio::configuration::{Configuration, ExitBehavior};
use kimojio::operations::{sleep, spawn_task};

use crate::runtime::Runtime;

/// kimojio's ambient functions.
#[derive(Clone)]
pub struct Kimojio;

impl Runtime for Kimojio {
    fn run<F>(main: impl FnOnce(Self) -> F) -> F::Output
    where
        F: Future + 'static,
    {
        let configuration = Configuration::new().set_exit_behavior(ExitBehavior::WhenMainTaskCompletes);
        let mut runtime = kimojio::Runtime::new(0, configuration);
        let ended = runtime.block_on(main(Kimojio)).expect("nobody stops the runtime");
        ended.unwrap_or_else(|payload| std::panic::resume_unwind(payload))
    }

    fn spawn<F>(&self, future: F) -> impl Future<Output = F::Output> + use<F>
    where
        F: Future + 'static,
    {
        let handle = spawn_task(future);
        async move { handle.await.expect("a task of the workload failed") }
    }

    fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output = ()> + 'static,
    {
        drop(spawn_task(future));
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + use<> {
        let sleep = sleep(duration);
        async move { sleep.await.expect("the sleep runs to its end") }
    }
}
