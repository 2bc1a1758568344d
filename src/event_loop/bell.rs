//! What the loop sleeps on, and what other threads wake it with.
//!
//! This is the seam for an I/O poller: all of the loop's waiting is `Doorbell::wait`, and all that ends it from
//! outside is `Doorbell::ring`.

use std::panic::{self, AssertUnwindSafe};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::task::{Bell, drop_quietly, print};

/// Called on the thread that sent something to the loop.
pub(crate) type OnWake = dyn Fn() + Send + Sync;

pub(crate) struct Doorbell {
    /// Room for one nudge; made when the loop first sleeps, for many loops never do.
    nudges: OnceLock<(Sender<()>, Receiver<()>)>,
    on_wake: Option<Box<OnWake>>,
    /// The loop's thread is inside of the loop: if it sleeps, it does so here.
    inside: AtomicBool,
}

impl Doorbell {
    pub(crate) fn new(on_wake: Option<Box<OnWake>>) -> Self {
        Self {
            nudges: OnceLock::new(),
            on_wake,
            inside: AtomicBool::new(false),
        }
    }

    /// Whether somebody outside of the loop does the waiting.
    pub(crate) fn has_host(&self) -> bool {
        self.on_wake.is_some()
    }

    /// The loop's thread enters the loop, or leaves it to the host.
    ///
    /// Whoever rings at this moment may see either. That is harmless: the loop looks at everything when it is entered,
    /// and when it is left, and a host that is told once too often finds nothing.
    pub(crate) fn set_inside(&self, inside: bool) {
        self.inside.store(inside, Ordering::SeqCst);
    }

    /// Readies the bell for a sleep; before the loop announces that it falls asleep.
    pub(crate) fn prepare(&self) {
        self.nudges.get_or_init(|| bounded(1));
    }

    /// Sleeps until the deadline, if there is one, or until the bell is rung. Whether it was.
    pub(crate) fn wait(&self, until: Option<Instant>) -> bool {
        let (_, nudges) = self.nudges.get_or_init(|| bounded(1));
        match until {
            Some(until) => nudges.recv_deadline(until).is_ok(),
            None => nudges.recv().is_ok(),
        }
    }
}

impl Doorbell {
    /// Tells the host.
    pub(crate) fn ring_host(&self) {
        let Some(on_wake) = &self.on_wake else { return };
        // Whoever rings is in the middle of a wakeup and must not see the host's panic.
        if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(on_wake)) {
            drop_quietly(panic);
            print(format_args!("the `on_wake` hook panicked"));
        }
    }
}

impl Bell for Doorbell {
    fn ring(&self) {
        if self.has_host() && !self.inside.load(Ordering::SeqCst) {
            self.ring_host();
        } else if let Some((nudge, _)) = self.nudges.get() {
            // A full channel holds a nudge already, and one is enough.
            let _ = nudge.try_send(());
        }
    }
}
