//! Running futures concurrently until the first error.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::children::{Children, Group, for_tuples, value};
use super::wait_many::Progress;
use crate::event_loop::context;
use crate::task::{Attempt, Filter, JoinHandle, Outcome};

/// Groups of futures that [`try_gather`] takes: as for [`Gather`](crate::Gather), with outputs `Result<T, E>` of one
/// `E`.
pub trait TryGather {
    /// The handles of the group's tasks.
    type Children: TryChildren;

    #[doc(hidden)]
    fn spawn(self, at: &'static Location<'static>) -> Self::Children;
}

/// Handles whose outputs are results.
pub trait TryChildren: Children {
    /// The values, if there is no error.
    type Values;
    /// The error type.
    type Error;

    #[doc(hidden)]
    fn collect_values(&mut self) -> Self::Values;
    #[doc(hidden)]
    fn take_error(&mut self, index: usize) -> Self::Error;
}

fn spawn<T, E, F>(at: &'static Location<'static>, future: F) -> JoinHandle<Result<T, E>>
where
    F: Future<Output = Result<T, E>> + 'static,
{
    context::vacant::<Attempt<F>>(at).spawn(future)
}

/// The `Ok` value of a child that has one.
fn ok<T, E>(handle: &mut JoinHandle<Result<T, E>>) -> T {
    value(handle)
        .unwrap_or_else(|_| unreachable!("an error ends the group before its values are taken"))
}

fn error<T, E>(handle: &mut JoinHandle<Result<T, E>>) -> E {
    value(handle)
        .err()
        .expect("a child with a value that ended irregularly has failed")
}

impl<T, E, F: Future<Output = Result<T, E>> + 'static> TryGather for Vec<F> {
    type Children = Vec<JoinHandle<Result<T, E>>>;

    fn spawn(self, at: &'static Location<'static>) -> Self::Children {
        self.into_iter().map(|future| spawn(at, future)).collect()
    }
}

impl<T, E> TryChildren for Vec<JoinHandle<Result<T, E>>> {
    type Values = Vec<T>;
    type Error = E;

    fn collect_values(&mut self) -> Vec<T> {
        self.iter_mut().map(ok).collect()
    }

    fn take_error(&mut self, index: usize) -> E {
        error(&mut self[index])
    }
}

impl<T, E, F: Future<Output = Result<T, E>> + 'static, const N: usize> TryGather for [F; N] {
    type Children = [JoinHandle<Result<T, E>>; N];

    fn spawn(self, at: &'static Location<'static>) -> Self::Children {
        self.map(|future| spawn(at, future))
    }
}

impl<T, E, const N: usize> TryChildren for [JoinHandle<Result<T, E>>; N] {
    type Values = [T; N];
    type Error = E;

    fn collect_values(&mut self) -> [T; N] {
        self.each_mut().map(ok)
    }

    fn take_error(&mut self, index: usize) -> E {
        error(&mut self[index])
    }
}

macro_rules! try_gather_tuples {
    ($(($($T:ident $index:tt),+) $len:literal;)+) => {$(
        impl<Error, $($T),+> TryChildren for ($(JoinHandle<Result<$T, Error>>,)+) {
            type Values = ($($T,)+);
            type Error = Error;

            fn collect_values(&mut self) -> Self::Values {
                ($(ok(&mut self.$index),)+)
            }

            fn take_error(&mut self, index: usize) -> Error {
                match index {
                    $($index => error(&mut self.$index),)+
                    _ => unreachable!("a tuple of {} has no task {index}", $len),
                }
            }
        }
    )+};
}

for_tuples!(try_gather_tuples);

/// A future of a result, with the types of both cases: the macro for tuples is generic over the future alone.
pub trait TryFuture: Future<Output = Result<Self::Value, Self::Error>> + 'static {
    /// The type of `Ok`.
    type Value;
    /// The type of `Err`.
    type Error;
}

impl<T, E, F: Future<Output = Result<T, E>> + 'static> TryFuture for F {
    type Value = T;
    type Error = E;
}

macro_rules! try_gather_futures {
    ($(($($T:ident $index:tt),+) $len:literal;)+) => {$(
        impl<Error, $($T: TryFuture<Error = Error>),+> TryGather for ($($T,)+) {
            type Children = ($(JoinHandle<Result<$T::Value, Error>>,)+);

            fn spawn(self, at: &'static Location<'static>) -> Self::Children {
                ($(spawn(at, self.$index),)+)
            }
        }
    )+};
}

for_tuples!(try_gather_futures);

/// Runs futures of results concurrently, each as a task of its own, and returns their values in the order of the
/// arguments, or the first error.
///
/// The first `Err` is returned at once; the siblings run on. Otherwise it is like [`gather`](crate::gather).
///
/// # Errors
///
/// The first error in time.
///
/// # Panics
///
/// If no event loop is running on this thread.
///
/// # Examples
///
/// ```
/// looplet::run(async {
///     let sum = looplet::try_gather(["1", "2", "x"].map(|text| async move { text.parse::<u32>() })).await;
///     assert!(sum.is_err());
/// });
/// ```
#[doc(alias = "asyncio.gather")]
#[track_caller]
pub fn try_gather<G: TryGather>(group: G) -> TryGathered<G::Children> {
    let at = Location::caller();
    let core = context::current();
    TryGathered(Group::new(core, group.spawn(at)))
}

/// The values of a group, or its first error; made by [`try_gather`].
///
/// Dropping it unfinished drops the children's futures, in order, before it returns. Polling it after it has finished
/// panics.
#[must_use = "futures do nothing unless awaited"]
pub struct TryGathered<C: TryChildren>(Group<C>);

impl<C: TryChildren> Unpin for TryGathered<C> {}

impl<C: TryChildren> Future for TryGathered<C> {
    type Output = Result<C::Values, C::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.0.poll(Filter::Irregular, cx) {
            Progress::AllEnded => return Poll::Ready(Ok(self.0.finish().collect_values())),
            Progress::Found(task) if task.outcome() == Some(Outcome::Value) => {
                let index = self.0.position(&task);
                return Poll::Ready(Err(self.0.finish().take_error(index)));
            }
            Progress::Found(task) => self.0.propagate(&task),
            Progress::Waiting => {}
        }
        Poll::Pending
    }
}

impl<C: TryChildren> fmt::Debug for TryGathered<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryGathered").finish_non_exhaustive()
    }
}
