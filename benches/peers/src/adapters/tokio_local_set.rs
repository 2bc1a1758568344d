//! tokio's `LocalSet` on a current-thread runtime.

use std::future::Future;
use std::time::Duration;

use super::Unwrapped;
use crate::runtime::Runtime;

/// tokio's `spawn_local` inside a `LocalSet`.
#[derive(Clone)]
pub struct TokioLocalSet;

impl Runtime for TokioLocalSet {
    fn run<F>(main: impl FnOnce(Self) -> F) -> F::Output
    where
        F: Future + 'static,
    {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("tokio's runtime starts");
        tokio::task::LocalSet::new().block_on(&runtime, main(TokioLocalSet))
    }

    fn spawn<F>(&self, future: F) -> impl Future<Output = F::Output> + use<F>
    where
        F: Future + 'static,
    {
        Unwrapped(tokio::task::spawn_local(future))
    }

    fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output = ()> + 'static,
    {
        drop(tokio::task::spawn_local(future));
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + use<> {
        tokio::time::sleep(duration)
    }
}
