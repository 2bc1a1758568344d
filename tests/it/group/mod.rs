//! Task groups.

mod dropped_outside;
mod end;
mod failures;
mod model;
mod spawn;
