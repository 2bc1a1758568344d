//! tokio's tools, on a `LocalSet`.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Notify, Semaphore, oneshot};
use tokio::task::JoinSet;

use super::tokio_local_set::TokioLocalSet;
use crate::tools::{Flag, Limit, Lock, Oneshot, Tools};

impl Tools for TokioLocalSet {
    type Mutex = Mutex<u64>;
    type Event = Notify;
    type Semaphore = Semaphore;
    type Oneshot = TokioOneshot;

    fn timeout<F>(
        &self,
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Option<F::Output>> + use<F>
    where
        F: Future,
    {
        let timeout = tokio::time::timeout(limit, future);
        async move { timeout.await.ok() }
    }

    /// `join!` in one task is what a program of tokio's would write.
    async fn gather_two<A, B>(&self, a: A, b: B) -> (A::Output, B::Output)
    where
        A: Future + 'static,
        B: Future + 'static,
    {
        let (a, b) = (tokio::task::spawn_local(a), tokio::task::spawn_local(b));
        let failed = "a task of the workload failed";
        (a.await.expect(failed), b.await.expect(failed))
    }

    async fn group<F>(&self, futures: Vec<F>)
    where
        F: Future<Output = ()> + 'static,
    {
        let mut set = JoinSet::new();
        for future in futures {
            set.spawn_local(future);
        }
        while set.join_next().await.is_some() {}
    }

    async fn as_completed<F>(&self, futures: Vec<F>)
    where
        F: Future<Output = ()> + 'static,
    {
        self.group(futures).await;
    }

    async fn cancel<F>(&self, futures: Vec<F>) -> Duration
    where
        F: Future<Output = ()> + 'static,
    {
        let spawned = futures.into_iter().map(tokio::task::spawn_local);
        let handles: Vec<_> = spawned.collect();
        tokio::task::yield_now().await;
        let start = Instant::now();
        for handle in &handles {
            handle.abort();
        }
        for handle in handles {
            let _cancelled = handle.await;
        }
        start.elapsed()
    }
}

impl Lock for Mutex<u64> {
    async fn with<F: Future<Output = ()>>(&self, f: impl FnOnce(&mut u64) -> F) {
        let mut guard = self.lock().await;
        f(&mut guard).await;
    }
}

impl Flag for Notify {
    fn wait(&self) -> impl Future<Output = ()> {
        self.notified()
    }

    fn wake_all(&self) {
        self.notify_waiters();
    }
}

impl Limit for Semaphore {
    fn new(permits: usize) -> Self {
        Semaphore::new(permits)
    }

    async fn with<F: Future<Output = ()>>(&self, f: F) {
        let _permit = self.acquire().await.expect("the semaphore is open");
        f.await;
    }
}

/// tokio's `oneshot`.
pub struct TokioOneshot;

impl Oneshot for TokioOneshot {
    type Sender = oneshot::Sender<u64>;

    fn open() -> (oneshot::Sender<u64>, impl Future<Output = u64> + 'static) {
        let (sender, receiver) = oneshot::channel();
        (
            sender,
            async move { receiver.await.expect("a value is sent") },
        )
    }

    fn send(sender: oneshot::Sender<u64>, value: u64) {
        sender.send(value).expect("the receiver waits");
    }
}
