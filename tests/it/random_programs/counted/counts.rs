//! What is counted while a random program runs, to compare afterwards.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// How many there are of something, each as long as its [`Counted`] lives.
#[derive(Clone, Default)]
pub(crate) struct Count(Rc<Cell<usize>>);

#[must_use]
pub(crate) struct Counted(Count);

impl Count {
    pub(crate) fn one(&self) -> Counted {
        self.0.set(self.0.get() + 1);
        Counted(self.clone())
    }

    pub(crate) fn get(&self) -> usize {
        self.0.get()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let count = &self.0.0;
        count.set(count.get() - 1);
    }
}

/// Checks, when it is dropped, that none is left, unless it is dropped by a panic on its way through.
pub(crate) struct NoneLeft(pub(crate) Count, pub(crate) &'static str);

impl Drop for NoneLeft {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.0.get(), 0, "{}", self.1);
        }
    }
}

/// Those who wait for something, in the order in which they came.
#[derive(Default)]
pub(crate) struct Line {
    waiting: RefCell<VecDeque<u32>>,
    next: Cell<u32>,
}

pub(crate) struct Place<'a> {
    line: &'a Line,
    number: u32,
}

impl Line {
    pub(crate) fn stand(&self) -> Place<'_> {
        let number = self.next.get();
        self.next.set(number + 1);
        self.waiting.borrow_mut().push_back(number);
        Place { line: self, number }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.borrow().len()
    }
}

impl Place<'_> {
    /// This one is served: no earlier one waits still.
    pub(crate) fn leave_as_first(self) {
        let first = self.line.waiting.borrow().front().copied();
        assert_eq!(first, Some(self.number), "somebody was overtaken");
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.line
            .waiting
            .borrow_mut()
            .retain(|number| *number != self.number);
    }
}
