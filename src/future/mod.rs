//! Futures over several tasks.

mod children;
mod gather;
mod try_gather;
mod wait;
mod yield_now;

pub use gather::{Gather, Gathered, Settled, gather};
pub use try_gather::{TryGather, TryGathered, try_gather};
pub use wait::{Wait, Waited, wait};
pub use yield_now::{YieldNow, yield_now};
