//! The loop's side of a queue's remote end: carries what other threads put into the queue, as far as there is room.
//!
//! ```text
//!  other threads          the loop's thread
//!  RemoteQueue --> Pipe --> batch --> (a put that waits in the queue's line) --> Queue
//!              put      pump, in the loop's look                            get
//! ```

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use super::context;
use super::core::Core;
use super::inbox::{Guest, Letter, Post};
use crate::error::{PutError, TryPutError};
use crate::sync::queue::{Herald, Inlet, Pipe, WaitingPut};
use crate::sync::{LifoQueue, PriorityQueue, Queue, RemoteQueue};

/// How many items a look moves at most to one queue. To move them is cheap, but a getter takes all that it finds in one
/// poll. So many are little work, and many enough for the look to cost each of them next to nothing.
const ITEMS_PER_LOOK: usize = 1024;

/// An inflow, whatever its items.
pub(super) trait Flow {
    /// Moves what has been put to the queue, as far as there is room.
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
    /// Kept while anybody can put or anything is on its way.
    queue: RefCell<Option<Rc<dyn Inlet<T>>>>,
    guest: RefCell<Option<Guest>>,
    /// The oldest item, while it stands in the queue's line of putters, where it gets its turn like any other.
    first: RefCell<Option<WaitingPut<T>>>,
    batch: RefCell<VecDeque<T>>,
}

/// How the pipe tells the loop that there is something to do.
struct Messenger {
    post: Arc<Post>,
    key: usize,
}

impl Herald for Messenger {
    fn announce(&self) {
        // If the loop is gone the pipe has been closed, or is about to be.
        let _ = self.post.send(Letter::Items(self.key));
    }

    fn is_home(&self) -> bool {
        self.post.is_home()
    }
}

/// Counts the items that have reached the queue, and tells the pipe, also if somebody's code panics in between.
struct Arrivals<'a, T> {
    pipe: &'a Pipe<T>,
    count: Cell<usize>,
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
        if thread::panicking() {
            // The rest goes on at the next look.
            self.pipe.announce();
        }
    }
}

impl<T: Send + 'static> Inflow<T> {
    /// Moves the first item that is not in the queue yet. False: there is none, or no room.
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

    /// Moves the items of one look to a queue without a bound.
    fn put_many(&self, queue: &dyn Inlet<T>, arrivals: &Arrivals<'_, T>) {
        // Not borrowed meanwhile: comparing and waking may be anybody's code.
        let mut rest = self.batch.take();
        let mut batch = if rest.len() > ITEMS_PER_LOOK {
            rest.drain(..ITEMS_PER_LOOK).collect()
        } else {
            mem::take(&mut rest)
        };
        let before = batch.len();
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| queue.deliver_all(&mut batch)));
        let arrived = before - batch.len();
        arrivals.count.set(arrivals.count.get() + arrived);
        // What is left, in its order; or the memory, which serves again.
        if batch.is_empty() && !rest.is_empty() {
            mem::swap(&mut batch, &mut rest);
        }
        batch.append(&mut rest);
        self.batch.replace(batch);
        if let Err(panic) = outcome {
            panic::resume_unwind(panic);
        }
    }

    fn put(&self, queue: &Rc<dyn Inlet<T>>, item: T, arrivals: &Arrivals<'_, T>) -> bool {
        arrivals.add_one();
        match queue.try_put(item) {
            Ok(()) => {}
            // After a shutdown the queue takes what it was told of, and gives the rest back to be dropped.
            Err(TryPutError::Closed(item)) => drop(queue.deliver(item)),
            Err(TryPutError::Full(item)) => {
                arrivals.count.set(arrivals.count.get() - 1);
                self.first.replace(Some(Rc::clone(queue).waiting_put(item)));
            }
        }
        true
    }

    /// The shutdown of the queue: how many items it may still wait for.
    fn shut_down(&self, at_once: bool) -> usize {
        let on_their_way = self.pipe.shut_down();
        if !at_once {
            return on_their_way;
        }
        self.discard();
        0
    }

    fn discard(&self) {
        let mut items = VecDeque::new();
        self.pipe.take(&mut items);
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
        let is_held = self.pipe.take(&mut self.batch.borrow_mut());
        let arrivals = Arrivals {
            pipe: &self.pipe,
            count: Cell::new(0),
        };
        if queue.capacity().is_none() {
            self.put_many(&*queue, &arrivals);
        }
        while arrivals.count.get() < ITEMS_PER_LOOK && self.advance(&queue, &arrivals) {}
        drop(arrivals);
        if self.first.borrow().is_some() {
            // There is no room. The put that waits for it announces the rest.
            return;
        }
        if !self.batch.borrow().is_empty() {
            self.pipe.announce();
        } else if !is_held {
            let (queue, guest) = (self.queue.take(), self.guest.take());
            drop((queue, guest));
        }
    }

    fn refuse(&self) {
        self.pipe.shut_down();
    }

    fn close(&self) {
        self.refuse();
        self.discard();
        let (queue, guest) = (self.queue.take(), self.guest.take());
        if let Some(queue) = queue {
            queue.break_promises();
        }
        drop(guest);
    }

    fn into_any(self: Rc<Self>) -> Rc<dyn Any> {
        self
    }
}

/// Lives in the queue's hook, and so ends the inflow with the queue.
struct Registration {
    core: Weak<Core>,
    key: usize,
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(core) = self.core.upgrade() {
            core.inbox().remove_flow(self.key);
        }
    }
}

/// Binds a queue to a loop.
fn bind<T: Send + 'static>(core: &Rc<Core>, key: usize, queue: &dyn Inlet<T>) -> Rc<Inflow<T>> {
    let post = Arc::clone(&core.inbox().post);
    let pipe = Pipe::new(queue.capacity(), Box::new(Messenger { post, key }));
    let flow = Rc::new(Inflow {
        waker: Waker::from(Arc::clone(&pipe)),
        pipe,
        queue: RefCell::default(),
        guest: RefCell::default(),
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
    core.inbox().add_flow(key, flow.clone());
    flow
}

/// A remote end of a queue, in the running loop.
#[track_caller]
fn remote_end<T: Send + 'static>(queue: Rc<dyn Inlet<T>>) -> RemoteQueue<T> {
    let core = context::current();
    let key = Rc::as_ptr(&queue).addr();
    let known = core.inbox().flow(key).map(Flow::into_any);
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
        flow.guest.replace(Some(Guest::new(&core.inbox().post)));
    }
    RemoteQueue::new(&flow.pipe)
}

/// Declares `remote()` for one kind of queue.
macro_rules! remote {
    ($queue:ident, $($bound:tt)+) => {
        impl<T: $($bound)+> $queue<T> {
            /// The end of this queue for other threads. It binds the queue to the running loop, which carries the
            /// items in; all remote ends of a queue share its bound.
            ///
            /// # Panics
            ///
            /// If no event loop is running on this thread, and if the queue has had a remote end in another loop.
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
