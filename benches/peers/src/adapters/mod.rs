//! One file per executor.

#[cfg(feature = "async-executor")]
pub mod async_executor;
#[cfg(feature = "compio")]
pub mod compio;
#[cfg(all(feature = "glommio", target_os = "linux"))]
pub mod glommio;
#[cfg(all(feature = "kimojio", target_os = "linux"))]
pub mod kimojio;
#[cfg(feature = "futures-pool")]
pub mod local_pool;
#[cfg(feature = "looplet")]
pub mod looplet;
#[cfg(all(feature = "monoio", unix))]
pub mod monoio;
#[cfg(feature = "tokio")]
pub mod tokio_current_thread;
#[cfg(feature = "tokio")]
pub mod tokio_local_set;
#[cfg(feature = "looplet")]
mod tools_looplet;
#[cfg(all(feature = "monoio", feature = "async-executor", unix))]
mod tools_monoio;
#[cfg(feature = "async-executor")]
mod tools_smol;
#[cfg(feature = "tokio")]
mod tools_tokio;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A join handle of `Result<T, E>` as a future of `T`: a failed task ends the sample.
pub struct Unwrapped<H>(pub H);

impl<H, T, E> Future for Unwrapped<H>
where
    H: Future<Output = Result<T, E>> + Unpin,
    E: std::fmt::Debug,
{
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let result = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(result.expect("a task of the workload failed"))
    }
}
