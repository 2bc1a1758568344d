//! Random programs on a loop in virtual time: tasks that sleep, share queues and locks, wait for each other in all ways
//! there are, fail, and are cancelled at any point. Whatever they do, the counts come out even: nothing is lost, nothing
//! is doubled, no waiter is forgotten or overtaken, and every task ends.
//!
//! All but `strategy` is also what the fuzz target `programs` plays.

mod counts;
mod perform;
mod play;
mod program;
mod strategy;
mod world;

use proptest::prelude::*;

use crate::support::hook;
use play::{play_and_drop, play_to_the_end};
use strategy::programs;

proptest! {
    #[test]
    fn the_counts_of_a_random_program_come_out_even(programs in programs(), seed in any::<Option<u64>>()) {
        play_to_the_end(programs, seed);
    }

    #[test]
    fn the_counts_come_out_even_also_if_the_loop_is_dropped(
        programs in programs(),
        seed in any::<Option<u64>>(),
        millis in 0..40u64,
    ) {
        play_and_drop(programs, seed, millis);
    }
}
