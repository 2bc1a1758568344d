//! Introspection: observers, dumps of the tasks and their waits, metrics, timelines, and the search for order bugs.

mod dump;
mod dump_text;
mod explore;
mod metrics;
mod observer;
mod poll_times;
mod remote_dump;
#[cfg(feature = "timeline")]
pub mod timeline;

pub use dump::{Dump, TaskDump, dump};
pub use explore::{OrderBug, explore};
pub use metrics::Metrics;
pub use observer::Observer;
pub use poll_times::PollTimes;

pub use crate::task::{TaskEvent, TaskState, WokenBy};
pub use crate::waiting::WaitsOn;
