//! The ready queue: first in, first out.
//!
//! Usually it is a list through the headers, so that a wakeup does not allocate. In a list, the address of the next task
//! is known only when the header of this one has come from memory. Where a crowd is ready, most of whose headers are not
//! in a cache, that is most of the cost of a round. So from the second long round in a row on, the queue is a ring of
//! addresses, and each pop prefetches the memory of a task that runs a few polls later. A round that is short again ends
//! that. Only one of the two holds entries at a time.
//!
//! An entry owns no reference: a task that is queued is not freed (ONE-ENTRY), so neither a wakeup nor a run changes
//! the count.

use std::cell::{Cell, UnsafeCell};
use std::mem;
use std::ptr::NonNull;

use super::header::Header;
use super::prefetch::prefetch;
use super::rng::Rng;

/// A round with so many polls is long: its tasks may not fit into the caches.
const LONG: u64 = 4096;
/// A ring with fewer entries becomes a list again.
const SHORT: usize = 1024;
/// How many entries ahead of its run the memory of a task is fetched.
const AHEAD: usize = 6;

pub(super) struct ReadyQueue {
    /// The first entry of the list; none while the ring is in use.
    head: Cell<Option<NonNull<Header>>>,
    /// The last entry; dangling while the queue is empty.
    tail: Cell<NonNull<Header>>,
    /// The last entry of the current round. Entries behind it belong to the next round.
    round_end: Cell<Option<NonNull<Header>>>,
    is_ring: Cell<bool>,
    /// No method calls user code, so no access is nested in another.
    ring: UnsafeCell<Ring>,
    /// The round that was measured last, and the number of polls in the loop when its measurement began.
    measured: Cell<(u64, u64)>,
    /// The last long round.
    long_round: Cell<u64>,
}

