//! Parks the thread of the loop, and unparks it from other threads.
//!
//! An I/O poller would replace this module: the loop sleeps in `Parker::wait` only, and other threads end the sleep by
//! `Parker::unpark` only.

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

/// How long a wait spins on the clock before its deadline. The system ends a sleep about this much too late: fifty
/// microseconds of timer slack, and the time to wake up.
const SPIN: Duration = Duration::from_micros(60);

/// The hook of [`Builder::on_wake`](super::Builder::on_wake); called on the thread that notifies the loop.
pub(crate) type OnWake = dyn Fn() + Send + Sync;

pub(crate) struct Parker {
    /// The thread to unpark; set before the first sleep.
    sleeper: OnceLock<Thread>,
    notified: AtomicBool,
    on_wake: Option<Box<OnWake>>,
    /// Whether the owner thread is inside of the loop, and so sleeps here and not in the host.
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

    /// Whether a host does the waiting and is called by the hook.
    pub(crate) fn has_host(&self) -> bool {
        self.on_wake.is_some()
    }

    /// Records that the owner thread enters the loop, or leaves it to the host.
    ///
    /// A concurrent `unpark` may see either value. That is harmless: the loop looks when it is entered and when it is
    /// left, and a needless call of the hook makes the host find nothing.
    pub(crate) fn set_inside(&self, inside: bool) {
        self.inside.store(inside, Ordering::SeqCst);
    }

    /// Prepares a sleep; called before the loop announces that it falls asleep.
    pub(crate) fn prepare(&self) {
        self.sleeper.get_or_init(thread::current);
        // Clears a notification that arrived after the last sleep had ended.
        self.notified.store(false, Ordering::Relaxed);
    }

    /// Sleeps until `unpark` or the deadline, if there is one. Returns whether it was unparked.
    pub(crate) fn wait(&self, until: Option<Instant>, min_wait_to_spin: Duration) -> bool {
        let Some(until) = until else {
            // `park` may return spuriously, or for another user of the thread's token.
            while !self.is_notified() {
                thread::park();
            }
            return true;
        };
        let left = until.saturating_duration_since(Instant::now());
        let spin = if left >= min_wait_to_spin {
            SPIN
        } else {
            Duration::ZERO
        };
        while !self.is_notified() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            match left.checked_sub(spin) {
                Some(sleep) if !sleep.is_zero() => thread::park_timeout(sleep),
                _ => hint::spin_loop(),
            }
        }
        true
    }

    fn is_notified(&self) -> bool {
        self.notified.load(Ordering::Acquire)
    }

    /// Calls the host's hook.
    pub(crate) fn notify_host(&self) {
        let Some(on_wake) = &self.on_wake else { return };
        // The caller is inside of a wakeup, which the hook's panic must not unwind through.
        if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(on_wake)) {
            drop_quietly(panic);
            print(format_args!("the `on_wake` hook panicked"));
        }
    }
}

impl Drop for Parker {
    fn drop(&mut self) {
        // The hook's destructor is user code, and this may run on the thread that drops the last waker.
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
    /// Runs `f` with this loop as the running one.
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

/// Marks the owner thread as inside of the loop; leaves the loop when it is dropped, also on unwinding.
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
    /// Marks the loop as asleep, so that what arrives calls the host's hook, if there is one.
    pub(super) fn leave(&self) {
        if !self.parker.has_host() {
            return;
        }
        self.parker.set_inside(false);
        if !self.tasks.fall_asleep() {
            // Something arrived after the last look.
            self.parker.notify_host();
        }
    }
}
