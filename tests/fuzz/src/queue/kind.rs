//! What the target needs of a queue, whichever kind it is, and what it puts in.

use std::cmp::Ordering;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use futures::Stream;
use looplet::{Closed, LifoQueue, PriorityQueue, PutError, Queue, TryGetError, TryPutError};

/// An item as the model knows it: smaller priorities first, whatever the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) priority: u8,
    pub(super) number: u32,
}

/// An item as the queue has it. While it lives, so does its share of a count.
pub(super) struct Item {
    pub(super) name: Name,
    pub(super) _alive: Rc<()>,
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Item {}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Item {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name.priority.cmp(&other.name.priority)
    }
}

#[derive(Clone, Copy)]
pub(super) enum Order {
    FirstIn,
    LastIn,
    Smallest,
}

pub(super) type Boxed<T> = Pin<Box<dyn Future<Output = T>>>;
pub(super) type Items = Pin<Box<dyn Stream<Item = Item>>>;

/// A queue of any kind. Its futures own a handle, as those of tasks do.
pub(super) trait Kind: Clone + 'static {
    const ORDER: Order;

    fn new(capacity: Option<usize>) -> Self;
    fn put(&self, item: Item) -> Boxed<Result<(), PutError<Item>>>;
    fn get(&self) -> Boxed<Result<Item, Closed>>;
    fn join(&self) -> Boxed<()>;
    fn stream(&self) -> Items;
    fn try_put(&self, item: Item) -> Result<(), TryPutError<Item>>;
    fn try_get(&self) -> Result<Item, TryGetError>;
    fn task_done(&self);
    fn shutdown(&self);
    fn shutdown_now(&self);
    fn is_shutdown(&self) -> bool;
    fn len(&self) -> usize;
    fn is_full(&self) -> bool;
}

macro_rules! kind {
    ($queue:ident, $order:ident) => {
        impl Kind for $queue<Item> {
            const ORDER: Order = Order::$order;

            fn new(capacity: Option<usize>) -> Self {
                capacity.map_or_else(Self::unbounded, Self::bounded)
            }

            fn put(&self, item: Item) -> Boxed<Result<(), PutError<Item>>> {
                let queue = self.clone();
                Box::pin(async move { queue.put(item).await })
            }

            fn get(&self) -> Boxed<Result<Item, Closed>> {
                let queue = self.clone();
                Box::pin(async move { queue.get().await })
            }

            fn join(&self) -> Boxed<()> {
                let queue = self.clone();
                Box::pin(async move { queue.join().await })
            }

            fn stream(&self) -> Items {
                Box::pin($queue::stream(self))
            }

            fn try_put(&self, item: Item) -> Result<(), TryPutError<Item>> {
                $queue::try_put(self, item)
            }

            fn try_get(&self) -> Result<Item, TryGetError> {
                $queue::try_get(self)
            }

            fn task_done(&self) {
                $queue::task_done(self);
            }

            fn shutdown(&self) {
                $queue::shutdown(self);
            }

            fn shutdown_now(&self) {
                $queue::shutdown_now(self);
            }

            fn is_shutdown(&self) -> bool {
                $queue::is_shutdown(self)
            }

            fn len(&self) -> usize {
                $queue::len(self)
            }

            fn is_full(&self) -> bool {
                $queue::is_full(self)
            }
        }
    };
}

kind!(Queue, FirstIn);
kind!(LifoQueue, LastIn);
kind!(PriorityQueue, Smallest);
