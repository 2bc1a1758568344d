//! All tests that can share a process, by subject: see `tests/README.md`.

#[path = "../support/mod.rs"]
mod support;

mod api;
mod event_loop;
mod examples;
mod future;
mod group;
mod interop;
mod observe;
mod panic;
mod queue;
mod random_programs;
mod remote;
mod soundness;
mod sync;
mod task;
mod time;

// Where their `println!` looks for the stage.
use examples::programs;
