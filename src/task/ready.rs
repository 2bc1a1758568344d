//! The ready queue: first in, first out, linked through the headers, so that a wakeup does not allocate.
//!
//! An entry owns no reference: a task that is queued is not freed (ONE-ENTRY), so neither a wakeup nor a run changes
//! the count.
//!
//! In a list, the address of the next task is known only when the header of this one has come from memory. Where a crowd
//! is ready, most of whose headers are in no cache, that is most of the cost of a round. So from the second long round
//! in a row on, the addresses are also noted in an array, and each pop asks for the memory of a task that is due a few
//! polls later. The array is a hint: the order of the polls is that of the list.

use std::cell::{Cell, UnsafeCell};
use std::mem;
use std::ptr::NonNull;

use super::header::Header;
use super::prefetch::prefetch;
use super::rng::Rng;

/// A round with so many polls is long: its tasks may not fit into the caches.
const LONG: u64 = 4096;
/// A round with fewer entries ends the use of hints.
const SHORT: usize = 1024;
/// How many polls before its own the memory of a task is asked for.
const AHEAD: usize = 6;

pub(super) struct ReadyQueue {
    head: Cell<Option<NonNull<Header>>>,
    /// The last entry; dangling while the queue is empty.
    tail: Cell<NonNull<Header>>,
    /// The last entry of the current round. Entries behind it belong to the next round.
    round_end: Cell<Option<NonNull<Header>>>,
    pub(super) rounds: Cell<u64>,
    /// Whether hints are noted.
    is_crowded: Cell<bool>,
    /// No method calls user code, so no access is nested in another.
    hints: UnsafeCell<Hints>,
}

/// The addresses of entries. They may be those of tasks that are gone, so they are prefetched and nothing else.
#[derive(Default)]
struct Hints {
    /// The round that `now` is for.
    round: u64,
    /// The entries of this round, but for some that were pushed onto an empty queue.
    now: Vec<NonNull<Header>>,
    /// How many of them were popped.
    popped: usize,
    /// The entries of the next round.
    next: Vec<NonNull<Header>>,
    /// The round that was measured last, and the number of polls in the loop when its measurement began.
    measured: (u64, u64),
    /// The last long round.
    long: u64,
}

impl ReadyQueue {
    pub(super) fn new() -> Self {
        Self {
            head: Cell::new(None),
            tail: Cell::new(NonNull::dangling()),
            round_end: Cell::new(None),
            rounds: Cell::new(0),
            is_crowded: Cell::new(false),
            hints: UnsafeCell::default(),
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.head.get().is_none()
    }

    /// Appends a task whose queued flag the caller has just set.
    #[inline]
    pub(super) fn push(&self, task: NonNull<Header>) {
        // SAFETY: ONE-ENTRY: the flag keeps the task alive from now on.
        unsafe { task.as_ref() }.ready_next.set(None);
        let last = self.tail.replace(task);
        if self.is_empty() {
            self.head.set(Some(task));
            return;
        }
        // SAFETY: ONE-ENTRY: the queue is not empty, so its last entry is queued, and alive.
        unsafe { last.as_ref() }.ready_next.set(Some(task));
        if self.is_crowded.get() {
            self.note(task);
        }
    }

    #[inline(never)]
    fn note(&self, task: NonNull<Header>) {
        self.with_hints(|hints| hints.next.push(task));
    }

    #[inline(always)]
    fn with_hints<R>(&self, f: impl FnOnce(&mut Hints) -> R) -> R {
        // SAFETY: OWNER-THREAD: one thread, and no closure in this file calls this function or user code.
        f(unsafe { &mut *self.hints.get() })
    }

    /// Pops the first entry. The caller clears its queued flag.
    #[inline]
    pub(super) fn pop(&self) -> Option<NonNull<Header>> {
        let task = self.head.get()?;
        // SAFETY: ONE-ENTRY: the entry is queued, and so alive.
        self.head.set(unsafe { task.as_ref() }.ready_next.get());
        Some(task)
    }

    /// Pops the first entry, if its task has finished.
    pub(super) fn pop_ended(&self) -> Option<NonNull<Header>> {
        debug_assert!(!self.in_round(), "called between rounds only");
        let first = self.head.get()?;
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
            self.rounds.set(self.rounds.get() + 1);
        }
        ready
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
        } else if self.is_crowded.get() {
            self.look_ahead();
        }
        Some(task)
    }

    /// Asks for the memory of a task that is due soon.
    #[inline(never)]
    fn look_ahead(&self) {
        self.with_hints(|hints| {
            if hints.round != self.rounds.get() {
                hints.begin(self.rounds.get());
                self.is_crowded.set(hints.now.len() >= SHORT);
            }
            if let Some(&soon) = hints.now.get(hints.popped + AHEAD) {
                prefetch(soon);
            }
            hints.popped += 1;
        });
    }

    /// Measures a round that is not over after so many polls of the loop, and begins to note hints in a long one that
    /// follows a long one.
    #[cold]
    pub(super) fn measure(&self, polls: u64) {
        let round = self.rounds.get();
        self.with_hints(|hints| {
            let (measured, begin) = hints.measured;
            if measured != round {
                hints.measured = (round, polls);
            } else if polls - begin >= LONG && hints.long != round {
                let follows = mem::replace(&mut hints.long, round) + 1 == round;
                if follows && !self.is_crowded.replace(true) {
                    // The rest of this round has no hints.
                    hints.begin(round);
                }
            }
        });
    }

    /// Whether entries of the round are left.
    #[inline]
    pub(super) fn in_round(&self) -> bool {
        self.round_end.get().is_some()
    }
}

impl Hints {
    #[cold]
    #[inline(never)]
    fn begin(&mut self, round: u64) {
        self.round = round;
        self.popped = 0;
        self.now.clear();
        mem::swap(&mut self.now, &mut self.next);
    }
}
