//! The loop that runs on this thread.

use std::panic::Location;
use std::rc::Rc;

use super::core::Core;
use crate::task::{Scoped, Vacant, Work};

thread_local! {
    static CURRENT: Scoped<Rc<Core>> = const { Scoped::new() };
}

/// Makes a loop the current one while `f` runs, even inside of another loop: for tasks that are dropped while their
/// loop does not run.
pub(crate) fn as_current<R>(core: &Rc<Core>, f: impl FnOnce() -> R) -> R {
    CURRENT.with(|current| current.set(core, f))
}

/// # Panics
///
/// If a loop is running on this thread.
#[track_caller]
pub(super) fn refuse_nesting() {
    let nested = CURRENT.with(|current| current.with(|core| core.is_some()));
    assert!(
        !nested,
        "cannot run an event loop while another one is running on this thread"
    );
}

/// Runs a loop on this thread.
///
/// # Panics
///
/// If a loop is running on this thread already.
#[track_caller]
pub(crate) fn enter<R>(core: &Rc<Core>, f: impl FnOnce() -> R) -> R {
    refuse_nesting();
    as_current(core, || core.tasks.enter(f))
}

/// Calls `f` with the loop that runs on this thread, if there is one.
#[inline]
pub(crate) fn try_with<R>(f: impl FnOnce(&Rc<Core>) -> R) -> Option<R> {
    CURRENT.with(|current| current.with(|core| core.map(f)))
}

/// Calls `f` with the loop that runs on this thread.
///
/// # Panics
///
/// At the caller's line, if no loop is running on this thread.
#[inline]
#[track_caller]
pub(crate) fn with<R>(f: impl FnOnce(&Rc<Core>) -> R) -> R {
    match try_with(f) {
        Some(result) => result,
        None => no_running_loop(),
    }
}

/// The loop that runs on this thread.
#[inline]
#[track_caller]
pub(crate) fn current() -> Rc<Core> {
    with(Rc::clone)
}

/// Allocates a cell in the running loop for a future that is about to be spawned.
#[inline]
#[track_caller]
pub(crate) fn vacant<W: Work>(at: &'static Location<'static>) -> Vacant<W> {
    with(|core| core.tasks.vacant(at))
}

#[cold]
#[track_caller]
fn no_running_loop() -> ! {
    panic!("no running event loop")
}
