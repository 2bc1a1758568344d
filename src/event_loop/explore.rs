//! Many runs of one program, each in another order: the search for bugs that the usual order hides.

use std::any::Any;
use std::cell::RefCell;
use std::env;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe, Location};
use std::rc::Rc;

use super::{Builder, EventLoop, context};
use crate::error::{JoinError, panic_message};

/// The environment variable that narrows every search down to one seed.
const ONE_SEED: &str = "LOOPLET_SEED";

/// A run of [`explore`] that has failed. Its `Display`, and its `Debug`, which `unwrap` prints, is the whole report.
pub struct OrderBug {
    seed: u64,
    /// How many runs before it went well.
    passed: u64,
    /// How it failed, in a sentence.
    what: String,
    payload: Option<Box<dyn Any + Send>>,
    at: &'static Location<'static>,
}

/// Runs a program in virtual time once per seed, the order inside of each round drawn from it (see
/// [`Builder::shuffle`]), until a run fails: its future panics, or is stuck (`deadlock:`), or a task panics and nobody
/// looks. Gives the number of runs if none does.
///
/// Each run is on a loop of its own and ends as [`run`](crate::run) does, with all other tasks cancelled. If the
/// environment variable `LOOPLET_SEED` is set, that seed is the only one; so a failure that was found is repeated
/// without a change to the program.
///
/// # Errors
///
/// [`OrderBug`], for the first seed that fails: the seed, what happened, and the line that repeats exactly that run.
///
/// # Panics
///
/// If an event loop is running on this thread, and if `LOOPLET_SEED` is no number.
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
        if let Err(Failed { what, payload }) = try_one(seed, at, &mut program) {
            return Err(OrderBug {
                seed,
                passed,
                what,
                payload,
                at,
            });
        }
        passed += 1;
    }
    Ok(passed)
}

struct Failed {
    what: String,
    payload: Option<Box<dyn Any + Send>>,
}

impl Failed {
    fn panicked(payload: Box<dyn Any + Send>) -> Self {
        Self {
            what: format!("the program panicked: {}", panic_message(&*payload)),
            payload: Some(payload),
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
        move |_: Option<&_>, error: &JoinError| {
            unseen.borrow_mut().get_or_insert_with(|| error.to_string());
        }
    };
    let builder = Builder::new().virtual_time().shuffle(seed);
    let event_loop = builder.on_unhandled_panic(note).build();
    let outcome = run_like_run(&event_loop, at, program);
    // What is dropped with the loop may panic unseen too.
    drop(event_loop);
    outcome?;
    match unseen.take() {
        None => Ok(()),
        Some(error) => Err(Failed {
            what: format!("nobody saw that {error}"),
            payload: None,
        }),
    }
}

#[track_caller]
fn run_like_run<F: Future>(
    event_loop: &EventLoop,
    at: &'static Location<'static>,
    program: &mut impl FnMut() -> F,
) -> Result<(), Failed> {
    let core = &event_loop.core;
    let outcome = context::enter(core, || {
        panic::catch_unwind(AssertUnwindSafe(|| {
            let outcome = core.run_main(at, program());
            core.cancel_all();
            outcome
        }))
    });
    match outcome.map_err(Failed::panicked)? {
        Ok(_output) => Ok(()),
        Err(error) if error.is_panic() => Err(Failed::panicked(error.into_panic())),
        Err(_) => Err(Failed {
            what: "the main task was cancelled".into(),
            payload: None,
        }),
    }
}

impl OrderBug {
    /// The seed of the run.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The panic of the run, to be resumed; a text, if it was none of the program's future.
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        self.payload.unwrap_or_else(|| Box::new(self.what))
    }
}

impl fmt::Display for OrderBug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            passed,
            what,
            at,
            ..
        } = self;
        writeln!(f, "seed {seed} fails, after {passed} that pass: {what}")?;
        writeln!(f, "explored at {at}")?;
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
