//! Queues, locks and signals for tasks of one thread.
//!
//! Everything here works under any executor: it needs wakers, no loop, and allocates nothing in steady state.
//! Whoever has to wait stands in a line ([`waiters`]) and is served first come, first served; a waiter that was
//! let go and is then dropped passes its turn on. That rule is written there once; every primitive is a small
//! state machine on top of it.

pub(crate) mod queue;
mod waiters;

pub use crate::error::{BrokenBarrier, Closed, PutError, TryGetError, TryPutError};
pub use queue::{LifoQueue, PriorityQueue, Queue, RemoteQueue};
