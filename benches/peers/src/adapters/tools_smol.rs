//! smol's tools: `LocalExecutor`, async-io, async-lock, async-channel and event-listener.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use async_lock::{Mutex, Semaphore};
use event_listener::Event;
use futures::future::{Either, select};
use futures::stream::{FuturesUnordered, StreamExt};

use super::async_executor::LocalExecutor;
use crate::runtime::Runtime;
use crate::tools::{Flag, Limit, Lock, Oneshot, Tools};

impl Tools for LocalExecutor {
    type Mutex = Mutex<u64>;
    type Event = Event;
    type Semaphore = Semaphore;
    type Oneshot = SmolOneshot;

    /// As smol's documentation has it: a race with a timer.
    fn timeout<F>(
        &self,
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Option<F::Output>> + use<F>
    where
        F: Future,
    {
        async move {
            let timer = async_io::Timer::after(limit);
            match select(pin!(future), timer).await {
                Either::Left((output, _)) => Some(output),
                Either::Right(_) => None,
            }
        }
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

    async fn cancel<F>(&self, futures: Vec<F>) -> Duration
    where
        F: Future<Output = ()> + 'static,
    {
        let handles: Vec<_> = futures.into_iter().map(|it| self.spawn_task(it)).collect();
        // A task that yields comes behind all of them.
        self.spawn(std::future::ready(())).await;
        let start = Instant::now();
        // A drop requests the end, as `cancel` does before it waits for it.
        let mut ends = Vec::with_capacity(handles.len());
        for handle in handles {
            let mut end = Box::pin(handle.cancel());
            let _pending = futures::poll!(&mut end);
            ends.push(end);
        }
        for end in ends {
            end.await;
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
        self.listen()
    }

    fn wake_all(&self) {
        self.notify(usize::MAX);
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

/// smol has no oneshot of its own; its users take a bounded channel.
pub struct SmolOneshot;

impl Oneshot for SmolOneshot {
    type Sender = async_channel::Sender<u64>;

    fn open() -> (
        async_channel::Sender<u64>,
        impl Future<Output = u64> + 'static,
    ) {
        let (sender, receiver) = async_channel::bounded(1);
        (sender, async move {
            receiver.recv().await.expect("a value is sent")
        })
    }

    fn send(sender: async_channel::Sender<u64>, value: u64) {
        sender.try_send(value).expect("the receiver waits");
    }
}
