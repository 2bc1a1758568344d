//! The interface of a queue, whatever its order, for items that come from other threads.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use super::core::Shared;
use super::futures::Put;
use super::store::Store;
use crate::error::{PutError, TryPutError};

/// Called at each shutdown that changes something, with `true` for `shutdown_now`. Returns how many items were accepted
/// before and have not arrived: after a plain `shutdown` the queue ends only once they have.
pub(crate) type Hook = Rc<dyn Fn(bool) -> usize>;

/// The operations that the remote end needs of its queue.
pub(crate) trait Inlet<T> {
    /// Puts an item, above the bound if need be. Fails after a shutdown, except for as many items as the hook returned.
    fn deliver(&self, item: T) -> Result<(), PutError<T>>;

    /// Puts all of the items, unless the queue is shut down; cheaper than one by one.
    fn deliver_all(&self, items: &mut VecDeque<T>);

    /// No item that the hook has counted will arrive.
    fn break_promises(&self);

    /// Sets the hook to call at the shutdown.
    fn on_shutdown(&self, hook: Hook);

    fn capacity(&self) -> Option<usize>;

    fn is_shutdown(&self) -> bool;

    /// Whether a hook is set.
    fn is_bound(&self) -> bool;

    fn try_put(&self, item: T) -> Result<(), TryPutError<T>>;

    /// A `put` that owns its queue.
    fn waiting_put(self: Rc<Self>, item: T) -> WaitingPut<T>;
}

pub(crate) type WaitingPut<T> = Pin<Box<dyn Future<Output = Result<(), PutError<T>>>>>;

impl<S: Store<Item: 'static> + 'static> Inlet<S::Item> for Shared<S> {
    fn deliver(&self, item: S::Item) -> Result<(), PutError<S::Item>> {
        Shared::deliver(self, item)
    }

    fn deliver_all(&self, items: &mut VecDeque<S::Item>) {
        Shared::deliver_all(self, items);
    }

    fn break_promises(&self) {
        Shared::break_promises(self);
    }

    fn on_shutdown(&self, hook: Hook) {
        let _old = self.hook.replace(Some(hook));
    }

    fn capacity(&self) -> Option<usize> {
        self.capacity
    }

    fn is_shutdown(&self) -> bool {
        self.is_shut()
    }

    fn is_bound(&self) -> bool {
        self.hook.borrow().is_some()
    }

    fn try_put(&self, item: S::Item) -> Result<(), TryPutError<S::Item>> {
        Shared::try_put(self, item)
    }

    fn waiting_put(self: Rc<Self>, item: S::Item) -> WaitingPut<S::Item> {
        Box::pin(async move { Put::new(&*self, item).await })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::VecDeque;
    use std::rc::Rc;

    use super::Inlet;
    use crate::error::{PutError, TryGetError};
    use crate::sync::{LifoQueue, PriorityQueue, Queue};

    #[test]
    fn a_delivery_goes_above_the_bound() {
        let queue = Queue::bounded(1);
        let inlet = queue.inlet();
        inlet.deliver(1).unwrap();
        inlet.deliver(2).unwrap();
        assert_eq!((queue.len(), queue.is_full()), (2, true));
        assert!(queue.try_put(3).is_err());
        assert_eq!((queue.try_get(), queue.try_get()), (Ok(1), Ok(2)));
        assert_eq!(inlet.capacity(), Some(1));
    }

    /// Delivers 1 to 3, and then 4 to 6.
    fn deliver_all(inlet: &dyn Inlet<u32>) {
        for mut batch in [VecDeque::from([1, 2, 3]), VecDeque::from([4, 5, 6])] {
            inlet.deliver_all(&mut batch);
            assert!(batch.is_empty());
        }
    }

    #[test]
    fn a_delivery_of_many_puts_all_of_them_and_counts_each() {
        let (queue, stack, heap) = (
            Queue::unbounded(),
            LifoQueue::unbounded(),
            PriorityQueue::unbounded(),
        );
        deliver_all(&*queue.inlet());
        deliver_all(&*stack.inlet());
        deliver_all(&*heap.inlet());
        for n in 1..=6 {
            assert_eq!((queue.try_get(), heap.try_get()), (Ok(n), Ok(n)));
            assert_eq!(stack.try_get(), Ok(7 - n));
            queue.task_done();
            stack.task_done();
            heap.task_done();
        }
    }

    #[test]
    fn after_the_shutdown_a_delivery_of_many_puts_nothing() {
        let queue = Queue::unbounded();
        let (inlet, mut batch) = (queue.inlet(), VecDeque::from([1, 2]));
        queue.shutdown();
        inlet.deliver_all(&mut batch);
        assert_eq!(
            (batch.len(), queue.try_get()),
            (2, Err(TryGetError::Closed))
        );
    }

    #[test]
    fn what_was_promised_before_the_shutdown_still_arrives() {
        let (queue, calls) = (Queue::unbounded(), Rc::new(Cell::new(0)));
        let inlet = queue.inlet();
        let count = Rc::clone(&calls);
        inlet.on_shutdown(Rc::new(move |at_once| {
            count.set(count.get() + 1);
            if at_once { 0 } else { 2 }
        }));
        queue.shutdown();
        queue.shutdown();
        assert_eq!(calls.get(), 1);
        assert_eq!(queue.try_get(), Err(TryGetError::Empty));
        inlet.deliver(1).unwrap();
        assert_eq!(queue.try_get(), Ok(1));
        assert_eq!(queue.try_get(), Err(TryGetError::Empty));
        inlet.deliver(2).unwrap();
        assert_eq!(inlet.deliver(3), Err(PutError(3)));
        assert_eq!(queue.try_get(), Ok(2));
        assert_eq!(queue.try_get(), Err(TryGetError::Closed));
    }

    #[test]
    fn broken_promises_and_shutdown_now_end_the_queue() {
        for breaks in [true, false] {
            let queue = Queue::unbounded();
            let inlet = queue.inlet();
            inlet.on_shutdown(Rc::new(|_| 1));
            queue.shutdown();
            assert_eq!(queue.try_get(), Err(TryGetError::Empty));
            if breaks {
                inlet.break_promises();
            } else {
                queue.shutdown_now();
            }
            assert_eq!(queue.try_get(), Err(TryGetError::Closed));
            assert!(inlet.is_shutdown() && inlet.deliver(1).is_err());
        }
    }
}
