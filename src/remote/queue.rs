//! The owner side of a queue's remote end: moves items of other threads into the queue, as far as there is room.
//!
//! ```text
//!  other threads          the owner thread
//!  RemoteQueue --> Pipe --> batch --> (a put in the queue's wait queue) --> Queue
//!              put      pump, in the loop's look                       get
//! ```

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::{self, AssertUnwindSafe};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::mailbox::{Keepalive, MailboxSender, Message, mailbox};
use crate::error::{PutError, TryPutError};
use crate::event_loop::context;
use crate::event_loop::core::Core;
use crate::sync::queue::{Inlet, Left, Notify, Pipe, WaitingPut};
use crate::sync::{LifoQueue, PriorityQueue, Queue, RemoteQueue};

/// The most items that a look moves from one pipe. Moving an item is cheap, but a getter may take all of them in one
/// poll. The value bounds that poll, and is large enough to make the cost of the look per item negligible.
const ITEMS_PER_LOOK: usize = 1024;

/// An [`Inflow`] of any item type.
pub(super) trait Flow {
    /// Moves items from the pipe to the queue, as far as there is room.
    fn pump(&self);

    /// The loop begins to end: takes nothing new. No user code runs here.
    fn refuse(&self);

    /// The loop is gone: drops what is on its way.
    fn close(&self);

    fn into_any(self: Rc<Self>) -> Rc<dyn Any>;
}

struct Inflow<T> {
    pipe: Arc<Pipe<T>>,
    waker: Waker,
    /// Held while a sender exists or items are in flight.
    queue: RefCell<Option<Rc<dyn Inlet<T>>>>,
    keepalive: RefCell<Option<Keepalive>>,
    /// The oldest item, while it waits in the queue's putters in their order.
    first: RefCell<Option<WaitingPut<T>>>,
    batch: RefCell<VecDeque<T>>,
}

/// Announces to the loop that the pipe has items.
struct PipeNotifier {
    sender: Arc<MailboxSender>,
    key: usize,
}

impl Notify for PipeNotifier {
    fn announce(&self) {
        // A send fails only if the loop is gone; then the pipe is closed, or about to be closed.
        let _ = self.sender.send(Message::Items(self.key));
    }

    fn is_owner(&self) -> bool {
        self.sender.is_owner()
    }
}

/// Counts the items that have reached the queue and reports them to the pipe, even if user code panics in between.
struct Arrivals<'a, T> {
    pipe: &'a Pipe<T>,
    count: Cell<usize>,
    /// Whether the move completed without a panic. `thread::panicking` would not do, because the thread may be
    /// unwinding for another reason.
    is_complete: Cell<bool>,
}

impl<T> Arrivals<'_, T> {
    fn add_one(&self) {
        self.count.set(self.count.get() + 1);
    }
}

impl<T> Drop for Arrivals<'_, T> {
    fn drop(&mut self) {
        if self.count.get() > 0 {
            self.pipe.arrived(self.count.get());
        }
        if !self.is_complete.get() {
            // The next look moves the rest.
            self.pipe.announce();
        }
    }
}

impl<T: Send + 'static> Inflow<T> {
    /// Moves the first item that is not in the queue yet. Returns false if there is none, or no room.
    fn advance(&self, queue: &Rc<dyn Inlet<T>>, arrivals: &Arrivals<'_, T>) -> bool {
        let waiting = self.first.take();
        let Some(mut waiting) = waiting else {
            let item = self.batch.borrow_mut().pop_front();
            return item.is_some_and(|item| self.put(queue, item, arrivals));
        };
        match waiting.as_mut().poll(&mut Context::from_waker(&self.waker)) {
            Poll::Pending => {
                self.first.replace(Some(waiting));
                return false;
            }
            Poll::Ready(Ok(())) => arrivals.add_one(),
            Poll::Ready(Err(PutError(item))) => {
                arrivals.add_one();
                drop(queue.deliver(item));
            }
        }
        true
    }

    /// Moves all items to an unbounded queue.
    fn put_all(&self, queue: &dyn Inlet<T>, arrivals: &Arrivals<'_, T>) {
        // Taken out of the cell, because comparisons and wakers may run user code.
        let mut batch = self.batch.take();
        let before = batch.len();
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| queue.deliver_all(&mut batch)));
        let arrived = before - batch.len();
        arrivals.count.set(arrivals.count.get() + arrived);
        // Puts back the items that are left, and the allocation for reuse.
        self.batch.replace(batch);
        if let Err(panic) = outcome {
            panic::resume_unwind(panic);
        }
    }

    fn put(&self, queue: &Rc<dyn Inlet<T>>, item: T, arrivals: &Arrivals<'_, T>) -> bool {
        arrivals.add_one();
        match queue.try_put(item) {
            Ok(()) => {}
            // After a shutdown the queue accepts the items that were counted then, and returns the others.
            Err(TryPutError::Closed(item)) => drop(queue.deliver(item)),
            Err(TryPutError::Full(item)) => {
                arrivals.count.set(arrivals.count.get() - 1);
                self.first.replace(Some(Rc::clone(queue).waiting_put(item)));
            }
        }
        true
    }

    fn is_empty(&self) -> bool {
        self.first.borrow().is_none() && self.batch.borrow().is_empty()
    }

    /// Shuts down the pipe and returns the number of items that the queue may still wait for.
    fn shut_down(&self, at_once: bool) -> usize {
        let in_flight = self.pipe.shut_down();
        if !at_once {
            return in_flight;
        }
        self.discard();
        0
    }

    fn discard(&self) {
        let mut items = VecDeque::new();
        let _nothing = self.pipe.take(&mut items, usize::MAX);
        let (first, batch) = (self.first.take(), self.batch.take());
        self.pipe
            .arrived(items.len() + batch.len() + usize::from(first.is_some()));
        let _ = context::try_with(|core| {
            let tasks = &core.tasks;
            tasks.guarded("discarded item", || drop(first));
            for item in batch.into_iter().chain(items) {
                tasks.guarded("discarded item", || drop(item));
            }
        });
    }
}

