//! looplet's tools.

use std::future::Future;
use std::time::{Duration, Instant};

use looplet::sync::{Event, Mutex, Semaphore, Sender, oneshot};

use super::looplet::Looplet;
use crate::tools::{Flag, Limit, Lock, Oneshot, Tools};

impl Tools for Looplet {
    type Mutex = Mutex<u64>;
    type Event = Event;
    type Semaphore = Semaphore;
    type Oneshot = LoopletOneshot;

    fn timeout<F>(
        &self,
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Option<F::Output>> + use<F>
    where
        F: Future,
    {
        let timeout = looplet::timeout(limit, future);
        async move { timeout.await.ok() }
    }

    fn gather_two<A, B>(&self, a: A, b: B) -> impl Future<Output = (A::Output, B::Output)>
    where
        A: Future + 'static,
        B: Future + 'static,
    {
        looplet::gather((a, b))
    }

    async fn group<F>(&self, futures: Vec<F>)
    where
        F: Future<Output = ()> + 'static,
    {
        let body = async |group: &looplet::TaskGroup<()>| {
            for future in futures {
                let child = async move {
                    future.await;
                    Ok(())
                };
                group.spawn(child).detach();
            }
            Ok(())
        };
        looplet::task_group(body).await.expect("no child fails");
    }

    async fn as_completed<F>(&self, futures: Vec<F>)
    where
        F: Future<Output = ()> + 'static,
    {
        let mut ended = looplet::as_completed(futures.into_iter().map(looplet::spawn));
        while ended.next().await.is_some() {}
    }

    async fn cancel<F>(&self, futures: Vec<F>) -> Duration
    where
        F: Future<Output = ()> + 'static,
    {
        let handles: Vec<_> = futures.into_iter().map(looplet::spawn).collect();
        looplet::yield_now().await;
        let start = Instant::now();
        for handle in &handles {
            handle.cancel();
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

impl Flag for Event {
    fn wait(&self) -> impl Future<Output = ()> {
        self.wait()
    }

    fn wake_all(&self) {
        self.set();
        self.clear();
    }
}

impl Limit for Semaphore {
    fn new(permits: usize) -> Self {
        Semaphore::new(permits)
    }

    async fn with<F: Future<Output = ()>>(&self, f: F) {
        let _permit = self.acquire().await;
        f.await;
    }
}

/// looplet's `oneshot`.
pub struct LoopletOneshot;

impl Oneshot for LoopletOneshot {
    type Sender = Sender<u64>;

    fn open() -> (Sender<u64>, impl Future<Output = u64> + 'static) {
        let (sender, receiver) = oneshot();
        (
            sender,
            async move { receiver.await.expect("a value is sent") },
        )
    }

    fn send(sender: Sender<u64>, value: u64) {
        sender.send(value).expect("the receiver waits");
    }
}
