//! How a queue stores its items: first in first out, last in first out, or smallest first.

use std::collections::VecDeque;
use std::mem;

/// The order of a queue. No item is lost if a comparison panics: an item that was being pushed is in (possibly too far
/// back), and an item that was being popped is still in.
pub(crate) trait Store: Default {
    type Item;

    fn push(&mut self, item: Self::Item);
    fn pop(&mut self) -> Option<Self::Item>;
    fn len(&self) -> usize;

    /// Pushes all of the items, and counts each before its comparisons, which may panic.
    fn push_all(&mut self, items: &mut VecDeque<Self::Item>, count: &mut usize) {
        while let Some(item) = items.pop_front() {
            *count += 1;
            self.push(item);
        }
    }
}

/// First in, first out.
pub(crate) struct Fifo<T>(VecDeque<T>);

/// Last in, first out.
pub(crate) struct Lifo<T>(Vec<T>);

/// Smallest first, ties in the order in which they were put: a binary heap.
pub(crate) struct Smallest<T> {
    heap: Vec<Ranked<T>>,
    next_rank: u64,
}

struct Ranked<T> {
    item: T,
    rank: u64,
}

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> Default for Lifo<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Default for Smallest<T> {
    fn default() -> Self {
        Self {
            heap: Vec::new(),
            next_rank: 0,
        }
    }
}

impl<T> Store for Fifo<T> {
    type Item = T;

    #[inline]
    fn push(&mut self, item: T) {
        self.0.push_back(item);
    }

    #[inline]
    fn pop(&mut self) -> Option<T> {
        self.0.pop_front()
    }

    #[inline]
    fn len(&self) -> usize {
        self.0.len()
    }

    fn push_all(&mut self, items: &mut VecDeque<T>, count: &mut usize) {
        *count += items.len();
        if self.0.is_empty() {
            // Swaps the buffers instead of moving the items.
            mem::swap(&mut self.0, items);
        } else {
            self.0.append(items);
        }
    }
}

impl<T> Store for Lifo<T> {
    type Item = T;

    #[inline]
    fn push(&mut self, item: T) {
        self.0.push(item);
    }

    #[inline]
    fn pop(&mut self) -> Option<T> {
        self.0.pop()
    }

    #[inline]
    fn len(&self) -> usize {
        self.0.len()
    }
}

impl<T: Ord> Store for Smallest<T> {
    type Item = T;

    fn push(&mut self, item: T) {
        let rank = self.next_rank;
        self.next_rank += 1;
        self.heap.push(Ranked { item, rank });
        self.sift_up(self.heap.len() - 1);
    }

    fn pop(&mut self) -> Option<T> {
        let last = self.heap.len().checked_sub(1)?;
        let target = self.index_from_root(last);
        // Moves the last entry to `target`, each ancestor of `target` up by one, and the root to the end.
        let mut at = target;
        self.heap.swap(at, last);
        while at > 0 {
            at = (at - 1) / 2;
            self.heap.swap(at, last);
        }
        self.heap.pop().map(|ranked| ranked.item)
    }

    fn len(&self) -> usize {
        self.heap.len()
    }
}

impl<T: Ord> Smallest<T> {
    fn is_before(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.heap[a], &self.heap[b]);
        a.item.cmp(&b.item).then(a.rank.cmp(&b.rank)).is_lt()
    }

    fn sift_up(&mut self, mut at: usize) {
        while at > 0 {
            let parent = (at - 1) / 2;
            if !self.is_before(at, parent) {
                break;
            }
            self.heap.swap(at, parent);
            at = parent;
        }
    }

    /// Where the last entry belongs once the root is gone. Moves nothing: a comparison may panic.
    fn index_from_root(&self, last: usize) -> usize {
        let mut at = 0;
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            if left >= last {
                return at;
            }
            let child = if right < last && self.is_before(right, left) {
                right
            } else {
                left
            };
            if !self.is_before(child, last) {
                return at;
            }
            at = child;
        }
    }
}
