//! The remote end of a queue, for other threads: a pipe that the queue's thread empties in batches. It reaches the
//! event loop only through [`Notify`].

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::task::Wake;

use crate::error::{PutError, TryPutError};
use crate::lock::{Lock, Locked, Signal};

/// How other threads notify the thread that empties the pipe.
pub(crate) trait Notify: Send + Sync {
    /// Requests that the pipe be emptied. Called on any thread, with nothing locked; must not panic.
    fn announce(&self);

    /// Whether this is the thread that empties the pipe, which would wait for room for ever.
    fn is_owner(&self) -> bool;
}

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
pub(crate) enum Left {
    Items,
    /// The pipe is empty, but has senders.
    Senders,
    /// The pipe is empty and has no senders.
    NoSender,
}

/// The state that the two ends share.
pub(crate) struct Pipe<T> {
    state: Lock<State<T>>,
    has_room: Signal,
    /// How many items may be in the pipe or held; `usize::MAX` if there is no bound.
    bound: usize,
    notifier: Box<dyn Notify>,
}

struct State<T> {
    items: VecDeque<T>,
    /// Items that the loop has taken and that have not reached the queue yet.
    held: usize,
    /// The loop has been notified of items.
    is_announced: bool,
    is_shut: bool,
    senders: usize,
    /// How many threads wait for room.
    waiting: usize,
}

impl<T> State<T> {
    fn is_full(&self, bound: usize) -> bool {
        self.items.len().saturating_add(self.held) >= bound
    }
}

impl<T> Pipe<T> {
    pub(crate) fn new(capacity: Option<usize>, notifier: Box<dyn Notify>) -> Arc<Self> {
        let state = State {
            items: VecDeque::new(),
            held: 0,
            is_announced: false,
            is_shut: false,
            senders: 0,
            waiting: 0,
        };
        Arc::new(Self {
            state: Lock::new(state),
            has_room: Signal::new(),
            bound: capacity.unwrap_or(usize::MAX),
            notifier,
        })
    }

    #[inline]
    fn push(&self, mut state: Locked<'_, State<T>>, item: T) {
        state.items.push_back(item);
        if !state.is_announced {
            state.is_announced = true;
            drop(state);
            self.notifier.announce();
        }
    }

    /// Moves the oldest items to the end of a buffer, until that has `most`; they count as held. If it returns
    /// [`Left::Items`] the caller must call again: no notification follows.
    pub(crate) fn take(&self, into: &mut VecDeque<T>, most: usize) -> Left {
        let mut state = self.state.lock();
        let count = most.saturating_sub(into.len()).min(state.items.len());
        state.held += count;
        if into.is_empty() && count == state.items.len() {
            std::mem::swap(&mut state.items, into);
        } else {
            into.extend(state.items.drain(..count));
        }
        state.is_announced = !state.items.is_empty();
        if state.is_announced {
            Left::Items
        } else if state.senders > 0 {
            Left::Senders
        } else {
            Left::NoSender
        }
    }

    /// Reports that `count` of the taken items have reached the queue.
    pub(crate) fn arrived(&self, count: usize) {
        let mut state = self.state.lock();
        state.held -= count;
        let is_awaited = state.waiting > 0;
        drop(state);
        if is_awaited {
            self.has_room.notify_all();
        }
    }

    /// Refuses all further items. Returns how many have not reached the queue.
    pub(crate) fn shut_down(&self) -> usize {
        let mut state = self.state.lock();
        state.is_shut = true;
        let in_flight = state.items.len() + state.held;
        drop(state);
        self.has_room.notify_all();
        in_flight
    }

    /// Requests that the loop empty the pipe.
    pub(crate) fn announce(&self) {
        self.notifier.announce();
    }
}

impl<T: Send> Wake for Pipe<T> {
    fn wake(self: Arc<Self>) {
        self.announce();
    }
}

impl<T> RemoteQueue<T> {
    pub(crate) fn new(pipe: &Arc<Pipe<T>>) -> Self {
        pipe.state.lock().senders += 1;
        let pipe = Arc::clone(pipe);
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
        assert!(
            !pipe.notifier.is_owner(),
            "RemoteQueue::put may block and must not be called on the event loop's own thread: use Queue::put or try_put"
        );
        let mut state = pipe.state.lock();
        while !state.is_shut && state.is_full(pipe.bound) {
            state.waiting += 1;
            state = pipe.has_room.wait(state);
            state.waiting -= 1;
        }
        if state.is_shut {
            return Err(PutError(item));
        }
        pipe.push(state, item);
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
        if state.is_full(pipe.bound) {
            return Err(TryPutError::Full(item));
        }
        pipe.push(state, item);
        Ok(())
    }
}

impl<T> Clone for RemoteQueue<T> {
    /// Another handle to the same end.
    fn clone(&self) -> Self {
        Self::new(&self.pipe)
    }
}

impl<T> Drop for RemoteQueue<T> {
    fn drop(&mut self) {
        let mut state = self.pipe.state.lock();
        state.senders -= 1;
        let was_last = state.senders == 0;
        drop(state);
        if was_last {
            // The loop may let go of the queue.
            self.pipe.announce();
        }
    }
}

impl<T> fmt::Debug for RemoteQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.pipe.state.lock();
        f.debug_struct("RemoteQueue")
            .field("on_their_way", &(state.items.len() + state.held))
            .field("is_shutdown", &state.is_shut)
            .finish()
    }
}
