//! What was made, and whether it was dropped, how often and where.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::thread::{self, ThreadId};

use crate::TASKS;

/// Which of a loop's futures were dropped, and how often.
pub(crate) struct Roll {
    owner: ThreadId,
    drops: Vec<AtomicU8>,
    made: AtomicUsize,
    strayed: AtomicUsize,
}

/// In a future; notes in the roll when that is dropped.
pub(crate) struct Mark(Arc<Roll>, usize);

impl Roll {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            owner: thread::current().id(),
            drops: (0..TASKS * 2).map(|_| AtomicU8::new(0)).collect(),
            made: AtomicUsize::new(0),
            strayed: AtomicUsize::new(0),
        })
    }

    pub(crate) fn mark(self: &Arc<Self>) -> Mark {
        Mark(self.clone(), self.made.fetch_add(1, Ordering::Relaxed))
    }

    /// How many futures were marked. All of them were dropped, each once, on the owner thread.
    #[track_caller]
    pub(crate) fn settle(&self) -> usize {
        let made = self.made.load(Ordering::Relaxed);
        assert_eq!(self.strayed.load(Ordering::Relaxed), 0, "dropped elsewhere");
        for (number, drops) in self.drops.iter().enumerate() {
            let expected = u8::from(number < made);
            assert_eq!(drops.load(Ordering::Relaxed), expected, "drops of {number}");
        }
        made
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        self.0.drops[self.1].fetch_add(1, Ordering::Relaxed);
        let strayed = thread::current().id() != self.0.owner;
        self.0
            .strayed
            .fetch_add(usize::from(strayed), Ordering::Relaxed);
    }
}

/// Counts what may cross threads: items, closures, results.
#[derive(Clone, Default)]
pub(crate) struct Luggage(Arc<[AtomicUsize; 2]>);

/// A piece of it.
pub(crate) struct Piece(Luggage);

impl Luggage {
    pub(crate) fn piece(&self) -> Piece {
        self.0[0].fetch_add(1, Ordering::Relaxed);
        Piece(self.clone())
    }

    /// How many pieces were made. All of them must be gone.
    #[track_caller]
    pub(crate) fn settle(&self) -> usize {
        let [made, dropped] = [0, 1].map(|side| self.0[side].load(Ordering::Relaxed));
        assert_eq!(made, dropped, "luggage made and dropped");
        made
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.0.0[1].fetch_add(1, Ordering::Relaxed);
    }
}
