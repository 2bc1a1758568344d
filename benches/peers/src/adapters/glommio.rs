//! glommio, on io_uring.

use std::future::Future;
use std::time::Duration;

use glommio::{LocalExecutorBuilder, Placement};

use crate::runtime::Runtime;

/// glommio's ambient functions.
#[derive(Clone)]
pub struct Glommio;

impl Runtime for Glommio {
    fn run<F>(main: impl FnOnce(Self) -> F) -> F::Output
    where
        F: Future + 'static,
    {
        let builder = LocalExecutorBuilder::new(Placement::Unbound);
        let executor = builder.make().expect("glommio's executor starts");
        executor.run(main(Glommio))
    }

    fn spawn<F>(&self, future: F) -> impl Future<Output = F::Output> + use<F>
    where
        F: Future + 'static,
    {
        glommio::spawn_local(future)
    }

    fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output = ()> + 'static,
    {
        drop(glommio::spawn_local(future).detach());
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + use<> {
        glommio::timer::sleep(duration)
    }
}
