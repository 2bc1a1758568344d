//! What waits for several tasks, or lets one be waited for.

mod as_completed;
mod as_completed_model;
mod gather;
mod random_waits;
mod shield;
mod try_gather;
mod wait;
mod wait_many;