impl<T: Send + 'static> Flow for Inflow<T> {
    fn pump(&self) {
        let Some(queue) = self.queue.borrow().clone() else {
            return;
        };
        let left = self.pipe.take(&mut self.batch.borrow_mut(), ITEMS_PER_LOOK);
        let arrivals = Arrivals {
            pipe: &self.pipe,
            count: Cell::new(0),
            is_complete: Cell::new(false),
        };
        if queue.capacity().is_none() {
            self.put_all(&*queue, &arrivals);
        }
        while self.advance(&queue, &arrivals) {}
        arrivals.is_complete.set(true);
        drop(arrivals);
        // If items are left here, the queue is full, and the waker of the waiting put announces them.
        match left {
            _ if !self.is_empty() => {}
            Left::Items => self.pipe.announce(),
            Left::Senders => {}
            Left::NoSender => {
                let (queue, keepalive) = (self.queue.take(), self.keepalive.take());
                drop((queue, keepalive));
            }
        }
    }

    fn refuse(&self) {
        self.pipe.shut_down();
    }

    fn close(&self) {
        self.refuse();
        self.discard();
        let (queue, keepalive) = (self.queue.take(), self.keepalive.take());
        if let Some(queue) = queue {
            queue.break_promises();
        }
        drop(keepalive);
    }

    fn into_any(self: Rc<Self>) -> Rc<dyn Any> {
        self
    }
}

/// Owned by the queue's shutdown hook, so that the inflow is removed when the queue is dropped.
struct Registration {
    core: Weak<Core>,
    key: usize,
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(core) = self.core.upgrade() {
            mailbox(&core).remove_flow(self.key);
        }
    }
}

/// Binds a queue to a loop.
fn bind<T: Send + 'static>(core: &Rc<Core>, key: usize, queue: &dyn Inlet<T>) -> Rc<Inflow<T>> {
    let sender = Arc::clone(&mailbox(core).sender);
    let pipe = Pipe::new(queue.capacity(), Box::new(PipeNotifier { sender, key }));
    let flow = Rc::new(Inflow {
        waker: Waker::from(Arc::clone(&pipe)),
        pipe,
        queue: RefCell::default(),
        keepalive: RefCell::default(),
        first: RefCell::default(),
        batch: RefCell::default(),
    });
    let registration = Registration {
        core: Rc::downgrade(core),
        key,
    };
    let hooked = Rc::downgrade(&flow);
    queue.on_shutdown(Rc::new(move |at_once| {
        let _lives_as_long = &registration;
        let flow = hooked.upgrade();
        flow.map_or(0, |flow| flow.shut_down(at_once))
    }));
    mailbox(core).add_flow(key, flow.clone());
    flow
}

/// A remote end of a queue, in the running loop.
#[track_caller]
fn remote_end<T: Send + 'static>(queue: Rc<dyn Inlet<T>>) -> RemoteQueue<T> {
    let core = context::current();
    let key = Rc::as_ptr(&queue).addr();
    let known = mailbox(&core).flow(key).map(Flow::into_any);
    let flow = match known.and_then(|flow| flow.downcast::<Inflow<T>>().ok()) {
        Some(flow) => flow,
        None if queue.is_bound() => {
            panic!("this queue has a remote end in another event loop, and a queue is bound to one")
        }
        None => bind(&core, key, &*queue),
    };
    if core.tasks.is_refusing() || queue.is_shutdown() {
        flow.refuse();
    }
    if !core.is_closed() {
        flow.queue.replace(Some(queue));
        flow.keepalive
            .replace(Some(Keepalive::new(&mailbox(&core).sender)));
    }
    RemoteQueue::new(&flow.pipe)
}

/// Declares `remote()` for one kind of queue.
macro_rules! remote {
    ($queue:ident, $($bound:tt)+) => {
        impl<T: $($bound)+> $queue<T> {
            /// The end of this queue for other threads. It binds the queue to the running loop, which moves the items
            /// into the queue; all remote ends of a queue share its bound.
            ///
            /// # Panics
            ///
            /// If no event loop is running on this thread, and if the queue has had a remote end in another loop.
            ///
            /// # Examples
            ///
            #[doc = concat!("```\nuse looplet::", stringify!($queue), ";")]
            ///
            /// looplet::run(async {
            #[doc = concat!("    let queue = ", stringify!($queue), "::unbounded();")]
            ///     let remote = queue.remote();
            ///     std::thread::spawn(move || remote.put("from another thread").unwrap());
            ///     assert_eq!(queue.get().await, Ok("from another thread"));
            /// });
            /// ```
            #[doc(alias = "call_soon_threadsafe")]
            #[track_caller]
            pub fn remote(&self) -> RemoteQueue<T> {
                remote_end(self.inlet())
            }
        }
    };
}

remote!(Queue, Send + 'static);
remote!(LifoQueue, Send + 'static);
remote!(PriorityQueue, Ord + Send + 'static);
