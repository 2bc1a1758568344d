//! The state of a queue, the same for every order of items, and who may go on in it. Runs no foreign code.

use std::mem;
use std::task::Waker;

use super::store::Store;
use crate::sync::waiters::{Line, Next};

pub(super) struct State<S> {
    pub(super) items: S,
    /// How many items a `put` fills up to: the bound, or 0 after a shutdown.
    pub(super) fill_to: usize,
    /// Items put and not yet reported by `task_done`.
    pub(super) unfinished: usize,
    pub(super) is_shut: bool,
    /// Items that other threads were promised room for before the shutdown and that are still on their way.
    pub(super) promised: usize,
    pub(super) getters: Line,
    pub(super) putters: Line,
    pub(super) joiners: Line,
}

impl<S: Store> State<S> {
    pub(super) fn new(bound: usize) -> Self {
        Self {
            items: S::default(),
            fill_to: bound,
            unfinished: 0,
            is_shut: false,
            promised: 0,
            getters: Line::new(),
            putters: Line::new(),
            joiners: Line::new(),
        }
    }

    /// Whether no item will ever come any more.
    pub(super) fn is_over(&self) -> bool {
        self.is_shut && self.promised == 0
    }

    /// How many getters may go on: one per item, and all of them once nothing more will come.
    #[inline]
    pub(super) fn gets(&self) -> usize {
        if self.is_over() {
            usize::MAX
        } else {
            self.items.len()
        }
    }

    /// How many putters may go on: one per free place, and all of them (to fail) after a shutdown.
    #[inline]
    pub(super) fn puts(&self, bound: usize) -> usize {
        if self.is_shut {
            usize::MAX
        } else {
            bound.saturating_sub(self.items.len())
        }
    }

    /// Gives back what is discarded, to be dropped outside of any borrow.
    pub(super) fn shut_down(&mut self, at_once: bool) -> S {
        self.is_shut = true;
        self.fill_to = 0;
        if !at_once {
            return S::default();
        }
        self.promised = 0;
        // Saturating: somebody may have reported more as done than was taken.
        self.unfinished = self.unfinished.saturating_sub(self.items.len());
        mem::take(&mut self.items)
    }

    /// One who may go on by now and must be woken, if anybody: after any change.
    pub(super) fn next_to_wake(&mut self, bound: usize) -> Next {
        let (gets, puts) = (self.gets(), self.puts(bound));
        let getter = self.getters.let_go(gets);
        let next = getter.or(|| self.putters.let_go(puts));
        next.or(|| self.next_joiner())
    }

    fn next_joiner(&mut self) -> Next {
        if self.unfinished == 0 {
            self.joiners.call_all();
        }
        self.joiners.next_called()
    }

    /// The getter who may have an item that was put just now. One item is at most one getter's.
    #[inline]
    pub(super) fn getter_to_wake(&mut self) -> Option<Waker> {
        let gets = self.gets();
        self.getters.let_one_go(gets)
    }

    /// The putter who may use the room that was made just now. A place is at most one putter's.
    #[inline]
    pub(super) fn putter_to_wake(&mut self, bound: usize) -> Option<Waker> {
        let puts = self.puts(bound);
        self.putters.let_one_go(puts)
    }
}
