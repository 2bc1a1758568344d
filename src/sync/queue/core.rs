//! The state of a queue and its transitions, the same for every order of items.

use std::cell::{RefCell, RefMut};
use std::mem;

use super::inlet::Hook;
use super::store::Store;
use crate::error::{PutError, TryGetError, TryPutError};
use crate::sync::waiters::{Line, Next, Owner, wake_each};

/// What all handles, futures and streams of one queue share.
pub(crate) struct Shared<S: Store> {
    state: RefCell<State<S>>,
    /// `usize::MAX` if there is no bound.
    bound: usize,
    pub(super) hook: RefCell<Option<Hook>>,
}

struct State<S> {
    items: S,
    /// While so many items are here nobody has to be let go: all that `put` and `get` look at.
    quiet: RangeInclusive,
    /// How many items a `put` fills up to: the bound, or 0 after a shutdown.
    fill_to: usize,
    /// Items put and not yet reported by `task_done`.
    unfinished: usize,
    is_shut: bool,
    /// Items that other threads were promised room for before the shutdown and that are still on their way.
    promised: usize,
    getters: Line,
    putters: Line,
    joiners: Line,
}

/// Numbers from `low` to `high`; none if they are crossed.
#[derive(Clone, Copy)]
struct RangeInclusive {
    low: usize,
    high: usize,
}

impl RangeInclusive {
    const ALL: Self = Self {
        low: 0,
        high: usize::MAX,
    };
    const NONE: Self = Self {
        low: usize::MAX,
        high: 0,
    };

    #[inline]
    fn contains(self, n: usize) -> bool {
        self.low <= n && n <= self.high
    }
}

impl<S: Store> State<S> {
    /// Whether no item will ever come any more.
    fn is_over(&self) -> bool {
        self.is_shut && self.promised == 0
    }

    /// How many getters may go on: one per item, and all of them once nothing more will come.
    fn gets(&self) -> usize {
        if self.is_over() {
            usize::MAX
        } else {
            self.items.len()
        }
    }

    /// How many putters may go on: one per free place, and all of them (to fail) after a shutdown.
    fn puts(&self, bound: usize) -> usize {
        if self.is_shut {
            usize::MAX
        } else {
            bound.saturating_sub(self.items.len())
        }
    }

    /// Must be called whenever a line or one of the flags has changed.
    fn find_quiet(&mut self, bound: usize) {
        let getters = Self::quiet_for(&self.getters, self.is_over());
        let putters = Self::quiet_for(&self.putters, self.is_shut);
        // Putters count free places, not items.
        self.quiet = RangeInclusive {
            low: getters.low.max(bound.saturating_sub(putters.high)),
            high: match putters.low {
                0 => getters.high,
                low => getters.high.min(bound.saturating_sub(low)),
            },
        };
        self.fill_to = if self.is_shut { 0 } else { bound };
    }

    /// For which allowances the right ones of a line were let go.
    fn quiet_for(line: &Line, lets_all_go: bool) -> RangeInclusive {
        let granted = line.granted();
        match (granted == line.len(), lets_all_go) {
            (true, true) => RangeInclusive::ALL,
            (false, true) => RangeInclusive::NONE,
            (true, false) => RangeInclusive {
                low: granted,
                high: usize::MAX,
            },
            (false, false) => RangeInclusive {
                low: granted,
                high: granted,
            },
        }
    }

    fn next_to_wake(&mut self, bound: usize) -> Next {
        if self.unfinished == 0 {
            self.joiners.call_all();
        }
        let (gets, puts) = (self.gets(), self.puts(bound));
        let mut next = self.getters.let_go(gets);
        if next.waker.is_none() {
            next = self.putters.let_go(puts);
        }
        if next.waker.is_none() {
            next = self.joiners.next_called();
        }
        self.find_quiet(bound);
        next.is_last = self.quiet.contains(self.items.len()) && !self.joiners.has_called();
        next
    }
}

impl<S: Store> Shared<S> {
    pub(super) fn new(bound: usize) -> Self {
        let state = State {
            items: S::default(),
            quiet: RangeInclusive::ALL,
            fill_to: bound,
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

    /// Takes `item` if there is room; else leaves it alone.
    #[inline]
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
        let is_quiet = state.quiet.contains(state.items.len());
        drop(state);
        mem::forget(unwinding);
        if !is_quiet {
            self.wake();
        }
        item
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

    #[inline]
    fn push(&self, state: RefMut<'_, State<S>>, item: S::Item) {
        let unwinding = SettleOnUnwind(self);
        let mut state = state;
        // Even if a comparison panics the item is in, so it counts first.
        state.unfinished += 1;
        state.items.push(item);
        let is_quiet = state.quiet.contains(state.items.len());
        drop(state);
        mem::forget(unwinding);
        if !is_quiet {
            self.wake();
        }
    }

    /// Puts an item above the bound if need be; fails if it comes after a shutdown that was not told of it.
    #[allow(dead_code)] // For the inlet.
    pub(super) fn deliver(&self, item: S::Item) -> Result<(), PutError<S::Item>> {
        let mut state = self.state.borrow_mut();
        if state.is_shut {
            let Some(rest) = state.promised.checked_sub(1) else {
                return Err(PutError(item));
            };
            state.promised = rest;
            state.find_quiet(self.bound);
        }
        self.push(state, item);
        Ok(())
    }

    /// What is still on its way will not arrive any more.
    #[allow(dead_code)] // For the inlet.
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

    pub(super) fn capacity(&self) -> Option<usize> {
        (self.bound != usize::MAX).then_some(self.bound)
    }

    fn settle(&self) {
        let state = self.state.borrow();
        let has_nothing_to_join = state.unfinished == 0 && !state.joiners.is_empty();
        let is_quiet = state.quiet.contains(state.items.len()) && !has_nothing_to_join;
        drop(state);
        if !is_quiet {
            self.wake();
        }
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
                let mut state = self.0.state.borrow_mut();
                let result = f(&mut state.$line);
                state.find_quiet(self.0.bound);
                result
            }

            fn settle(&self) {
                self.0.settle();
            }
        }
    };
}

owner!(Getters, getters);
owner!(Putters, putters);
owner!(Joiners, joiners);
