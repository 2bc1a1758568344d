//! looplet: the subject of the comparison.

use std::future::Future;
use std::time::Duration;

use super::Unwrapped;
use crate::runtime::Runtime;

/// looplet's ambient functions.
#[derive(Clone)]
pub struct Looplet;

impl Runtime for Looplet {
    fn run<F>(main: impl FnOnce(Self) -> F) -> F::Output
    where
        F: Future + 'static,
    {
        looplet::run(main(Looplet))
    }

    fn spawn<F>(&self, future: F) -> impl Future<Output = F::Output> + use<F>
    where
        F: Future + 'static,
    {
        Unwrapped(looplet::spawn(future))
    }

    fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output = ()> + 'static,
    {
        looplet::spawn(future).detach();
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + use<> {
        looplet::time::sleep(duration)
    }

    fn gather<F>(&self, futures: Vec<F>) -> impl Future<Output = Vec<F::Output>> + use<F>
    where
        F: Future + 'static,
    {
        looplet::gather(futures)
    }
}
