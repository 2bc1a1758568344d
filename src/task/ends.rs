//! The ends of several tasks, for one that waits for them: `gather`, `wait`, `as_completed`.
//!
//! Each of the tasks has the record as the waiter of its handle. Its end is counted, and kept if the wait looks for it;
//! the awaiting task is woken by such an end and by the last one. So a thousand sleepers cost their awaiter one wakeup.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::Waker;

use super::handle::AWAITS_ITSELF;
use super::scheduler::Scheduler;
use super::waiters::Waiter;
use super::{Outcome, Task, waker};

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
    /// Waits for these tasks, whose handles have no other waiter from now on. Those that have ended come first, in the
    /// order in which they ended.
    pub(crate) fn of<'a>(tasks: impl Iterator<Item = &'a Task>, filter: Filter) -> Rc<Self> {
        let this = Rc::new(Self {
            filter,
            left: Cell::new(0),
            found: RefCell::default(),
            waiting: Cell::new(None),
        });
        for task in tasks {
            if !task.is_finished() {
                this.left.set(this.left.get() + 1);
                task.set_ends(&this);
            } else if filter.accepts(task) {
                this.found.borrow_mut().push_back(task.clone());
            }
        }
        let position = |task: &Task| task.header().waiters.ended_as();
        this.found
            .borrow_mut()
            .make_contiguous()
            .sort_by_key(position);
        this
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

impl Task {
    #[inline]
    fn set_ends(&self, ends: &Rc<Ends>) {
        if self.header().waiters.is_empty() {
            return self.header().waiters.put_ends(ends.clone());
        }
        let former = self.header().waiters.set_waiter(Waiter::Ends(ends.clone()));
        self.local().discard(former);
    }
}

impl Scheduler {
    /// Checks that the task of this waker, which is about to wait for these ends, is not one of the tasks.
    ///
    /// # Panics
    ///
    /// If it is.
    pub(crate) fn refuse_own_end(&self, waker: &Waker, ends: &Rc<Ends>) {
        let waiter = waker::task_of(waker, self.pointer()).or(self.local().running.get());
        let is_own = waiter.is_some_and(|waiter| {
            // SAFETY: COUNTED: the waker holds a count; and the running task is unfinished, and so alive.
            let waiter = unsafe { Task::borrowed(waiter) };
            let is_same =
                |known: &Waiter| matches!(known, Waiter::Ends(known) if Rc::ptr_eq(known, ends));
            waiter.header().waiters.with_waiter(is_same) == Some(true)
        });
        assert!(!is_own, "{AWAITS_ITSELF}");
    }
}
