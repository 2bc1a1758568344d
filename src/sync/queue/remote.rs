//! The remote end of a queue, for other threads: a pipe, which the queue's thread empties in batches.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::Waker;

use crate::error::{PutError, TryPutError};
use crate::lock::{Lock, Locked, Signal, this_thread};

/// The end of a queue for other threads, made by [`Queue::remote`](crate::Queue::remote).
///
/// Items keep the order in which each thread put them. They reach the queue in the loop's next round, as far as there
/// is room, and count only from then on; at most about a thousand per round, so that timers and other tasks run in
/// between. Clones are handles to the same end; **dropping** them all changes nothing for the queue.
///
/// Once the queue is shut down or its loop is gone, every put fails. What was accepted before a
/// [`shutdown`](crate::Queue::shutdown) still arrives, above the queue's bound if need be;
/// [`shutdown_now`](crate::Queue::shutdown_now) and the end of the loop drop it.
///
/// # Examples
///
/// ```
/// use looplet::Queue;
///
/// let sum = looplet::run(async {
///     let queue = Queue::bounded(2);
///     let remote = queue.remote();
///     std::thread::spawn(move || {
///         for n in 1..=4 {
///             remote.put(n).unwrap();
///         }
///     });
///     let mut sum = 0;
///     for _ in 0..4 {
///         sum += queue.get().await.unwrap();
///     }
///     sum
/// });
/// assert_eq!(sum, 10);
/// ```
#[doc(alias = "janus")]
pub struct RemoteQueue<T> {
    pipe: Arc<Pipe<T>>,
}

/// What is left after [`Pipe::take`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Left {
    Items,
    /// No items, and the receiver's waker is woken when there are some, or no senders any more.
    Senders,
    /// No items and no senders: the receiver must end.
    NoSender,
}

/// The state that the two ends share.
pub(crate) struct Pipe<T> {
    state: Lock<State<T>>,
    has_room: Signal,
    /// How many items may be in the pipe; `usize::MAX` if there is no bound.
    bound: usize,
    /// The number of the loop that the queue is bound to.
    pub(crate) serial: u64,
    /// Drops items that will not arrive.
    discard: fn(VecDeque<T>),
}

struct State<T> {
    items: VecDeque<T>,
    is_shut: bool,
    senders: usize,
    /// How many threads wait for room.
    waiting: usize,
    /// A receiver exists that will empty the pipe.
    has_receiver: bool,
    /// The receiver's waker, while it waits.
    waker: Option<Waker>,
    /// The receiver's thread, where a `put` would wait for ever; 0 once its loop is gone.
    owner: usize,
}

/// A pipe of any item type.
pub(crate) trait Refuse {
    /// Refuses all further items. Runs no user code.
    fn refuse(&self);
}

impl<T> Refuse for Pipe<T> {
    fn refuse(&self) {
        let _in_flight = self.shut_down(false);
    }
}

impl<T> Pipe<T> {
    /// A pipe whose receiver is on this thread.
    pub(crate) fn new(capacity: Option<usize>, serial: u64, discard: fn(VecDeque<T>)) -> Self {
        let state = State {
            items: VecDeque::new(),
            is_shut: false,
            senders: 0,
            waiting: 0,
            has_receiver: false,
            waker: None,
            owner: this_thread(),
        };
        Self {
            state: Lock::new(state),
            has_room: Signal::new(),
            bound: capacity.unwrap_or(usize::MAX),
            serial,
            discard,
        }
    }

