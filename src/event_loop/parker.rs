//! What the loop sleeps on, and what other threads wake it with.
//!
//! This is the seam for an I/O poller: all of the loop's waiting is `Parker::wait`, and all that ends it from
//! outside is `Parker::unpark`.

use std::hint;
use std::panic::{self, AssertUnwindSafe};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::EventLoop;
use super::context;
use super::core::Core;
use crate::task::{Unpark, drop_quietly, print};

/// The system ends a sleep so much too late, or a little less: some fifty microseconds of timer slack, and the time to
/// wake up. So the sleep is set to end so much earlier, and the rest is spent watching the clock.
const TAIL: Duration = Duration::from_micros(60);

/// A shorter wait than this does without: watching would be most of it, and a row of short waits would keep the
/// processor busy throughout. Timers so close together are better fired in one go.
const WORTH_A_TAIL: Duration = Duration::from_micros(500);

/// Called on the thread that sent something to the loop.
pub(crate) type OnWake = dyn Fn() + Send + Sync;

pub(crate) struct Parker {
    /// The loop's thread; known once it first sleeps here.
    sleeper: OnceLock<Thread>,
    notified: AtomicBool,
    on_wake: Option<Box<OnWake>>,
    /// The loop's thread is inside of the loop: if it sleeps, it does so here.
    inside: AtomicBool,
}

impl Parker {
    pub(crate) fn new(on_wake: Option<Box<OnWake>>) -> Self {
        Self {
            sleeper: OnceLock::new(),
            notified: AtomicBool::new(false),
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
        self.sleeper.get_or_init(thread::current);
        // Of a ring that came when the last sleep had ended already.
        self.notified.store(false, Ordering::Relaxed);
    }

    /// Sleeps until the deadline, if there is one, or until the bell is rung. Whether it was.
    pub(crate) fn wait(&self, until: Option<Instant>) -> bool {
        let Some(until) = until else {
            // Parking may end for no reason, or for a reason that is not ours.
            while !self.is_notified() {
                thread::park();
            }
            return true;
        };
        let left = until.saturating_duration_since(Instant::now());
        let tail = if left >= WORTH_A_TAIL {
            TAIL
        } else {
            Duration::ZERO
        };
        while !self.is_notified() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            match left.checked_sub(tail) {
                Some(sleep) if !sleep.is_zero() => thread::park_timeout(sleep),
                _ => hint::spin_loop(),
            }
        }
        true
    }

    fn is_notified(&self) -> bool {
        self.notified.load(Ordering::Acquire)
    }

    /// Tells the host.
    pub(crate) fn notify_host(&self) {
        let Some(on_wake) = &self.on_wake else { return };
        // Whoever rings is in the middle of a wakeup and must not see the host's panic.
        if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(on_wake)) {
            drop_quietly(panic);
            print(format_args!("the `on_wake` hook panicked"));
        }
    }
}

impl Drop for Parker {
    fn drop(&mut self) {
        // The hook's destructor is the host's code, and this may be the thread of the last waker.
        drop_quietly(self.on_wake.take());
    }
}

impl Unpark for Parker {
    fn unpark(&self) {
        if self.has_host() && !self.inside.load(Ordering::SeqCst) {
            self.notify_host();
        } else if let Some(sleeper) = self.sleeper.get() {
            self.notified.store(true, Ordering::Release);
            sleeper.unpark();
        }
    }
}

impl EventLoop {
    /// Runs `f` inside of the loop.
    ///
    /// # Panics
    ///
    /// Inside of a running loop.
    #[track_caller]
    pub(super) fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        context::enter(&self.core, || {
            let _leave_at_the_end = Inside::new(&self.core);
            f()
        })
    }
}

/// Lasts as long as the loop's thread is inside of the loop, whichever way it leaves.
struct Inside<'a>(&'a Core);

impl<'a> Inside<'a> {
    fn new(core: &'a Core) -> Self {
        if core.parker.has_host() {
            core.parker.set_inside(true);
            core.tasks.wake_up();
        }
        Self(core)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl Core {
    /// From now on what arrives is told to the host, if there is one: to its eyes the loop is asleep.
    pub(super) fn leave(&self) {
        if !self.parker.has_host() {
            return;
        }
        self.parker.set_inside(false);
        if !self.tasks.fall_asleep() {
            // It arrived after the last look.
            self.parker.notify_host();
        }
    }
}
