//! The state of a queue and its transitions, the same for every order of items.

use std::cell::{RefCell, RefMut};
use std::mem;
use std::task::Waker;

use super::inlet::Hook;
use super::store::Store;
use crate::error::{PutError, TryGetError, TryPutError};
use crate::sync::waiters::{Line, Owner, wake_each};

/// What all handles, futures and streams of one queue share.
pub(crate) struct Shared<S: Store> {
    state: RefCell<State<S>>,
    /// `usize::MAX` if there is no bound.
    bound: usize,
    pub(super) hook: RefCell<Option<Hook>>,
}

struct State<S> {
    items: S,
    /// Items put and not yet reported by `task_done`.
    unfinished: usize,
    is_shut: bool,
    /// Items that other threads were promised room for before the shutdown and that are still on their way.
    promised: usize,
    getters: Line,
    putters: Line,
    joiners: Line,
}

impl<S: Store> State<S> {
    /// How many getters may go on: one per item, and all of them once nothing more will come.
    #[inline]
    fn gets(&self) -> usize {
        if self.is_shut && self.promised == 0 {
            usize::MAX
        } else {
            self.items.len()
        }
    }

    /// How many putters may go on: one per free place, and all of them (to fail) after a shutdown.
    #[inline]
    fn puts(&self, bound: usize) -> usize {
        if self.is_shut {
            usize::MAX
        } else {
            bound.saturating_sub(self.items.len())
        }
    }

    #[inline]
    fn is_settled(&self, bound: usize) -> bool {
        self.getters.is_settled(self.gets()) && self.putters.is_settled(self.puts(bound))
    }

    fn next_to_wake(&mut self, bound: usize) -> Option<Waker> {
        let (gets, puts) = (self.gets(), self.puts(bound));
        if self.unfinished == 0 {
            self.joiners.call_all();
        }
        self.getters
            .let_go(gets)
            .or_else(|| self.putters.let_go(puts))
            .or_else(|| self.joiners.next_called())
    }
}

impl<S: Store> Shared<S> {
    pub(super) fn new(bound: usize) -> Self {
        let state = State {
            items: S::default(),
            unfinished: 0,
            is_shut: false,
            promised: 0,
            getters: Line::new(),
            putters: Line::new(),
            joiners: Line::new(),
        };
        Self {
            state: RefCell::new(state),
            bound,
            hook: RefCell::new(None),
        }
    }

    #[inline]
    pub(super) fn try_put(&self, item: S::Item) -> Result<(), TryPutError<S::Item>> {
        let state = self.state.borrow_mut();
        if state.is_shut {
            return Err(TryPutError::Closed(item));
        }
        if state.items.len() >= self.bound {
            return Err(TryPutError::Full(item));
        }
        self.push(state, item);
        Ok(())
    }

    #[inline]
    pub(super) fn try_get(&self) -> Result<S::Item, TryGetError> {
        let unwinding = SettleOnUnwind(self);
        let mut state = self.state.borrow_mut();
        let Some(item) = state.items.pop() else {
            let never_again = state.gets() == usize::MAX;
            drop(state);
            mem::forget(unwinding);
            return Err(if never_again {
                TryGetError::Closed
            } else {
                TryGetError::Empty
            });
        };
        let is_settled = state.is_settled(self.bound);
        drop(state);
        mem::forget(unwinding);
        if !is_settled {
            self.wake();
        }
        Ok(item)
    }

    #[inline]
    fn push(&self, state: RefMut<'_, State<S>>, item: S::Item) {
        let unwinding = SettleOnUnwind(self);
        let mut state = state;
        // Even if a comparison panics the item is in, so it counts first.
        state.unfinished += 1;
        state.items.push(item);
        let is_settled = state.is_settled(self.bound);
        drop(state);
        mem::forget(unwinding);
        if !is_settled {
            self.wake();
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

    /// Discards what is queued if `at_once`; returns it, to be dropped by the caller.
    pub(super) fn shut_down(&self, at_once: bool) {
        let promised = self.call_hook(at_once);
        let mut state = self.state.borrow_mut();
        if !state.is_shut {
            state.promised = promised;
        }
        state.is_shut = true;
        let mut discarded = S::default();
        if at_once {
            state.promised = 0;
            // Saturating: somebody may have reported more as done than was taken.
            state.unfinished = state.unfinished.saturating_sub(state.items.len());
            mem::swap(&mut state.items, &mut discarded);
        }
        drop(state);
        // Whoever waits is woken first: dropping items is foreign code and may panic.
        self.wake();
        drop(discarded);
    }

    fn call_hook(&self, at_once: bool) -> usize {
        let hook = self.hook.borrow().clone();
        hook.map_or(0, |hook| hook(at_once))
    }

    pub(super) fn len(&self) -> usize {
        self.state.borrow().items.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= self.bound
    }

    pub(super) fn is_shut(&self) -> bool {
        self.state.borrow().is_shut
    }

    pub(super) fn has_unfinished(&self) -> bool {
        self.state.borrow().unfinished > 0
    }

    pub(super) fn capacity(&self) -> Option<usize> {
        (self.bound != usize::MAX).then_some(self.bound)
    }

    #[inline(never)]
    fn wake(&self) {
        wake_each(|| self.state.borrow_mut().next_to_wake(self.bound));
    }
}

/// Lets others go on if user code panics in the middle of a transition. Declared before the borrow, so that the
/// borrow ends first; forgotten when all went well.
struct SettleOnUnwind<'a, S: Store>(&'a Shared<S>);

impl<S: Store> Drop for SettleOnUnwind<'_, S> {
    fn drop(&mut self) {
        self.0.wake();
    }
}

/// Those who wait for an item, for room, and for `unfinished` to become zero. `R` is how they hold the queue.
pub(super) struct Getters<R>(pub(super) R);
pub(super) struct Putters<R>(pub(super) R);
pub(super) struct Joiners<R>(pub(super) R);

macro_rules! owner {
    ($owner:ident, $line:ident) => {
        impl<S: Store, R: std::ops::Deref<Target = Shared<S>>> Owner for $owner<R> {
            type Note = ();

            fn with_line<T>(&self, f: impl FnOnce(&mut Line) -> T) -> T {
                f(&mut self.0.state.borrow_mut().$line)
            }

            fn settle(&self) {
                self.0.wake();
            }
        }
    };
}

owner!(Getters, getters);
owner!(Putters, putters);
owner!(Joiners, joiners);