    #[inline]
    fn push(mut state: Locked<'_, State<T>>, item: T) {
        state.items.push_back(item);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Sets the waker of a new receiver. Before its first poll nothing has been put.
    pub(crate) fn listen(&self, waker: Waker) {
        let old = self.state.lock().waker.replace(waker);
        drop(old);
    }

    /// True if the caller must make a receiver.
    #[must_use]
    pub(crate) fn needs_receiver(&self) -> bool {
        !mem::replace(&mut self.state.lock().has_receiver, true)
    }

    /// Moves the oldest items to an empty buffer, at most so many. If items are left the caller must call again: the
    /// waker is not woken then. The waker's clone runs no user code.
    pub(super) fn take(&self, into: &mut VecDeque<T>, most: usize, waker: &Waker) -> Left {
        let mut state = self.state.lock();
        if state.items.len() <= most {
            mem::swap(&mut state.items, into);
        } else {
            into.extend(state.items.drain(..most));
        }
        let left = if !state.items.is_empty() {
            Left::Items
        } else if state.senders > 0 {
            Left::Senders
        } else {
            Left::NoSender
        };
        state.has_receiver = left != Left::NoSender;
        state.waker = (left == Left::Senders).then(|| waker.clone());
        let has_waiting = state.waiting > 0;
        drop(state);
        if has_waiting && !into.is_empty() {
            self.has_room.notify_all();
        }
        left
    }

    /// Puts taken items back to the front. The receiver does not end.
    pub(super) fn put_back(&self, items: &mut VecDeque<T>) {
        let mut state = self.state.lock();
        state.has_receiver = true;
        while let Some(item) = items.pop_back() {
            state.items.push_front(item);
        }
    }

    /// Refuses all further items, and drops those in the pipe if `at_once`. Returns whether any are left.
    pub(crate) fn shut_down(&self, at_once: bool) -> bool {
        let mut state = self.state.lock();
        state.is_shut = true;
        let dropped = if at_once {
            mem::take(&mut state.items)
        } else {
            VecDeque::new()
        };
        let in_flight = !state.items.is_empty();
        drop(state);
        self.has_room.notify_all();
        (self.discard)(dropped);
        in_flight
    }

    /// The loop is gone: refuses and drops all items.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.owner = 0;
        let waker = state.waker.take();
        drop(state);
        drop(waker);
        self.shut_down(true);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.state.lock().items.is_empty()
    }
}

impl<T> RemoteQueue<T> {
    pub(crate) fn new(pipe: Arc<Pipe<T>>) -> Self {
        pipe.state.lock().senders += 1;
        Self { pipe }
    }

    /// Puts an item. Blocks this thread while as many items as the queue's bound are on their way; never blocks if the
    /// queue has no bound.
    ///
    /// # Errors
    ///
    /// [`PutError`] with the item if the queue is shut down or its loop has begun to end, before the call or while it
    /// waits.
    ///
    /// # Panics
    ///
    /// If called on the loop's own thread, which would deadlock: use [`Queue::put`](crate::Queue::put) there.
    #[doc(alias = "sync_q")]
    #[inline]
    #[track_caller]
    pub fn put(&self, item: T) -> Result<(), PutError<T>> {
        let pipe = &*self.pipe;
        let mut state = pipe.state.lock();
        assert!(
            state.owner != this_thread(),
            "RemoteQueue::put may block and must not be called on the event loop's own thread: use Queue::put or try_put"
        );
        while !state.is_shut && state.items.len() >= pipe.bound {
            state.waiting += 1;
            state = pipe.has_room.wait(state);
            state.waiting -= 1;
        }
        if state.is_shut {
            return Err(PutError(item));
        }
        Pipe::push(state, item);
        Ok(())
    }

    /// Puts an item if there is room. Works on any thread.
    ///
    /// # Errors
    ///
    /// [`TryPutError`] with the item if as many items as the queue's bound are on their way, or if the queue is shut
    /// down or its loop is gone.
    #[doc(alias = "put_nowait")]
    #[inline]
    pub fn try_put(&self, item: T) -> Result<(), TryPutError<T>> {
        let pipe = &*self.pipe;
        let state = pipe.state.lock();
        if state.is_shut {
            return Err(TryPutError::Closed(item));
        }
        if state.items.len() >= pipe.bound {
            return Err(TryPutError::Full(item));
        }
        Pipe::push(state, item);
        Ok(())
    }
}

impl<T> Clone for RemoteQueue<T> {
    /// Another handle to the same end.
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.pipe))
    }
}

impl<T> Drop for RemoteQueue<T> {
    fn drop(&mut self) {
        let mut state = self.pipe.state.lock();
        state.senders -= 1;
        // The receiver ends with the last sender.
        let waker = if state.senders == 0 {
            state.waker.take()
        } else {
            None
        };
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> fmt::Debug for RemoteQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.pipe.state.lock();
        f.debug_struct("RemoteQueue")
            .field("on_their_way", &state.items.len())
            .field("is_shutdown", &state.is_shut)
            .finish()
    }
}
