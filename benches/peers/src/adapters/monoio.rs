//! monoio on its legacy driver (epoll or kqueue), which runs everywhere.

use std::future::Future;
use std::time::Duration;

use monoio::{LegacyDriver, RuntimeBuilder};

use crate::runtime::Runtime;

/// monoio's ambient functions.
#[derive(Clone)]
pub struct Monoio;

impl Runtime for Monoio {
    fn run<F>(main: impl FnOnce(Self) -> F) -> F::Output
    where
        F: Future + 'static,
    {
        let builder = RuntimeBuilder::<LegacyDriver>::new().enable_timer();
        let mut runtime = builder.build().expect("monoio's runtime starts");
        runtime.block_on(main(Monoio))
    }

    fn spawn<F>(&self, future: F) -> impl Future<Output = F::Output> + use<F>
    where
        F: Future + 'static,
    {
        monoio::spawn(future)
    }

    fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output = ()> + 'static,
    {
        drop(monoio::spawn(future));
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + use<> {
        monoio::time::sleep(duration)
    }
}
