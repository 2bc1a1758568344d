//! What happens to a queue: each transition borrows the [state](State), changes it, ends the borrow, and only then
//! wakes somebody or drops anything.

use std::cell::{RefCell, RefMut};
use std::collections::VecDeque;
use std::mem;
use std::task::Waker;

use super::inlet::Hook;
use super::state::State;
use super::store::Store;
use crate::error::{PutError, TryGetError, TryPutError};
use crate::sync::waiters::{Line, Owner, Place, wake_each, wake_one};
use crate::waiting;

/// What all handles, futures and streams of one queue share.
pub(crate) struct Shared<S: Store> {
    state: RefCell<State<S>>,
    pub(super) capacity: Option<usize>,
    /// The capacity; `usize::MAX` if there is none, which no queue ever reaches.
    bound: usize,
    pub(super) hook: RefCell<Option<Hook>>,
}

impl<S: Store> Shared<S> {
    pub(super) fn new(capacity: Option<usize>) -> Self {
        let bound = capacity.unwrap_or(usize::MAX);
        Self {
            capacity,
            state: RefCell::new(State::new(bound)),
            bound,
            hook: RefCell::new(None),
        }
    }

    /// Takes `item` if there is room; else leaves it alone.
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

    /// Takes an item and gives up the place, if it is this getter's turn. If popping panics nothing has happened.
    #[inline]
    pub(super) fn get_in_turn(&self, place: &mut Option<Place>) -> Option<S::Item> {
        let mut state = self.state.borrow_mut();
        let gets = state.gets();
        if !state.getters.is_turn(place.as_ref()?, gets) {
            return None;
        }
        let item = state.items.pop()?;
        // It was woken, so its waker is gone already: nothing foreign is dropped here.
        let _left = place.take().map(|place| state.getters.remove(place));
        if state.putters.has_waiting() {
            self.wake_putter(state);
        }
        Some(item)
    }

    /// Puts the item and gives up the place, if it is this putter's turn. If pushing panics the place remains.
    #[inline]
    pub(super) fn put_in_turn(
        &self,
        place: &mut Option<Place>,
        item: &mut Option<S::Item>,
    ) -> bool {
        let mut state = self.state.borrow_mut();
        let puts = state.puts(self.bound);
        let is_turn = |place: &Place| state.putters.is_turn(place, puts);
        if !place.as_ref().is_some_and(is_turn) || state.is_shut {
            return false;
        }
        // There is none if pushing it has panicked before: then it is in, and was counted.
        if let Some(item) = item.take() {
            state.unfinished += 1;
            state.items.push(item);
        }
        let _left = place.take().map(|place| state.putters.remove(place));
        if state.getters.has_waiting() {
            self.wake_getter(state);
        }
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
        // Even if a comparison panics the item is in, so it counts first.
        state.unfinished += 1;
        state.items.push(item);
        mem::forget(unwinding);
        if state.getters.has_waiting() {
            self.wake_getter(state);
        }
    }

    /// Puts an item above the bound if need be; fails if it comes after a shutdown that was not told of it.
    pub(super) fn deliver(&self, item: S::Item) -> Result<(), PutError<S::Item>> {
        let mut state = self.state.borrow_mut();
        if state.is_shut {
            let Some(rest) = state.promised.checked_sub(1) else {
                return Err(PutError(item));
            };
            state.promised = rest;
        }
        self.push(state, item);
        Ok(())
    }

    /// Puts all items, above the bound if need be, as long as there is no shutdown; whoever waits is woken afterwards.
    /// If a comparison panics, those that were not put are still in `items`.
    pub(super) fn deliver_all(&self, items: &mut VecDeque<S::Item>) {
        let unwinding = SettleOnUnwind(self);
        let mut state = self.state.borrow_mut();
        if !state.is_shut {
            let State {
                items: store,
                unfinished,
                ..
            } = &mut *state;
            store.push_all(items, unfinished);
        }
        mem::forget(unwinding);
        drop(state);
        self.wake();
    }

