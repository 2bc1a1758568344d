//! Loads: many tasks, timers, wakeups, loops, and much time. The counts are exact, and in the end the memory in use is
//! what it was before.
//!
//! `cargo test` runs a thousandth of it. All of it, and the figures of `docs/reliability.md`:
//!
//! ```text
//! LOOPLET_LOAD=1000 cargo test --release --test load
//! ```
//!
//! A name after `--` chooses. The program has no test harness, whose threads would allocate meanwhile.

mod crowds;
mod gauge;
mod loops;
mod tasks;
mod time;
mod wakes;

use std::alloc::System;
use std::time::Instant;

use gauge::{Gauge, grouped};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A load of the given size, in thousandths; returns how much of what that was.
type Load = fn(u64, &Gauge) -> (u64, &'static str);

/// Those that need much memory come last, for the system does not get all of it back at once.
const LOADS: [(&str, Load); 10] = [
    ("tasks_through_one_loop", tasks::through_one_loop),
    ("tasks_from_another_thread", tasks::from_another_thread),
    ("wakes_in_a_flood", wakes::in_a_flood),
    ("wakes_one_by_one", wakes::one_by_one),
    ("loops_made_and_dropped", loops::made_and_dropped),
    ("a_day_of_ticks", time::a_day_of_ticks),
    ("twenty_years_of_sparse_timers", time::twenty_years),
    ("crowds_at_everything", crowds::at_everything),
    ("tasks_alive_at_once", tasks::alive_at_once),
    ("timers_armed_at_once", time::armed_at_once),
];

fn main() {
    let size = std::env::var("LOOPLET_LOAD").map_or(1, |size| size.parse().unwrap());
    let wanted: Vec<_> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    println!("| load | count | seconds | before, after | at most | idle | resident |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for (name, load) in LOADS {
        if wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str())) {
            carry(name, load, size);
        }
    }
}

fn carry(name: &str, load: Load, size: u64) {
    // What is made once in a process is made now.
    load(1, &Gauge::new());
    let gauge = Gauge::new();
    let begun = Instant::now();
    let (count, what) = load(size, &gauge);
    let seconds = begun.elapsed().as_secs_f64();
    gauge.assert_empty();
    let (count, columns) = (grouped(count), gauge.columns());
    println!("| {name} | {count} {what} | {seconds:.1} | {columns} |");
}
