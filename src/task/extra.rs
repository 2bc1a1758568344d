//! What few tasks have; allocated when it is first needed.
//!
//! The last reference to a task may be dropped on any thread, after the loop is gone. What is still here then must
//! be `Send`: the name. The rest has been taken out when the task finished (DROPPED-BY-OWNER).

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;

use super::Task;
use super::listener::Listening;

/// The values of the context variables that a task or call sees; what it is made of is the event loop's affair.
pub(crate) type Context = Rc<dyn Any>;

#[derive(Default)]
pub(super) struct Extra {
    /// The task's own name, if it has one instead of its number.
    pub(super) name: RefCell<Option<Box<str>>>,
    /// How many named tasks came before it, for a task that was named at its spawn: such a task has no number.
    pub(super) named: Cell<u64>,
    /// Calls to queue when the task ends.
    pub(super) callbacks: RefCell<Vec<Task>>,
    /// How many of the callbacks were registered before the join handle was awaited.
    pub(super) before_waiter: Cell<usize>,
    /// Who awaits the join handle, if it is not a task of the same loop.
    pub(super) waiter: RefCell<Option<Waker>>,
    /// The task group that it belongs to.
    pub(super) group: Listening,
    /// Whoever collects the results of many tasks, this one's among them.
    pub(super) collector: Listening,
    pub(super) context: RefCell<Option<Context>>,
}

impl Extra {
    /// Nothing is left but what is `Send`.
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
