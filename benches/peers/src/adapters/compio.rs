//! compio on its polling driver, which runs everywhere.

use std::future::Future;
use std::time::Duration;

use super::Unwrapped;
use crate::runtime::Runtime;

/// compio's ambient functions.
#[derive(Clone)]
pub struct Compio;

impl Runtime for Compio {
    fn run<F>(main: impl FnOnce(Self) -> F) -> F::Output
    where
        F: Future + 'static,
    {
        let runtime = compio::runtime::Runtime::new().expect("compio's runtime starts");
        runtime.block_on(main(Compio))
    }

    fn spawn<F>(&self, future: F) -> impl Future<Output = F::Output> + use<F>
    where
        F: Future + 'static,
    {
        Unwrapped(compio::runtime::spawn(future))
    }

    fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output = ()> + 'static,
    {
        compio::runtime::spawn(future).detach();
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + use<> {
        compio::time::sleep(duration)
    }
}
