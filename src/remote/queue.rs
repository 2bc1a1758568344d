//! The binding of a queue to a loop: a source of the loop moves items of other threads from the pipe to the queue.
//!
//! ```text
//!  other threads          the owner thread
//!  RemoteQueue --> Pipe --> Transfer ------------> Queue
//!              put      polled in the loop's look    get
//! ```

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Weak};

use super::mailbox::{Keepalive, mailbox};
use super::remotes;
use crate::event_loop::context;
use crate::event_loop::core::Core;
use crate::sync::queue::{Pipe, Refuse, Shared, Store, Transfer};
use crate::sync::{LifoQueue, PriorityQueue, Queue, RemoteQueue};

/// The pipes of a loop, which refuse items when it begins to end.
#[derive(Default)]
pub(super) struct Pipes(Vec<Weak<dyn Refuse>>);

impl Pipes {
    fn add(&mut self, pipe: Weak<dyn Refuse>) {
        // Removes those that are gone before the memory grows.
        if self.0.len() == self.0.capacity() {
            self.0.retain(|pipe| pipe.strong_count() > 0);
        }
        self.0.push(pipe);
    }

    pub(super) fn refuse(&self) {
        for pipe in self.0.iter().filter_map(Weak::upgrade) {
            pipe.refuse();
        }
    }
}

/// Drops items that will not arrive.
fn discard<T>(items: VecDeque<T>) {
    let _ = context::try_with(|core| {
        for item in items {
            core.tasks.guarded("discarded item", || drop(item));
        }
    });
}

/// Binds a queue to a loop.
fn bind<S: Store<Item: Send + 'static>>(core: &Core, queue: &Shared<S>) -> Arc<Pipe<S::Item>> {
    let serial = core.tasks.serial();
    let pipe = Arc::new(Pipe::new(queue.capacity, serial, discard::<S::Item>));
    let weak = Arc::downgrade(&pipe);
    remotes(core).pipes.borrow_mut().add(weak);
    pipe
}

/// A remote end of a queue, in the running loop.
#[track_caller]
fn remote_end<S: Store<Item: Send + 'static> + 'static>(
    queue: &Rc<Shared<S>>,
) -> RemoteQueue<S::Item> {
    let core = context::current();
    let pipe = queue.pipe.get_or_init(|| bind(&core, queue));
    assert!(
        pipe.serial == core.tasks.serial(),
        "this queue has a remote end in another event loop, and a queue is bound to one"
    );
    if core.tasks.is_refusing() || queue.is_shut() {
        pipe.refuse();
    }
    let remote = RemoteQueue::new(Arc::clone(pipe));
    if core.is_closed() {
        pipe.close();
    } else if pipe.needs_receiver() {
        receive(&core, queue, pipe);
    }
    remote
}

/// Makes the source that empties the pipe.
fn receive<S: Store<Item: Send + 'static> + 'static>(
    core: &Core,
    queue: &Rc<Shared<S>>,
    pipe: &Arc<Pipe<S::Item>>,
) {
    let keepalive = Keepalive::new(&mailbox(core).sender);
    let mut transfer = Transfer::new(Arc::clone(pipe), Rc::clone(queue));
    let polled = poll_fn(move |cx| {
        let _held = &keepalive;
        context::with(|core| remotes(core).is_sending.set(true));
        Pin::new(&mut transfer).poll(cx)
    });
    pipe.listen(core.tasks.source(polled));
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
                remote_end(self.shared())
            }
        }
    };
}

remote!(Queue, Send + 'static);
remote!(LifoQueue, Send + 'static);
remote!(PriorityQueue, Ord + Send + 'static);
