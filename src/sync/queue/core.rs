//! The state of a queue, the same for every order of items, and its transitions: each borrows the state, changes it,
//! ends the borrow, and only then wakes waiters or drops anything.

use std::cell::{OnceCell, RefCell, RefMut};
use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::task::Waker;

use super::remote::Pipe;
use super::store::Store;
use crate::error::{TryGetError, TryPutError};
use crate::sync::waiters::{Key, NextWaker, WaitQueue, Waitable, wake_each, wake_one};
use crate::waiting;

struct State<S> {
    items: S,
    /// How many items a `put` fills up to: the bound, or 0 after a shutdown.
    fill_to: usize,
    /// Items put and not yet reported by `task_done`.
    unfinished: usize,
    is_shut: bool,
    /// After the shutdown: items of other threads that were accepted before it have not arrived yet.
    awaits_arrivals: bool,
    getters: WaitQueue,
    putters: WaitQueue,
    joiners: WaitQueue,
}

impl<S: Store> State<S> {
    /// Whether no further item can arrive.
    fn is_over(&self) -> bool {
        self.is_shut && !self.awaits_arrivals
    }

    /// How many getters may proceed: one per item, and all of them once no further item can arrive.
    #[inline]
    fn get_allowance(&self) -> usize {
        if self.is_over() {
            usize::MAX
        } else {
            self.items.len()
        }
    }

    /// How many putters may proceed: one per free slot, and all of them (to fail) after a shutdown.
    #[inline]
    fn put_allowance(&self, bound: usize) -> usize {
        if self.is_shut {
            usize::MAX
        } else {
            bound.saturating_sub(self.items.len())
        }
    }

    /// The next waiter of any kind that may proceed and must be woken.
    fn next_waker(&mut self, bound: usize) -> NextWaker {
        let (gets, puts) = (self.get_allowance(), self.put_allowance(bound));
        let getter = self.getters.grant(gets);
        let next = getter.or(|| self.putters.grant(puts));
        next.or(|| {
            if self.unfinished == 0 {
                self.joiners.notify_all();
            }
            self.joiners.next_notified()
        })
    }
}

/// What all handles, futures and streams of one queue share.
pub(crate) struct Shared<S: Store> {
    state: RefCell<State<S>>,
    pub(crate) capacity: Option<usize>,
    /// The capacity, or `usize::MAX` if there is none.
    bound: usize,
    /// The pipe for items of other threads, if the queue has a remote end.
    pub(crate) pipe: OnceCell<Arc<Pipe<S::Item>>>,
}

impl<S: Store> Shared<S> {
    pub(super) fn new(capacity: Option<usize>) -> Self {
        let bound = capacity.unwrap_or(usize::MAX);
        let state = State {
            items: S::default(),
            fill_to: bound,
            unfinished: 0,
            is_shut: false,
            awaits_arrivals: false,
            getters: WaitQueue::new(),
            putters: WaitQueue::new(),
            joiners: WaitQueue::new(),
        };
        Self {
            capacity,
            state: RefCell::new(state),
            bound,
            pipe: OnceCell::new(),
        }
    }

    /// Takes `item` out of its `Option` if there is room.
    // A call costs as much as the body.
    #[inline(always)]
    pub(super) fn put_if_room(&self, item: &mut Option<S::Item>) -> bool {
        let state = self.state.borrow_mut();
        if state.items.len() >= state.fill_to {
            return false;
        }
        if let Some(item) = item.take() {
            self.push(state, item);
        }
        true
    }

    pub(super) fn try_put(&self, item: S::Item) -> Result<(), TryPutError<S::Item>> {
        let mut slot = Some(item);
        if self.put_if_room(&mut slot) {
            return Ok(());
        }
        match slot {
            None => Ok(()),
            Some(item) if self.is_shut() => Err(TryPutError::Closed(item)),
            Some(item) => Err(TryPutError::Full(item)),
        }
    }

    /// Takes an item if there is one.
    #[inline]
    pub(super) fn take(&self) -> Option<S::Item> {
        let unwinding = SettleOnUnwind(self);
        let mut state = self.state.borrow_mut();
        let item = state.items.pop();
        mem::forget(unwinding);
        let item = item?;
        if state.putters.has_waiting() {
            self.wake_putter(state);
        }
        Some(item)
    }

