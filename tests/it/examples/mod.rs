//! The examples: each prints what it promises.

mod printed;
mod tour;
mod tutorials;

#[macro_use]
#[path = "../../../examples/programs/mod.rs"]
#[allow(dead_code, reason = "an example's own constants are not needed here")]
pub(crate) mod programs;

/// The examples that are no tutorial's. They stand here so that their `println!` is the stage's.
#[path = "../../../examples"]
#[allow(dead_code, reason = "their own main")]
mod life {
    pub(crate) mod chat_room;
    pub(crate) mod crawler;
    pub(crate) mod dining_philosophers;
    pub(crate) mod echo_server;
    pub(crate) mod pipeline;
    pub(crate) mod progress_bar;
    pub(crate) mod thermostat;
    pub(crate) mod worker_pool;
}
