//! How a loop is looked at, and searched for bugs.

mod causes;
mod dump;
mod dump_sizes;
mod explore;
mod observer;
mod poll_times;
mod slow_poll;
#[cfg(feature = "timeline")]
mod timeline;
mod waits;
mod waits_named;
