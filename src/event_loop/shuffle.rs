//! Runs in an order drawn from a seed, for those who look for bugs: what they need of a loop.

use std::future::Future;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe, Location};
use std::thread;

use super::{EventLoop, context};
use crate::task::JoinError;

/// Names the seed of a shuffled run that has failed.
pub(super) struct NameSeed(pub(super) u64);

impl Drop for NameSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Nobody may be reading; that is no reason to panic while a panic is under way.
            let _ = writeln!(
                io::stderr(),
                "looplet: the order of this run was drawn from the seed {}",
                self.0
            );
        }
    }
}

impl EventLoop {
    /// Runs a program as [`run`](crate::run) does, on a loop that is there already; every panic is in the result.
    #[track_caller]
    pub(crate) fn try_program<F: Future>(
        &self,
        at: &'static Location<'static>,
        program: impl FnOnce() -> F,
    ) -> thread::Result<Result<F::Output, JoinError>> {
        context::enter(&self.core, || {
            panic::catch_unwind(AssertUnwindSafe(|| {
                let outcome = self.core.run_main(at, program());
                self.core.cancel_all();
                outcome
            }))
        })
    }
}
