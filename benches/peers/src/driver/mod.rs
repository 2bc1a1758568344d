//! The driver: takes samples in fresh processes, round after round, and sums them up.

pub mod child;
pub mod instructions;
pub mod pin;
pub mod progress;
pub mod rounds;
pub mod sizes;
pub mod times;
