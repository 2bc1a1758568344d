//! tokio's current-thread runtime without a `LocalSet`.
//!
//! `LocalRuntime` is that runtime with a `spawn_local` of its own: the shared leaf futures are not `Send`.

use std::future::Future;
use std::time::Duration;

use super::Unwrapped;
use crate::runtime::Runtime;

/// tokio's `spawn_local` on a `LocalRuntime`.
#[derive(Clone)]
pub struct TokioCurrentThread;

impl Runtime for TokioCurrentThread {
    fn run<F>(main: impl FnOnce(Self) -> F) -> F::Output
    where
        F: Future + 'static,
    {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build_local(tokio::runtime::LocalOptions::default())
            .expect("tokio's runtime starts");
        runtime.block_on(main(TokioCurrentThread))
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
