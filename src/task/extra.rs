//! Rarely needed fields of a task, allocated on first use.
//!
//! After the end of the loop, the last reference to a task may be dropped on any thread. Only the name and the counts,
//! which are `Send`, are left here then; the other fields were taken out when the task finished (DROPPED-BY-OWNER).

use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::task::Waker;

use super::Task;
use super::listener::Listening;
use super::observe::Counts;

/// The values of a task's or call's context variables; the type is private to the event loop.
pub(crate) type Context = Rc<dyn Any>;

#[derive(Default)]
pub(super) struct Extra {
    /// The task's name, if it was given one.
    pub(super) name: Cell<Option<Box<str>>>,
    /// For a task that was named at its spawn, its number among the named tasks; else 0.
    pub(super) named: Cell<u64>,
    /// Calls to queue when the task ends.
    pub(super) callbacks: RefCell<Vec<Task>>,
    /// How many of the callbacks were registered before the join handle was awaited.
    pub(super) before_waiter: Cell<usize>,
    /// The waker of an external waiter of the join handle: one that is no task of the same loop.
    pub(super) waiter: RefCell<Option<Waker>>,
    /// The task group of the task.
    pub(super) group: Listening,
    /// The listener that collects the results of many tasks.
    pub(super) collector: Listening,
    pub(super) context: RefCell<Option<Context>>,
    /// The counts of an observed task.
    pub(super) counts: OnceCell<Box<Cell<Counts>>>,
}

impl Extra {
    /// Whether only `Send` fields are left.
    pub(super) fn is_bare(&self) -> bool {
        let is_empty = |listening: &Listening| {
            let listener = listening.take();
            let is_empty = listener.is_none();
            listening.set(listener);
            is_empty
        };
        self.callbacks.borrow().is_empty()
            && self.context.borrow().is_none()
            && is_empty(&self.group)
            && is_empty(&self.collector)
    }
}
