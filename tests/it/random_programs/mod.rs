//! Random programs of tasks that do all there is to do.

mod counted;
mod reference;
