//! The seam for items that come from other threads: a queue seen from below, whatever its order.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use super::core::Shared;
use super::futures::Put;
use super::store::Store;
use crate::error::{PutError, TryPutError};

/// Called once, at the shutdown, with whether it is `shutdown_now`. Says how many items were accepted before it and
/// are still on their way: after a plain shutdown the queue waits for them before it tells its getters the end.
pub(crate) type Hook = Rc<dyn Fn(bool) -> usize>;

/// What a remote end needs of its queue.
pub(crate) trait Inlet<T> {
    /// Puts an item, above the bound if need be. Fails after a shutdown, except for the items it was told of.
    fn deliver(&self, item: T) -> Result<(), PutError<T>>;

    /// What was on its way at the shutdown will not come any more.
    fn break_promises(&self);

    /// Has `hook` called at the shutdown.
    fn on_shutdown(&self, hook: Hook);

    fn capacity(&self) -> Option<usize>;

    fn is_shutdown(&self) -> bool;

    /// Whether a hook is there.
    fn is_bound(&self) -> bool;

    fn try_put(&self, item: T) -> Result<(), TryPutError<T>>;

    /// A put that owns its queue.
    fn waiting_put(self: Rc<Self>, item: T) -> WaitingPut<T>;
}

pub(crate) type WaitingPut<T> = Pin<Box<dyn Future<Output = Result<(), PutError<T>>>>>;

impl<S: Store<Item: 'static> + 'static> Inlet<S::Item> for Shared<S> {
    fn deliver(&self, item: S::Item) -> Result<(), PutError<S::Item>> {
        Shared::deliver(self, item)
    }

    fn break_promises(&self) {
        Shared::break_promises(self);
    }

    fn on_shutdown(&self, hook: Hook) {
        let _old = self.hook.replace(Some(hook));
    }

    fn capacity(&self) -> Option<usize> {
        Shared::capacity(self)
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
