//! The ends of several tasks, for one that waits for them: `gather`, `wait`, `as_completed`.
//!
//! Each of the tasks has the record as the waiter of its handle. Its end is counted, and kept if the wait looks for it;
//! the awaiting task is woken by such an end and by the last one. So a thousand sleepers cost their awaiter one wakeup.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::task::Waker;

use super::reference::{self, Task};
use super::state::Outcome;

/// Which ends are kept, and wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    Nothing,
    /// Other than by an ordinary value.
    Irregular,
    /// By a panic, or an error that went to a task group.
    Exception,
    AnyEnd,
}

impl Filter {
    fn accepts(self, task: &Task) -> bool {
        match self {
            Self::Nothing => false,
            Self::Irregular => task.header().state.is_irregular(),
            Self::Exception => {
                matches!(task.outcome(), Some(Outcome::Panicked | Outcome::Failed))
            }
            Self::AnyEnd => true,
        }
    }
}

pub(crate) struct Ends {
    filter: Filter,
    /// How many of the tasks have not ended.
    left: Cell<usize>,
    /// The tasks whose end was accepted, in order.
    found: RefCell<VecDeque<Task>>,
    waiting: Cell<Option<Waker>>,
}

impl Ends {
    pub(super) fn new(filter: Filter) -> Self {
        Self {
            filter,
            left: Cell::new(0),
            found: RefCell::default(),
            waiting: Cell::new(None),
        }
    }

    /// Adds an unfinished task.
    #[inline]
    pub(super) fn add(&self) {
        self.left.set(self.left.get() + 1);
    }

    /// Adds a task that has ended.
    pub(super) fn add_ended(&self, task: &Task) {
        if self.filter.accepts(task) {
            self.found.borrow_mut().push_back(task.clone());
        }
    }

    pub(super) fn sort_found(&self, order: fn(&Task, &Task) -> Ordering) {
        reference::sort(self.found.borrow_mut().make_contiguous(), order);
    }

    /// Whether all of the tasks have ended.
    pub(crate) fn is_complete(&self) -> bool {
        self.left.get() == 0
    }

    /// How many of the tasks have not ended.
    pub(crate) fn left(&self) -> usize {
        self.left.get()
    }

    /// The task whose end was accepted first, of those that were not taken.
    pub(crate) fn first(&self) -> Option<Task> {
        self.found.borrow().front().cloned()
    }

    pub(crate) fn take_first(&self) -> Option<Task> {
        self.found.borrow_mut().pop_front()
    }

    /// Sets the waker that the next accepted end, or the last one, wakes.
    pub(crate) fn set_waker(&self, waker: &Waker) {
        // Where they differ, clone and drop run user code, which finds the cell empty or with a newer waker.
        let former = self.waiting.take();
        let is_same = former
            .as_ref()
            .is_some_and(|former| former.will_wake(waker));
        let waker = if is_same { former } else { Some(waker.clone()) };
        drop(self.waiting.replace(waker));
    }

    /// The wait is over: no further end wakes anything. Returns the waker, whose destructor may be user code.
    #[must_use]
    pub(crate) fn close(&self) -> Option<Waker> {
        self.found.take();
        self.waiting.take()
    }

    /// Counts the end of one of the tasks.
    #[inline]
    pub(super) fn count(&self) {
        self.left.set(self.left.get() - 1);
    }

    /// Counts an end with an ordinary value. True if the wait is to be notified of it.
    #[inline]
    pub(super) fn count_value(&self) -> bool {
        self.count();
        self.left.get() == 0 || self.filter == Filter::AnyEnd
    }

    /// Notifies the wait of an end that was counted. Returns the waker to wake.
    pub(super) fn notify(&self, task: &Task) -> Option<Waker> {
        if self.filter.accepts(task) {
            self.found.borrow_mut().push_back(task.clone());
        } else if self.left.get() > 0 {
            return None;
        }
        self.waiting.take()
    }

    /// The cell with the waker of the awaiting task.
    pub(super) fn waiting(&self) -> &Cell<Option<Waker>> {
        &self.waiting
    }
}
