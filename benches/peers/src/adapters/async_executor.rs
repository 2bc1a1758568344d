//! async-executor's `LocalExecutor`, with async-io for its timers.

use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use async_executor::LocalExecutor as Inner;

use crate::runtime::Runtime;

/// A shared `LocalExecutor`.
#[derive(Clone)]
pub struct LocalExecutor(Rc<Inner<'static>>);

impl Runtime for LocalExecutor {
    fn run<F>(main: impl FnOnce(Self) -> F) -> F::Output
    where
        F: Future + 'static,
    {
        let executor = Rc::new(Inner::new());
        let main = main(Self(executor.clone()));
        async_io::block_on(executor.run(main))
    }

    fn spawn<F>(&self, future: F) -> impl Future<Output = F::Output> + use<F>
    where
        F: Future + 'static,
    {
        self.0.spawn(future)
    }

    fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output = ()> + 'static,
    {
        self.0.spawn(future).detach();
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + use<> {
        let timer = async_io::Timer::after(duration);
        async move {
            timer.await;
        }
    }
}
