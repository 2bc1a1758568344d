//! kimojio, on io_uring. It numbers its tasks with 16 bits, and a wake from another thread panics.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use kimojio::configuration::{Configuration, ExitBehavior};
use kimojio::operations::{sleep, spawn_task};

use crate::runtime::Runtime;

/// kimojio's ambient functions.
#[derive(Clone)]
pub struct Kimojio;

/// A pinned future of `Result<T, E>` as one of `T`; an `async` block would hold it twice.
struct Ended<F>(F);

impl<F, T, E> Future for Ended<F>
where
    F: Future<Output = Result<T, E>>,
    E: std::fmt::Debug,
{
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        // SAFETY: the only field is pinned with its struct: nothing else moves it or drops it early.
        let inner = unsafe { self.map_unchecked_mut(|this| &mut this.0) };
        Poll::Ready(ready!(inner.poll(cx)).expect("a task or sleep of the workload failed"))
    }
}

impl Runtime for Kimojio {
    fn run<F>(main: impl FnOnce(Self) -> F) -> F::Output
    where
        F: Future + 'static,
    {
        let configuration =
            Configuration::new().set_exit_behavior(ExitBehavior::WhenMainTaskCompletes);
        let mut runtime = kimojio::Runtime::new(0, configuration);
        let ended = runtime
            .block_on(main(Kimojio))
            .expect("nobody stops the runtime");
        ended.unwrap_or_else(|payload| std::panic::resume_unwind(payload))
    }

    fn spawn<F>(&self, future: F) -> impl Future<Output = F::Output> + use<F>
    where
        F: Future + 'static,
    {
        Ended(spawn_task(future))
    }

    fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output = ()> + 'static,
    {
        drop(spawn_task(future));
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + use<> {
        Ended(sleep(duration))
    }
}
