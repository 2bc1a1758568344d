//! Futures that wait for several tasks.

mod as_completed;
mod children;
mod gather;
mod group;
mod shield;
mod try_gather;
mod wait;
mod wait_many;
mod yield_now;

pub use as_completed::{AsCompleted, as_completed};
pub use gather::{Gather, Gathered, Settled, gather};
pub use group::{TaskGroup, task_group};
pub use shield::{Shield, shield};
pub use try_gather::{TryGather, TryGathered, try_gather};
pub use wait::{Wait, Waited, wait};
pub use yield_now::{YieldNow, yield_now};
