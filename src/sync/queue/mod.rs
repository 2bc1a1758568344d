//! The three queues: one implementation ([`core`]) over three orders of items ([`store`]).
//!
//! [`kind`] has the public methods and [`futures`] what they return; [`remote`] is the end for other threads, and
//! [`transfer`] moves their items into the queue.

mod core;
mod futures;
mod kind;
mod remote;
#[cfg(all(test, looplet_loom))]
#[path = "../../task/models/queue.rs"]
mod remote_loom;
mod store;
mod transfer;

use std::fmt;
use std::future::Future;
use std::rc::Rc;

use futures_core::stream::FusedStream;

use self::futures::{Get, Items, Join, Put};
use self::store::{Fifo, Lifo, Smallest};
use crate::error::{Closed, PutError, TryGetError, TryPutError};

// For the code that binds a queue to a loop.
pub(crate) use self::core::Shared;
use self::kind::queue;
pub use self::remote::RemoteQueue;
pub(crate) use self::remote::{Pipe, Refuse};
pub(crate) use self::store::Store;
pub(crate) use self::transfer::Transfer;

queue! {
    /// A queue of items, first in, first out, for any number of producers and consumers on one thread.
    ///
    /// Clones are handles to the same queue; both ends are one type. Waiters are served in order of arrival.
    ///
    /// # Examples
    ///
    /// ```
    /// use looplet::Queue;
    ///
    /// let queue = Queue::bounded(1);
    /// let producer = async {
    ///     for n in 1..=3 {
    ///         queue.put(n).await.unwrap();
    ///     }
    ///     queue.shutdown();
    /// };
    /// let consumer = async {
    ///     let mut sum = 0;
    ///     while let Ok(n) = queue.get().await {
    ///         sum += n;
    ///     }
    ///     sum
    /// };
    /// let ((), sum) = futures::executor::block_on(async { futures::join!(producer, consumer) });
    /// assert_eq!(sum, 6);
    /// ```
    #[doc(alias = "asyncio.Queue")]
    Queue, "Queue", Fifo, T
}

queue! {
    /// A queue that returns the newest item first; otherwise like [`Queue`].
    ///
    /// # Examples
    ///
    /// ```
    /// let stack = looplet::LifoQueue::unbounded();
    /// stack.try_put(1).unwrap();
    /// stack.try_put(2).unwrap();
    /// assert_eq!(stack.try_get(), Ok(2));
    /// ```
    #[doc(alias = "asyncio.LifoQueue")]
    LifoQueue, "LifoQueue", Lifo, T
}

queue! {
    /// A queue that returns the smallest item first, equal ones in the order in which they were put; otherwise like
    /// [`Queue`].
    ///
    /// The comparison must not use the queue itself. If it panics no item is lost: an item that was being put is in the
    /// queue, and an item that was being taken is still in it.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = looplet::PriorityQueue::unbounded();
    /// queue.try_put((2, "wash up")).unwrap();
    /// queue.try_put((1, "cook")).unwrap();
    /// assert_eq!(queue.try_get(), Ok((1, "cook")));
    /// ```
    #[doc(alias = "asyncio.PriorityQueue")]
    PriorityQueue, "PriorityQueue", Smallest, T: Ord
}

fn describe<S: Store>(queue: &Shared<S>, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_struct(name)
        .field("len", &queue.len())
        .field("capacity", &queue.capacity)
        .field("is_shutdown", &queue.is_shut())
        .finish()
}
