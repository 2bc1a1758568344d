//! A queue without waiting, in the simplest form.

use super::kind::{Name, Order};

pub(super) struct Model {
    order: Order,
    capacity: usize,
    /// In the order in which they were put.
    items: Vec<Name>,
    pub(super) unfinished: usize,
    pub(super) is_shut: bool,
}

impl Model {
    pub(super) fn new(order: Order, capacity: Option<usize>) -> Self {
        Self {
            order,
            capacity: capacity.unwrap_or(usize::MAX),
            items: Vec::new(),
            unfinished: 0,
            is_shut: false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// How many could put, with no waiter ahead of them.
    pub(super) fn room(&self) -> usize {
        if self.is_shut {
            0
        } else {
            self.capacity - self.items.len()
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.items.len() >= self.capacity
    }

    pub(super) fn push(&mut self, name: Name) {
        assert!(self.room() > 0, "there was no room for {name:?}");
        self.items.push(name);
        self.unfinished += 1;
    }

    pub(super) fn pop(&mut self) -> Option<Name> {
        let places = 0..self.items.len();
        let at = match self.order {
            Order::FirstIn => places.min(),
            Order::LastIn => places.max(),
            Order::Smallest => places.min_by_key(|at| (self.items[*at].priority, *at)),
        };
        at.map(|at| self.items.remove(at))
    }

    /// What is discarded counts as done.
    pub(super) fn discard(&mut self) {
        self.unfinished = self.unfinished.saturating_sub(self.items.len());
        self.items.clear();
    }
}