    /// Takes an item and removes the getter, if it has a grant. If `pop` panics nothing has changed.
    #[inline]
    pub(super) fn get_granted(&self, key: &mut Option<Key>) -> Option<S::Item> {
        let mut state = self.state.borrow_mut();
        let queued = key.as_ref()?;
        if state.items.len() == 0 || !state.getters.is_first_granted(queued) {
            let gets = state.get_allowance();
            if !state.getters.is_granted(queued, gets) {
                return None;
            }
        }
        let item = state.items.pop()?;
        state.getters.remove_granted(key);
        self.wake_first_putter(state);
        Some(item)
    }

    /// Queues a getter if it has to wait. Cloning its waker ran user code, which may have changed the queue.
    #[inline]
    pub(super) fn queue_getter(&self, key: &mut Option<Key>, waker: Waker) -> bool {
        // The borrow ends before the waker, a parameter, is dropped.
        let mut state = self.state.borrow_mut();
        let must_wait = state.get_allowance() == 0;
        if must_wait {
            *key = Some(state.getters.push(waker));
        }
        must_wait
    }

    /// Queues a putter if it has to wait; see [`queue_getter`](Self::queue_getter).
    #[inline]
    pub(super) fn queue_putter(&self, key: &mut Option<Key>, waker: Waker) -> bool {
        let mut state = self.state.borrow_mut();
        let must_wait = state.put_allowance(self.bound) == 0;
        if must_wait {
            *key = Some(state.putters.push(waker));
        }
        must_wait
    }

    /// Puts the item and removes the putter, if it has a grant. If `push` panics the putter stays queued.
    #[inline]
    pub(super) fn put_granted(&self, key: &mut Option<Key>, item: &mut Option<S::Item>) -> bool {
        let mut state = self.state.borrow_mut();
        let Some(queued) = key else { return false };
        if state.items.len() >= state.fill_to || !state.putters.is_first_granted(queued) {
            let puts = state.put_allowance(self.bound);
            if !state.putters.is_granted(queued, puts) || state.is_shut {
                return false;
            }
        }
        // `None` if `push` has panicked before: then the item is in, and was counted.
        if let Some(item) = item.take() {
            state.unfinished += 1;
            state.items.push(item);
        }
        state.putters.remove_granted(key);
        self.wake_first_getter(state);
        true
    }

    pub(super) fn try_get(&self) -> Result<S::Item, TryGetError> {
        self.take().ok_or_else(|| {
            if self.is_over() {
                TryGetError::Closed
            } else {
                TryGetError::Empty
            }
        })
    }

    #[inline(always)]
    fn push(&self, state: RefMut<'_, State<S>>, item: S::Item) {
        let unwinding = SettleOnUnwind(self);
        let mut state = state;
        // The item is in even if a comparison panics, so it is counted first.
        state.unfinished += 1;
        state.items.push(item);
        mem::forget(unwinding);
        if state.getters.has_waiting() {
            self.wake_getter(state);
        }
    }

    /// The room that a putter may use: none if it is queued without a grant, and no limit after a shutdown.
    pub(super) fn room(&self, key: Option<&Key>) -> usize {
        let mut state = self.state.borrow_mut();
        let puts = state.put_allowance(self.bound);
        if key.is_none_or(|key| state.putters.is_granted(key, puts)) {
            puts
        } else {
            0
        }
    }

    /// Puts all items, above the bound if need be; then wakes the waiters. If a comparison panics, `items` keeps those
    /// that were not put.
    pub(super) fn put_all(&self, items: &mut VecDeque<S::Item>) {
        let unwinding = SettleOnUnwind(self);
        let mut state = self.state.borrow_mut();
        let State {
            items: store,
            unfinished,
            ..
        } = &mut *state;
        store.push_all(items, unfinished);
        mem::forget(unwinding);
        drop(state);
        self.wake();
    }

    /// Ends the wait for items of other threads that were accepted before the shutdown, if all have arrived or were
    /// dropped.
    pub(super) fn end_arrivals(&self) {
        let is_empty = || self.pipe.get().is_some_and(|pipe| pipe.is_empty());
        let mut state = self.state.borrow_mut();
        if state.awaits_arrivals && is_empty() {
            state.awaits_arrivals = false;
            drop(state);
            self.wake();
        }
    }

    /// Counts an item as done. `false` if more are reported than were put.
    pub(super) fn task_done(&self) -> bool {
        let mut state = self.state.borrow_mut();
        let Some(rest) = state.unfinished.checked_sub(1) else {
            return false;
        };
        state.unfinished = rest;
        let is_done = rest == 0 && !state.joiners.is_empty();
        drop(state);
        if is_done {
            self.wake();
        }
        true
    }

