//! The loop: rounds, calls, the ways to run it, and its end.

mod calls;
mod crowds;
mod drop_order;
mod end;
mod long_ends;
mod rounds;
mod run;
mod surface;
