//! Running futures concurrently and collecting their outputs.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::children::{Children, Group, for_tuples};
use super::wait_many::Progress;
use crate::event_loop::context;
use crate::task::{Filter, JoinHandle, Plain};

/// Groups of futures that [`gather`] takes: `Vec`, arrays, and tuples of up to twelve futures of any types.
pub trait Gather {
    /// The handles of the group's tasks.
    type Children: Children;

    #[doc(hidden)]
    fn spawn(self, at: &'static Location<'static>) -> Self::Children;
}

fn spawn<F: Future + 'static>(at: &'static Location<'static>, future: F) -> JoinHandle<F::Output> {
    context::vacant::<Plain<F>>(at).spawn(future)
}

impl<F: Future + 'static> Gather for Vec<F> {
    type Children = Vec<JoinHandle<F::Output>>;

    fn spawn(self, at: &'static Location<'static>) -> Self::Children {
        self.into_iter().map(|future| spawn(at, future)).collect()
    }
}

impl<F: Future + 'static, const N: usize> Gather for [F; N] {
    type Children = [JoinHandle<F::Output>; N];

    fn spawn(self, at: &'static Location<'static>) -> Self::Children {
        self.map(|future| spawn(at, future))
    }
}

macro_rules! gather_tuples {
    ($(($($T:ident $index:tt),+) $len:literal;)+) => {$(
        impl<$($T: Future + 'static),+> Gather for ($($T,)+) {
            type Children = ($(JoinHandle<$T::Output>,)+);

            fn spawn(self, at: &'static Location<'static>) -> Self::Children {
                ($(spawn(at, self.$index),)+)
            }
        }
    )+};
}

for_tuples!(gather_tuples);

/// Runs futures concurrently, each as a task of its own, and returns their outputs in the order of the arguments.
///
/// This call spawns the tasks, in order. A child's panic resumes in the awaiting task, at once, and its siblings run
/// on; a child that is cancelled from outside cancels the awaiting task. To get both as values, use
/// [`return_exceptions`](Gathered::return_exceptions). An empty group finishes at once.
///
/// **Dropping** it unfinished drops the children's futures, in order, before it returns; a child that is on the stack
/// at that moment is only requested to cancel. A [`JoinHandle`] among the arguments counts as awaited from its first
/// poll here, so its task is cancelled with the group.
///
/// # Panics
///
/// If no event loop is running on this thread.
///
/// # Examples
///
/// ```
/// looplet::run(async {
///     let (a, b) = looplet::gather((async { 1 }, async { "one" })).await;
///     assert_eq!((a, b), (1, "one"));
///
///     let squares = looplet::gather((1..=3).map(|n| async move { n * n }).collect::<Vec<_>>()).await;
///     assert_eq!(squares, [1, 4, 9]);
/// });
/// ```
#[doc(alias = "asyncio.gather")]
#[track_caller]
pub fn gather<G: Gather>(group: G) -> Gathered<G::Children> {
    let at = Location::caller();
    let core = context::current();
    Gathered(Group::new(core, group.spawn(at)))
}

/// The outputs of a group; made by [`gather`].
///
/// Dropping it unfinished drops the children's futures, in order, before it returns. Polling it after it has finished
/// panics.
#[must_use = "futures do nothing unless awaited"]
pub struct Gathered<C: Children>(Group<C>);

impl<C: Children> Gathered<C> {
    /// Waits for all children, and returns panics and cancellations as values among the outputs.
    ///
    /// # Examples
    ///
    /// ```
    /// looplet::run(async {
    ///     let results = looplet::gather([1, 0].map(|n| async move { 1 / n })).return_exceptions().await;
    ///     assert_eq!(*results[0].as_ref().unwrap(), 1);
    ///     assert!(results[1].as_ref().unwrap_err().is_panic());
    /// });
    /// ```
    pub fn return_exceptions(self) -> Settled<C> {
        Settled(self.0.restarted())
    }
}

impl<C: Children> Unpin for Gathered<C> {}

impl<C: Children> Future for Gathered<C> {
    type Output = C::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Output> {
        match self.0.poll(Filter::Irregular, cx) {
            Progress::AllEnded => return Poll::Ready(self.0.finish().collect()),
            Progress::Found(task) => self.0.propagate(&task),
            Progress::Waiting => {}
        }
        Poll::Pending
    }
}

/// The outcomes of a group; made by [`Gathered::return_exceptions`]. Dropping it, or polling it after it has finished,
/// has the same effect as for a [`Gathered`].
#[must_use = "futures do nothing unless awaited"]
pub struct Settled<C: Children>(Group<C>);

impl<C: Children> Unpin for Settled<C> {}

impl<C: Children> Future for Settled<C> {
    type Output = C::Settled;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Settled> {
        match self.0.poll(Filter::Nothing, cx) {
            Progress::AllEnded => Poll::Ready(self.0.finish().settle()),
            Progress::Waiting | Progress::Found(_) => Poll::Pending,
        }
    }
}

impl<C: Children> fmt::Debug for Gathered<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gathered").finish_non_exhaustive()
    }
}

impl<C: Children> fmt::Debug for Settled<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settled").finish_non_exhaustive()
    }
}
