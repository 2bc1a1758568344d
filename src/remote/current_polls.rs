//! The polls of an observed loop, for other threads: which task is being polled, and since when.

use std::panic::Location;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::task::Task;

/// The polls on the loop's stack: several, if a poll spawns a task eagerly.
#[derive(Default)]
pub(crate) struct CurrentPolls(Mutex<Vec<CurrentPoll>>);

#[derive(Clone)]
pub(crate) struct CurrentPoll {
    pub(crate) task: String,
    pub(crate) since: Instant,
    pub(crate) spawned_at: &'static Location<'static>,
}

impl CurrentPolls {
    fn polls(&self) -> MutexGuard<'_, Vec<CurrentPoll>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn begin(&self, task: &Task) {
        self.polls().push(CurrentPoll {
            task: task.name().to_string(),
            since: Instant::now(),
            spawned_at: task.spawned_at(),
        });
    }

    pub(crate) fn end(&self) {
        self.polls().pop();
    }

    /// The poll that began last.
    pub(crate) fn last(&self) -> Option<CurrentPoll> {
        self.polls().last().cloned()
    }
}
