//! Panics of user code: they end one task, or are one report, and everything else goes on.

mod callbacks;
mod tasks;
mod values;
mod wakers;
mod ways_to_run;
