//! Runs a program many times, each time in another order, to find bugs that the usual order hides.

use std::any::Any;
use std::cell::RefCell;
use std::env;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe, Location};
use std::rc::Rc;

#[cfg(feature = "timeline")]
use super::timeline::Timeline;
use crate::error::{JoinError, panic_message};
use crate::event_loop::{EventLoop, context};
use crate::task::unhandled;

/// The environment variable that restricts every search to one seed.
const ONE_SEED: &str = "LOOPLET_SEED";

/// How many events of a run are kept for its chart, and the width of the chart.
#[cfg(feature = "timeline")]
const EVENTS: usize = 2_000;
#[cfg(feature = "timeline")]
const COLUMNS: usize = 100;

/// A run of [`explore`] that has failed. Its `Display`, and its `Debug`, which `unwrap` prints, is the whole report.
///
/// # Examples
///
/// ```
/// let bug = looplet::explore(0..100, || async { panic!("no salt") }).unwrap_err();
/// assert_eq!(bug.seed(), 0);
/// assert!(bug.to_string().contains("LOOPLET_SEED=0"));
/// assert_eq!(*bug.into_panic().downcast::<&str>().unwrap(), "no salt");
/// ```
pub struct OrderBug {
    seed: u64,
    /// The number of runs before that passed.
    passed: u64,
    failed: Failed,
    at: &'static Location<'static>,
}

/// Runs a program in virtual time once per seed, which determines the order inside of each round (see
/// [`Builder::shuffle`](crate::Builder::shuffle)), until a run fails: its future panics, is cancelled or deadlocks
/// (`deadlock:`), or a task panics unhandled. Returns the number of runs if none fails.
///
/// Each run has its own loop and ends as [`run`](crate::run) does, with all other tasks cancelled. If the environment
/// variable `LOOPLET_SEED` is set, only that seed runs; this repeats a failure without a change to the program.
///
/// # Errors
///
/// [`OrderBug`], for the first seed that fails: the seed, the failure, with the feature `timeline` a chart of the run,
/// and how to repeat exactly that run.
///
/// # Panics
///
/// If an event loop is running on this thread, and if `LOOPLET_SEED` is not a number.
///
/// # Examples
///
/// ```
/// use std::{cell::Cell, rc::Rc};
/// use looplet::{explore, gather, yield_now};
///
/// let found = explore(0..100, || async {
///     let total = Rc::new(Cell::new(0));
///     let deposit = { let total = total.clone(); async move { total.set(total.get() + 100) } };
///     let fee = { let total = total.clone(); async move {
///         let before = total.get(); // right only if the deposit comes first, as it usually does
///         yield_now().await;
///         total.set(before - 1);
///     } };
///     gather((deposit, fee)).await;
///     assert_eq!(total.get(), 99);
/// });
/// assert!(found.unwrap_err().to_string().contains("left: -1"));
/// ```
#[track_caller]
pub fn explore<F: Future>(
    seeds: impl IntoIterator<Item = u64>,
    mut program: impl FnMut() -> F,
) -> Result<u64, OrderBug> {
    let at = Location::caller();
    let mut passed = 0;
    let only = env::var(ONE_SEED).ok().map(|seed| {
        let seed = seed.trim().parse::<u64>();
        seed.unwrap_or_else(|_| panic!("{ONE_SEED} is not a number"))
    });
    let seeds: &mut dyn Iterator<Item = u64> = match only {
        Some(_) => &mut only.into_iter(),
        None => &mut seeds.into_iter(),
    };
    for seed in seeds {
        if let Err(failed) = try_one(seed, at, &mut program) {
            return Err(OrderBug {
                seed,
                passed,
                failed,
                at,
            });
        }
        passed += 1;
    }
    Ok(passed)
}

/// The failure of a run.
struct Failed {
    what: String,
    payload: Option<Box<dyn Any + Send>>,
    /// The run as a chart; empty without the feature `timeline`.
    timeline: String,
}

impl Failed {
    fn because(what: String) -> Self {
        Self {
            what,
            payload: None,
            timeline: String::new(),
        }
    }

    fn panicked(payload: Box<dyn Any + Send>) -> Self {
        let what = format!("the program panicked: {}", panic_message(&*payload));
        Self {
            payload: Some(payload),
            ..Self::because(what)
        }
    }
}

#[track_caller]
fn try_one<F: Future>(
    seed: u64,
    at: &'static Location<'static>,
    program: &mut impl FnMut() -> F,
) -> Result<(), Failed> {
    let unseen = Rc::new(RefCell::new(None));
    let note = {
        let unseen = unseen.clone();
        move |task: Option<&_>, error: &JoinError| {
            unseen
                .borrow_mut()
                .get_or_insert_with(|| unhandled(task, error));
        }
    };
    let builder = EventLoop::builder().virtual_time().shuffle(seed);
    let builder = builder.on_unhandled_panic(note);
    #[cfg(feature = "timeline")]
    let (builder, timeline) = {
        let timeline = Timeline::with_limit(EVENTS);
        (builder.observer(timeline.clone()), timeline)
    };
    let event_loop = builder.build();
    let outcome = run_like_run(&event_loop, at, program);
    // A task that is dropped with the loop may panic, too.
    drop(event_loop);
    let unseen = unseen.take().map(Failed::because);
    let outcome = outcome.and(unseen.map_or(Ok(()), Err));
    #[cfg(feature = "timeline")]
    let outcome = outcome.map_err(|failed| Failed {
        timeline: timeline.text(COLUMNS),
        ..failed
    });
    outcome
}

#[track_caller]
fn run_like_run<F: Future>(
    event_loop: &EventLoop,
    at: &'static Location<'static>,
    program: &mut impl FnMut() -> F,
) -> Result<(), Failed> {
    let core = &event_loop.core;
    let run = || {
        let outcome = core.run_main(at, program());
        core.cancel_all();
        outcome
    };
    let outcome = context::enter(core, || panic::catch_unwind(AssertUnwindSafe(run)));
    match outcome.map_err(Failed::panicked)? {
        Ok(_output) => Ok(()),
        Err(error) if error.is_panic() => Err(Failed::panicked(error.into_panic())),
        Err(_) => Err(Failed::because("the main task was cancelled".into())),
    }
}

impl OrderBug {
    /// The seed of the run.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The panic of the run, for [`resume_unwind`](std::panic::resume_unwind); a description of the failure, if the
    /// program's future did not panic.
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        let Failed { what, payload, .. } = self.failed;
        payload.unwrap_or_else(|| Box::new(what))
    }
}

impl fmt::Display for OrderBug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            passed,
            failed,
            at,
        } = self;
        let Failed { what, timeline, .. } = failed;
        writeln!(f, "seed {seed} fails, after {passed} that pass: {what}")?;
        writeln!(f, "explored at {at}")?;
        f.write_str(timeline)?;
        write!(
            f,
            "repeat exactly this run: {ONE_SEED}={seed} in the environment, or explore([{seed}], ..)"
        )
    }
}

impl fmt::Debug for OrderBug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for OrderBug {}
