//! What the loop sleeps on, and what other threads wake it with.
//!
//! This is the seam for an I/O poller: all of the loop's waiting is `Doorbell::wait`, and all that ends it from
//! outside is `Doorbell::ring`.

use std::panic::{self, AssertUnwindSafe};
use std::sync::OnceLock;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::task::{Bell, drop_quietly, print};

/// Called on the thread that sent something to the loop.
pub(crate) type OnWake = dyn Fn() + Send + Sync;

pub(crate) struct Doorbell {
    /// Room for one nudge; made when the loop first sleeps, for many loops never do.
    nudges: OnceLock<(Sender<()>, Receiver<()>)>,
    on_wake: Option<Box<OnWake>>,
}

impl Doorbell {
    pub(crate) fn new(on_wake: Option<Box<OnWake>>) -> Self {
        Self {
            nudges: OnceLock::new(),
            on_wake,
        }
    }

    /// Whether somebody outside of the loop does the waiting.
    pub(crate) fn has_host(&self) -> bool {
        self.on_wake.is_some()
    }

    /// Readies the bell for a sleep; before the loop announces that it falls asleep.
    pub(crate) fn prepare(&self) {
        self.nudges.get_or_init(|| bounded(1));
    }

    /// Sleeps until the deadline, if there is one, or until the bell is rung.
    pub(crate) fn wait(&self, until: Option<Instant>) {
        let (_, nudges) = self.nudges.get_or_init(|| bounded(1));
        // Why the wait has ended does not matter: the loop looks at everything anyway.
        let _ = match until {
            Some(until) => nudges.recv_deadline(until).ok(),
            None => nudges.recv().ok(),
        };
    }
}

impl Bell for Doorbell {
    fn ring(&self) {
        if let Some(on_wake) = &self.on_wake {
            // Whoever rings is in the middle of a wakeup and must not see the host's panic.
            if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(on_wake)) {
                drop_quietly(panic);
                print(format_args!("the `on_wake` hook panicked"));
            }
        }
        if let Some((nudge, _)) = self.nudges.get() {
            // A full channel holds a nudge already, and one is enough.
            let _ = nudge.try_send(());
        }
    }
}