    /// What is still on its way will not arrive any more.
    pub(super) fn break_promises(&self) {
        self.state.borrow_mut().promised = 0;
        self.wake();
    }

    /// Whether something was left to do; `false` if `task_done` was called too often.
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
        // A remote end is asked for what is on its way, and told of the end, with nothing borrowed.
        let hook = self.hook.borrow().clone();
        let promised = match hook {
            Some(hook) if at_once || !self.is_shut() => hook(at_once),
            _ => 0,
        };
        let mut state = self.state.borrow_mut();
        if !state.is_shut {
            state.promised = promised;
        }
        let discarded = state.shut_down(at_once);
        drop(state);
        // Whoever waits is woken first: dropping items is foreign code and may panic.
        self.wake();
        drop(discarded);
    }

    pub(super) fn len(&self) -> usize {
        self.state.borrow().items.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.bound
    }

    /// Whether no item will ever come any more.
    pub(super) fn is_over(&self) -> bool {
        let state = self.state.borrow();
        state.is_over() && state.items.len() == 0
    }

    pub(super) fn is_shut(&self) -> bool {
        self.state.borrow().is_shut
    }

    pub(super) fn has_unfinished(&self) -> bool {
        self.state.borrow().unfinished > 0
    }

    #[inline(never)]
    fn wake_getter(&self, mut state: RefMut<'_, State<S>>) {
        let waker = state.getter_to_wake();
        drop(state);
        wake_one(waker);
    }

    #[inline(never)]
    fn wake_putter(&self, mut state: RefMut<'_, State<S>>) {
        let waker = state.putter_to_wake(self.bound);
        drop(state);
        wake_one(waker);
    }

    /// Wakes whoever may go on by now.
    fn wake(&self) {
        wake_each(|| self.state.borrow_mut().next_to_wake(self.bound));
    }
}

/// Lets others go on if user code panics in the middle of a transition. Declared before the borrow, so that the
/// borrow ends first; forgotten when all went well.
struct SettleOnUnwind<'a, S: Store>(&'a Shared<S>);

impl<S: Store> Drop for SettleOnUnwind<'_, S> {
    fn drop(&mut self) {
        // If it is borrowed still, a comparison has used the queue itself: the transition below is going to settle.
        if self.0.state.try_borrow_mut().is_ok() {
            self.0.wake();
        }
    }
}

/// Those who wait for an item, for room, and for `unfinished` to become zero. `R` is how they hold the queue.
pub(super) struct Getters<R>(pub(super) R);
pub(super) struct Putters<R>(pub(super) R);
pub(super) struct Joiners<R>(pub(super) R);

macro_rules! owner {
    ($owner:ident, $line:ident, $kind:ident, $must_wait:expr) => {
        impl<S: Store, R: std::ops::Deref<Target = Shared<S>>> Owner for $owner<R> {
            type Note = ();

            const KIND: waiting::Kind = waiting::Kind::$kind;

            fn with_line<T>(&self, f: impl FnOnce(&mut Line) -> T) -> T {
                f(&mut self.0.state.borrow_mut().$line)
            }

            #[inline]
            fn join(&self, waker: Waker) -> Place {
                let mut state = self.0.state.borrow_mut();
                let place = state.$line.push(waker);
                // It has to wait, so nobody else is affected, unless foreign code has changed the queue.
                let must_wait: fn(&State<S>, usize) -> bool = $must_wait;
                let must_wait = must_wait(&state, self.0.bound);
                drop(state);
                if !must_wait {
                    self.0.wake();
                }
                place
            }

            fn settle(&self) {
                self.0.wake();
            }
        }
    };
}

owner!(Getters, getters, QueueGet, |state, _| state.gets() == 0);
owner!(Putters, putters, QueuePut, |state, bound| state.puts(bound)
    == 0);
owner!(Joiners, joiners, QueueJoin, |state, _| state.unfinished > 0);
