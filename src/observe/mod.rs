//! How anybody looks at a loop: what its observer hears, what its tasks wait for, what it has done, and in which order
//! it may go wrong.

mod dump;
mod dump_text;
mod explore;
mod metrics;
mod observer;
mod poll_times;
mod remote_dump;
#[cfg(feature = "timeline")]
pub mod timeline;

pub use dump::{Dump, TaskDump, TaskState, dump};
pub use explore::{OrderBug, explore};
pub use metrics::Metrics;
pub use observer::{Observer, TaskEvent, WaitsOn, WokenBy};
pub use poll_times::PollTimes;
