//! Crates that know nothing of looplet, on its loop.

mod channels;
mod futures;
mod sockets;
mod streams;
mod tokio_sync;
