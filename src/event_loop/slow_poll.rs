//! Reports polls that delay the loop: asyncio's slow callbacks.

use std::env;
use std::panic::{self, AssertUnwindSafe};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::clock::nanos;
use super::core::Core;
use crate::task::{Task, drop_quietly, print};

/// The limit in debug mode; asyncio's `slow_callback_duration`.
const DEFAULT_LIMIT: Duration = Duration::from_millis(100);

type Hook = dyn Fn(&Task, Duration);

/// The duration from which a poll is slow, and the hook that is called then.
pub(super) struct SlowPoll {
    limit: u64,
    /// None: prints a line to stderr.
    hook: Option<Box<Hook>>,
}

impl SlowPoll {
    pub(super) fn new(limit: Duration, hook: Box<Hook>) -> Self {
        Self {
            limit: nanos(limit),
            hook: Some(hook),
        }
    }

    /// The default, if the environment sets debug mode. The variable is read once, because loops are cheap to make.
    pub(super) fn from_environment() -> Option<Self> {
        static IS_DEBUG: OnceLock<bool> = OnceLock::new();
        let is_debug = *IS_DEBUG
            .get_or_init(|| env::var_os("LOOPLET_DEBUG").is_some_and(|value| value == "1"));
        is_debug.then(|| Self {
            limit: nanos(DEFAULT_LIMIT),
            hook: None,
        })
    }

    #[cold]
    fn report(&self, task: &Task, is_task: bool, took: Duration) {
        let Some(hook) = &self.hook else {
            return describe(task, is_task, took);
        };
        if !is_task {
            return;
        }
        if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(|| hook(task, took))) {
            drop_quietly(panic);
            print(format_args!("the `slow_poll` hook panicked"));
        }
    }
}

impl Drop for SlowPoll {
    fn drop(&mut self) {
        // The destructor is user code, and its panic must not stop the drop of the loop.
        drop_quietly(self.hook.take());
    }
}

fn describe(task: &Task, is_task: bool, took: Duration) {
    let place = task.spawned_at();
    if is_task {
        let name = task.name();
        print(format_args!(
            "a poll of task '{name}' (spawned at {place}) took {took:?}"
        ));
    } else {
        print(format_args!(
            "a plain call (queued at {place}) took {took:?}"
        ));
    }
}

impl Core {
    /// Runs at most `budget` entries of the round and measures each. Returns true if some are left.
    #[cold]
    pub(super) fn run_measured(&self, budget: u32, slow: &SlowPoll) -> bool {
        self.tasks.run_around(budget, |task, is_task, poll| {
            let (wall, own) = (Instant::now(), self.clock.moved());
            poll();
            // A task may move virtual time to simulate work, so the clock that moved more counts.
            let took = nanos(wall.elapsed()).max(self.clock.moved() - own);
            if took >= slow.limit {
                slow.report(task, is_task, Duration::from_nanos(took));
            }
        })
    }
}
