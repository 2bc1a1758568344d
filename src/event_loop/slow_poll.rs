//! Tells of turns that hold up the loop: asyncio's slow callbacks.

use std::env;
use std::panic::{self, AssertUnwindSafe};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::clock::nanos;
use super::core::Core;
use crate::task::{Task, drop_quietly, print};

/// What counts as slow in debug mode; asyncio's `slow_callback_duration`.
const DEFAULT_LIMIT: Duration = Duration::from_millis(100);

type Hook = dyn Fn(&Task, Duration);

/// From which duration on a turn is slow, and who hears of it.
pub(super) struct SlowPoll {
    limit: u64,
    /// None: print it.
    hook: Option<Box<Hook>>,
}

impl SlowPoll {
    pub(super) fn new(limit: Duration, hook: Box<Hook>) -> Self {
        Self {
            limit: nanos(limit),
            hook: Some(hook),
        }
    }

    /// The default, if the environment asks for debug mode. It is asked once: loops are cheap to make.
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
    fn tell(&self, task: &Task, is_task: bool, took: Duration) {
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
        // The destructor is somebody else's code, and the loop goes whatever it does.
        drop_quietly(self.hook.take());
    }
}

fn describe(task: &Task, is_task: bool, took: Duration) {
    let place = task.spawned_at();
    if is_task {
        let name = task.name();
        print(format_args!(
            "a turn of task '{name}' (spawned at {place}) took {took:?}"
        ));
    } else {
        print(format_args!(
            "a plain call (queued at {place}) took {took:?}"
        ));
    }
}

impl Core {
    /// Runs at most `budget` turns with a watch in hand. True if some are left in the round.
    #[cold]
    pub(super) fn run_measured(&self, budget: u32, slow: &SlowPoll) -> bool {
        self.tasks.run_around(budget, |task, is_task, turn| {
            let (wall, own) = (Instant::now(), self.clock.moved());
            turn();
            // Code may move virtual time to say that it was busy, so whichever clock moved more counts.
            let took = nanos(wall.elapsed()).max(self.clock.moved() - own);
            if took >= slow.limit {
                slow.tell(task, is_task, Duration::from_nanos(took));
            }
        })
    }
}
