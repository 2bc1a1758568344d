//! The state of a queue, the same for every order of items, and who may go on in it. Runs no foreign code.

use std::mem;
use std::task::Waker;

use super::store::Store;
use crate::sync::waiters::{Line, Next};

pub(super) struct State<S> {
    pub(super) items: S,
    /// While so many items are here nobody has to be let go: all that `put` and `get` look at.
    pub(super) quiet: Quiet,
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

/// Numbers of items from `low` to `high`; none if they are crossed.
#[derive(Clone, Copy)]
pub(super) struct Quiet {
    low: usize,
    high: usize,
}

impl Quiet {
    const ALWAYS: Self = Self {
        low: 0,
        high: usize::MAX,
    };
    /// Also stands for "not known".
    pub(super) const NEVER: Self = Self { low: 1, high: 0 };

    #[inline]
    pub(super) fn contains(self, n: usize) -> bool {
        self.low <= n && n <= self.high
    }
}

impl<S: Store> State<S> {
    pub(super) fn new(bound: usize) -> Self {
        Self {
            items: S::default(),
            quiet: Quiet::NEVER,
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
    pub(super) fn gets(&self, _bound: usize) -> usize {
        if self.is_over() {
            usize::MAX
        } else {
            self.items.len()
        }
    }

    /// How many putters may go on: one per free place, and all of them (to fail) after a shutdown.
    pub(super) fn puts(&self, bound: usize) -> usize {
        if self.is_shut {
            usize::MAX
        } else {
            bound.saturating_sub(self.items.len())
        }
    }

    /// How many joiners may go on: all, once nothing is unfinished.
    pub(super) fn joins(&self, _bound: usize) -> usize {
        if self.unfinished == 0 { usize::MAX } else { 0 }
    }

    /// Gives back what is discarded, to be dropped outside of any borrow.
    pub(super) fn shut_down(&mut self, at_once: bool) -> S {
        self.is_shut = true;
        self.fill_to = 0;
        self.quiet = Quiet::NEVER;
        if !at_once {
            return S::default();
        }
        self.promised = 0;
        // Saturating: somebody may have reported more as done than was taken.
        self.unfinished = self.unfinished.saturating_sub(self.items.len());
        mem::take(&mut self.items)
    }

    /// With how many items exactly those may go on who were let go.
    fn find_quiet(&self, bound: usize) -> Quiet {
        if self.is_shut {
            let nobody_waits = self.getters.is_empty() && self.putters.is_empty();
            return if nobody_waits {
                Quiet::ALWAYS
            } else {
                Quiet::NEVER
            };
        }
        let (getters, putters) = (self.getters.granted(), self.putters.granted());
        let mut quiet = Quiet {
            low: getters,
            high: usize::MAX,
        };
        if getters < self.getters.len() {
            quiet.high = getters;
        }
        if !self.putters.is_empty() {
            // As many free places as putters were let go, or more if that is all of them.
            let filled = bound - putters;
            quiet.high = quiet.high.min(filled);
            if putters < self.putters.len() {
                quiet.low = quiet.low.max(filled);
            }
        }
        quiet
    }

    #[inline]
    pub(super) fn next_to_wake(&mut self, bound: usize) -> Next {
        let (gets, puts) = (self.gets(bound), self.puts(bound));
        let mut waker = None;
        if !self.getters.is_settled(gets) {
            waker = self.getters.let_go(gets).waker;
        }
        if waker.is_none() && !self.putters.is_settled(puts) {
            waker = self.putters.let_go(puts).waker;
        }
        if waker.is_none() && !self.joiners.is_empty() {
            waker = self.next_joiner();
        }
        if waker.is_none() {
            self.quiet = self.find_quiet(bound);
            return Next::NOBODY;
        }
        // Whoever is woken is going to change it soon, so it is looked for only when it is needed.
        self.quiet = Quiet::NEVER;
        let is_settled = self.getters.is_settled(gets) && self.putters.is_settled(puts);
        let is_last = is_settled && !self.may_end_join();
        Next { waker, is_last }
    }

    #[cold]
    fn next_joiner(&mut self) -> Option<Waker> {
        if self.unfinished == 0 {
            self.joiners.call_all();
        }
        self.joiners.next_called().waker
    }

    /// Whether joiners are left to be woken.
    fn may_end_join(&self) -> bool {
        !self.joiners.is_empty() && (self.unfinished == 0 || self.joiners.has_called())
    }
}
