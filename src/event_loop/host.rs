//! Entering and leaving a loop: who hears of what arrives while the loop's thread is elsewhere.

use super::EventLoop;
use super::context;
use super::core::Core;

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
        if core.bell.has_host() {
            core.bell.set_inside(true);
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
        if !self.bell.has_host() {
            return;
        }
        self.bell.set_inside(false);
        if !self.tasks.fall_asleep() {
            // It arrived after the last look.
            self.bell.ring_host();
        }
    }
}
