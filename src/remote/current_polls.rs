//! What an observed loop shows to other threads: which task it is polling, and since when.

use std::panic::Location;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::task::Task;

/// The polls that are on the loop's stack; more than one if a task is spawned eagerly.
#[derive(Default)]
pub(crate) struct CurrentPolls(Mutex<Vec<Turn>>);

#[derive(Clone)]
pub(crate) struct Turn {
    pub(crate) task: String,
    pub(crate) since: Instant,
    pub(crate) spawned_at: &'static Location<'static>,
}

impl CurrentPolls {
    fn turns(&self) -> MutexGuard<'_, Vec<Turn>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn begin(&self, task: &Task) {
        self.turns().push(Turn {
            task: task.name().to_string(),
            since: Instant::now(),
            spawned_at: task.spawned_at(),
        });
    }

    pub(crate) fn end(&self) {
        self.turns().pop();
    }

    /// The poll that has begun last.
    pub(crate) fn last(&self) -> Option<Turn> {
        self.turns().last().cloned()
    }
}