impl ReadyQueue {
    pub(super) fn new() -> Self {
        Self {
            head: Cell::new(None),
            tail: Cell::new(NonNull::dangling()),
            round_end: Cell::new(None),
            is_ring: Cell::new(false),
            ring: UnsafeCell::new(Ring::new()),
            measured: Cell::new((0, 0)),
            long_round: Cell::new(0),
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.head.get().is_none() && (!self.is_ring.get() || self.with_ring(|ring| ring.len() == 0))
    }

    #[inline]
    fn with_ring<R>(&self, f: impl FnOnce(&mut Ring) -> R) -> R {
        // SAFETY: OWNER-THREAD: one thread, and no closure in this file calls this function or user code.
        f(unsafe { &mut *self.ring.get() })
    }

    /// Appends a task whose queued flag the caller has just set.
    #[inline]
    pub(super) fn push(&self, task: NonNull<Header>) {
        // SAFETY: ONE-ENTRY: the flag keeps the task alive from now on.
        unsafe { task.as_ref() }.ready_next.set(None);
        let last = self.tail.replace(task);
        if self.head.get().is_some() {
            // SAFETY: ONE-ENTRY: the list is not empty, so its last entry is queued, and alive.
            unsafe { last.as_ref() }.ready_next.set(Some(task));
        } else if self.is_ring.get() {
            self.push_to_ring(task);
        } else {
            self.head.set(Some(task));
        }
    }

    #[inline(never)]
    fn push_to_ring(&self, task: NonNull<Header>) {
        self.with_ring(|ring| ring.push(task));
    }

    /// Pops the first entry. The caller clears its queued flag.
    #[inline]
    pub(super) fn pop(&self) -> Option<NonNull<Header>> {
        let Some(task) = self.head.get() else {
            return if self.is_ring.get() {
                self.pop_of_ring()
            } else {
                None
            };
        };
        // SAFETY: ONE-ENTRY: the entry is queued, and so alive.
        self.head.set(unsafe { task.as_ref() }.ready_next.get());
        Some(task)
    }

    #[inline(never)]
    fn pop_of_ring(&self) -> Option<NonNull<Header>> {
        self.with_ring(Ring::pop)
    }

    /// Pops the first entry, if its task has finished.
    pub(super) fn pop_ended(&self) -> Option<NonNull<Header>> {
        debug_assert!(!self.in_round(), "called between rounds only");
        let first = self
            .head
            .get()
            .or_else(|| self.with_ring(|ring| ring.first()))?;
        // SAFETY: ONE-ENTRY: the entry is queued, and so alive.
        let has_ended = unsafe { first.as_ref() }.state.is_finished();
        has_ended.then(|| self.pop()).flatten()
    }

    /// Begins a round of the entries queued now. False: there are none.
    #[inline]
    pub(super) fn begin_round(&self) -> bool {
        debug_assert!(
            self.round_end.get().is_none(),
            "a round begins when the last one has ended"
        );
        let ready = !self.is_empty();
        if ready {
            self.round_end.set(Some(self.tail.get()));
        }
        ready
    }

    /// Measures a round that is not over after so many polls of the loop, and changes to the ring in a long one that
    /// follows a long one.
    #[cold]
    pub(super) fn measure(&self, round: u64, polls: u64) {
        let (measured, begin) = self.measured.get();
        if measured != round {
            self.measured.set((round, polls));
        } else if polls - begin >= LONG && self.long_round.get() != round {
            let is_second = self.long_round.replace(round) + 1 == round;
            if is_second && !self.is_ring.get() {
                while let Some(task) = self.pop() {
                    self.with_ring(|ring| ring.push(task));
                }
                self.is_ring.set(true);
            }
        }
    }

    /// Changes back to the list at the end of a round that leaves few entries.
    #[cold]
    fn leave_ring(&self) {
        if self.with_ring(|ring| ring.len()) < SHORT {
            self.is_ring.set(false);
            let mut ring = self.with_ring(|ring| mem::replace(ring, Ring::new()));
            while let Some(task) = ring.pop() {
                self.push(task);
            }
        }
    }

    /// Shuffles the queue.
    #[cold]
    pub(super) fn shuffle(&self, rng: &Rng) {
        let mut entries: Vec<_> = std::iter::from_fn(|| self.pop()).collect();
        rng.shuffle(&mut entries);
        entries.into_iter().for_each(|task| self.push(task));
    }

    /// Pops the next entry of the round. The round ends when its last entry is popped, before that task is run.
    #[inline]
    pub(super) fn pop_of_round(&self) -> Option<NonNull<Header>> {
        let last = self.round_end.get()?;
        let task = self.pop()?;
        if task == last {
            self.round_end.set(None);
            if self.is_ring.get() {
                self.leave_ring();
            }
        }
        Some(task)
    }

    /// Whether entries of the round are left.
    #[inline]
    pub(super) fn in_round(&self) -> bool {
        self.round_end.get().is_some()
    }
}

/// Entries in a ring of slots, which doubles when it is full.
struct Ring {
    /// Empty at first; else their number is a power of two.
    slots: Box<[NonNull<Header>]>,
    /// The numbers of entries that were popped and pushed, which wrap. The slot of an entry is its number modulo the
    /// number of slots.
    popped: usize,
    pushed: usize,
}

impl Ring {
    fn new() -> Self {
        Self {
            slots: Box::default(),
            popped: 0,
            pushed: 0,
        }
    }

    #[inline]
    fn len(&self) -> usize {
        self.pushed.wrapping_sub(self.popped)
    }

    /// The slot of an entry. There are slots.
    #[inline]
    fn slot(&self, number: usize) -> usize {
        number & self.slots.len().wrapping_sub(1)
    }

    fn first(&self) -> Option<NonNull<Header>> {
        (self.len() > 0).then(|| self.slots[self.slot(self.popped)])
    }

    #[inline]
    fn push(&mut self, task: NonNull<Header>) {
        if self.len() == self.slots.len() {
            // A tail call, so that the fast path saves no registers.
            return self.grow_and_push(task);
        }
        let slot = self.slot(self.pushed);
        self.slots[slot] = task;
        self.pushed = self.pushed.wrapping_add(1);
    }

    #[inline]
    fn pop(&mut self) -> Option<NonNull<Header>> {
        if self.len() == 0 {
            return None;
        }
        // Past the last entry this is an older address, which does no harm.
        prefetch(self.slots[self.slot(self.popped.wrapping_add(AHEAD))]);
        let task = self.slots[self.slot(self.popped)];
        self.popped = self.popped.wrapping_add(1);
        Some(task)
    }

    #[cold]
    #[inline(never)]
    fn grow_and_push(&mut self, task: NonNull<Header>) {
        let count = self.len();
        let entries =
            (0..count).map(|place| self.slots[self.slot(self.popped.wrapping_add(place))]);
        let mut slots: Vec<_> = entries.collect();
        slots.resize((2 * count).max(SHORT), NonNull::dangling());
        self.slots = slots.into();
        (self.popped, self.pushed) = (0, count);
        self.push(task);
    }
}
