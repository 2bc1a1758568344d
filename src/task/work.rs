//! What a cell can run: a plain future, one whose error is not an ordinary value, one that may end without a value, a
//! plain call, and a source of events from other threads.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// What a cell runs. At the end of a loop they end in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Task,
    /// A plain call: it is no current task while it runs, and has no number and no handle.
    Call,
    /// A source of events: a future that takes in what other threads sent. It is polled in the loop's look, is no current
    /// task then, and has no number, no handle and no context. Its wakers always take the remote stack.
    Source,
}

impl Kind {
    /// How many kinds there are.
    pub(super) const COUNT: usize = Self::Source as usize + 1;
}

/// What a cell runs.
///
/// # Safety
///
/// `Self` is a transparent wrapper of `Inner`.
pub(crate) unsafe trait Work {
    const KIND: Kind;
    type Inner;
    type Output;

    /// Polls the future. `None`: finished without a value.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Output>>;

    /// Whether an output is an error, and so no ordinary value.
    fn is_error(_: &Self::Output) -> bool {
        false
    }
}

/// A plain future.
#[repr(transparent)]
pub(crate) struct Plain<F>(F);

// SAFETY: transparent.
unsafe impl<F: Future> Work for Plain<F> {
    const KIND: Kind = Kind::Task;
    type Inner = F;
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        // SAFETY: PINNED: a projection to the only field; `Plain` has no destructor and gives no other access to the
        // field.
        unsafe { self.map_unchecked_mut(|plain| &mut plain.0) }
            .poll(cx)
            .map(Some)
    }
}

/// A future whose `Err` is no ordinary value.
#[repr(transparent)]
pub(crate) struct Attempt<F>(F);

// SAFETY: transparent.
unsafe impl<T, E, F: Future<Output = Result<T, E>>> Work for Attempt<F> {
    const KIND: Kind = Kind::Task;
    type Inner = F;
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        // SAFETY: PINNED: as in `Plain`.
        unsafe { self.map_unchecked_mut(|attempt| &mut attempt.0) }
            .poll(cx)
            .map(Some)
    }

    fn is_error(output: &F::Output) -> bool {
        output.is_err()
    }
}

/// A future that may end without a value.
#[repr(transparent)]
pub(crate) struct Fallible<F>(F);

// SAFETY: transparent.
unsafe impl<T, F: Future<Output = Option<T>>> Work for Fallible<F> {
    const KIND: Kind = Kind::Task;
    type Inner = F;
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        // SAFETY: PINNED: as in `Plain`.
        unsafe { self.map_unchecked_mut(|fallible| &mut fallible.0) }.poll(cx)
    }
}

/// A plain call.
#[repr(transparent)]
pub(super) struct Once<F>(Option<F>);

// The closure is moved out before it is called and never pinned.
impl<F> Unpin for Once<F> {}

// SAFETY: transparent.
unsafe impl<F: FnOnce()> Work for Once<F> {
    const KIND: Kind = Kind::Call;
    type Inner = Option<F>;
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<()>> {
        if let Some(call) = self.0.take() {
            call();
        }
        Poll::Ready(Some(()))
    }
}

/// A source of events.
#[repr(transparent)]
pub(super) struct Source<F>(F);

// SAFETY: transparent.
unsafe impl<F: Future<Output = ()> + Unpin> Work for Source<F> {
    const KIND: Kind = Kind::Source;
    type Inner = F;
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        Pin::new(&mut self.0).poll(cx).map(Some)
    }
}
