//! Other threads, and signals.

mod blocking;
mod end;
mod flood;
mod handle;
mod host;
#[cfg(all(unix, feature = "signal"))]
mod interrupt;
mod refused_threads;
mod wake;
