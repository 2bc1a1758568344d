//! monoio's timeout; it has no locks, so its users take those of smol.

use std::future::Future;
use std::time::Duration;

use async_lock::{Mutex, Semaphore};
use event_listener::Event;
use futures::stream::{FuturesUnordered, StreamExt};

use super::monoio::Monoio;
use super::tools_smol::SmolOneshot;
use crate::runtime::Runtime;
use crate::tools::Tools;

impl Tools for Monoio {
    type Mutex = Mutex<u64>;
    type Event = Event;
    type Semaphore = Semaphore;
    type Oneshot = SmolOneshot;

    fn timeout<F>(
        &self,
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Option<F::Output>> + use<F>
    where
        F: Future,
    {
        let timeout = monoio::time::timeout(limit, future);
        async move { timeout.await.ok() }
    }

    async fn gather_two<A, B>(&self, a: A, b: B) -> (A::Output, B::Output)
    where
        A: Future + 'static,
        B: Future + 'static,
    {
        let (a, b) = (self.spawn(a), self.spawn(b));
        (a.await, b.await)
    }

    async fn group<F>(&self, futures: Vec<F>)
    where
        F: Future<Output = ()> + 'static,
    {
        self.gather(futures).await;
    }

    async fn as_completed<F>(&self, futures: Vec<F>)
    where
        F: Future<Output = ()> + 'static,
    {
        let handles = futures.into_iter().map(|future| self.spawn(future));
        let mut handles: FuturesUnordered<_> = handles.collect();
        while handles.next().await.is_some() {}
    }

    async fn cancel<F>(&self, _: Vec<F>) -> Duration
    where
        F: Future<Output = ()> + 'static,
    {
        panic!("monoio cannot cancel a task")
    }
}
