//! Sleeps, timeouts, intervals, and clocks that jump.

mod clock_jumps;
mod overdue;
mod slack;
mod sleep;
mod timeout;
mod virtual_time;
