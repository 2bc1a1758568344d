//! async-executor's `LocalExecutor`, with async-io for its timers.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_executor::LocalExecutor as Inner;

use crate::runtime::Runtime;

/// A shared `LocalExecutor`.
#[derive(Clone)]
pub struct LocalExecutor(Rc<Inner<'static>>);

/// async-io's timer without its output; an `async` block would hold the timer twice.
struct Sleep(async_io::Timer);

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

impl LocalExecutor {
    /// Spawns a task that can be cancelled.
    pub fn spawn_task<F>(&self, future: F) -> async_executor::Task<F::Output>
    where
        F: Future + 'static,
    {
        self.0.spawn(future)
    }
}

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
        Sleep(async_io::Timer::after(duration))
    }
}
