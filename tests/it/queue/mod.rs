//! Queues, and their ends on other threads.

mod model;
mod order;
mod reentrant;
mod remote;
mod remote_counts;
mod remote_ends;
mod shutdown;
mod tasks;
mod wakeups;