    /// Ends the queue, and discards what is in it if `at_once`.
    pub(super) fn shut_down(&self, at_once: bool) {
        // With nothing borrowed, for discarded items are dropped here.
        let in_flight = self.pipe.get().is_some_and(|pipe| pipe.shut_down(at_once));
        let mut state = self.state.borrow_mut();
        state.awaits_arrivals = in_flight;
        state.is_shut = true;
        state.fill_to = 0;
        let discarded = at_once.then(|| {
            // Saturating: `task_done` may have been called for more items than were taken.
            state.unfinished = state.unfinished.saturating_sub(state.items.len());
            mem::take(&mut state.items)
        });
        drop(state);
        // Waiters are woken first: dropping items runs user code, which may panic.
        self.wake();
        drop(discarded);
    }

    pub(super) fn len(&self) -> usize {
        self.state.borrow().items.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.bound
    }

    /// Whether the queue is empty and no further item can arrive.
    pub(super) fn is_over(&self) -> bool {
        let state = self.state.borrow();
        state.is_over() && state.items.len() == 0
    }

    pub(crate) fn is_shut(&self) -> bool {
        self.state.borrow().is_shut
    }

    pub(super) fn has_unfinished(&self) -> bool {
        self.state.borrow().unfinished > 0
    }

    /// Wakes a getter after a put, by a short path if it is the only one.
    #[inline(always)]
    fn wake_first_getter(&self, mut state: RefMut<'_, State<S>>) {
        // There is an item, so the first getter may proceed.
        let waker = state.getters.grant_first();
        if waker.is_some() {
            drop(state);
            wake_one(waker);
        } else if state.getters.has_waiting() {
            self.wake_getter(state);
        }
    }

    #[inline(never)]
    fn wake_getter(&self, mut state: RefMut<'_, State<S>>) {
        let gets = state.get_allowance();
        let waker = state.getters.grant_one(gets);
        drop(state);
        wake_one(waker);
    }

    /// Wakes a putter after a get, by a short path if it is the only one.
    #[inline(always)]
    fn wake_first_putter(&self, mut state: RefMut<'_, State<S>>) {
        let has_room = state.items.len() < state.fill_to;
        let waker = if has_room {
            state.putters.grant_first()
        } else {
            None
        };
        if waker.is_some() {
            drop(state);
            wake_one(waker);
        } else if state.putters.has_waiting() {
            self.wake_putter(state);
        }
    }

    #[inline(never)]
    fn wake_putter(&self, mut state: RefMut<'_, State<S>>) {
        let puts = state.put_allowance(self.bound);
        let waker = state.putters.grant_one(puts);
        drop(state);
        wake_one(waker);
    }

    /// Wakes all waiters that may proceed.
    fn wake(&self) {
        wake_each(|| self.state.borrow_mut().next_waker(self.bound));
    }
}

/// Wakes waiters if user code panics in the middle of a transition. Declared before the borrow, so that the borrow ends
/// first; forgotten when nothing panicked.
struct SettleOnUnwind<'a, S: Store>(&'a Shared<S>);

impl<S: Store> Drop for SettleOnUnwind<'_, S> {
    fn drop(&mut self) {
        // If the state is still borrowed, a comparison has used the queue itself: the outer transition settles.
        if self.0.state.try_borrow_mut().is_ok() {
            self.0.wake();
        }
    }
}

/// The wait queues for an item, for room, and for `unfinished` to become zero. `R` refers to the queue.
pub(super) struct Getters<R>(pub(super) R);
pub(super) struct Putters<R>(pub(super) R);
pub(super) struct Joiners<R>(pub(super) R);

macro_rules! waitable {
    ($waitable:ident, $queue:ident, $kind:ident) => {
        impl<S: Store, R: std::ops::Deref<Target = Shared<S>>> Waitable for $waitable<R> {
            type Data = ();

            const WAIT: waiting::WaitsOn = waiting::WaitsOn::$kind;

            fn with_queue<T>(&self, f: impl FnOnce(&mut WaitQueue) -> T) -> T {
                f(&mut self.0.state.borrow_mut().$queue)
            }

            fn settle(&self) {
                self.0.wake();
            }
        }
    };
}

waitable!(Getters, getters, QueueGet);
waitable!(Putters, putters, QueuePut);
waitable!(Joiners, joiners, QueueJoin);
