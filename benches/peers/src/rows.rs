//! The rows of the comparison: one workload each, with its size, its unit and looplet's limit.

use serde::{Deserialize, Serialize};

/// What a row's figures count.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Nanoseconds per operation.
    Nanoseconds,
    /// Shown in microseconds, kept in nanoseconds.
    Microseconds,
    /// Bytes.
    Bytes,
    /// Instructions per operation, in user space.
    Instructions,
}

/// Who takes part in a row.
#[derive(Clone, Copy, PartialEq)]
pub enum Field {
    /// All executors.
    Executors,
    /// The executors that have tools, or whose users take those of other crates.
    Tools,
    /// The channels between tasks of one thread.
    Channels,
    /// The channels into which another thread sends.
    ThreadChannels,
}

/// What looplet may cost.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Limit {
    /// So many times the fastest peer of the same run.
    Ratio(f64),
    /// So many of the row's unit.
    Absolute(f64),
}

/// One row.
pub struct Row {
    /// Its name on the command line and of its picture.
    pub id: &'static str,
    /// What one operation is, in a line.
    pub what: &'static str,
    pub unit: Unit,
    pub field: Field,
    /// Operations in one repetition of the workload.
    pub n: usize,
    /// Whether all of them are alive at once.
    pub at_once: bool,
    pub limit: Limit,
}

const fn row(id: &'static str, what: &'static str, field: Field, n: usize, limit: Limit) -> Row {
    Row {
        id,
        what,
        unit: Unit::Nanoseconds,
        field,
        n,
        at_once: false,
        limit,
    }
}

const fn in_unit(unit: Unit, row: Row) -> Row {
    Row { unit, ..row }
}

const fn at_once(row: Row) -> Row {
    Row {
        at_once: true,
        ..row
    }
}

use Field::{Channels, Executors, ThreadChannels, Tools};
use Limit::{Absolute, Ratio};

/// All rows, in the order of the table.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("yield", "one task wakes itself, per turn", Executors, 1_000_000, Ratio(0.15)),
    row("yield_many", "1,000 tasks wake themselves 1,000 times each, per turn", Executors, 1_000_000, Ratio(0.20)),
    row("yield_10k", "10,000 tasks wake themselves in the order of their spawning, per turn", Executors, 1_000_000, Ratio(0.20)),
    row("yield_10k_shuffled", "the same in a random order", Executors, 1_000_000, Ratio(0.22)),
    row("yield_100k", "100,000 tasks in the order of their spawning, per turn", Executors, 2_000_000, Ratio(0.30)),
    row("yield_100k_shuffled", "the same in a random order", Executors, 2_000_000, Ratio(0.35)),
    row("yield_1m", "1,000,000 tasks in the order of their spawning, per turn", Executors, 5_000_000, Ratio(0.50)),
    row("yield_1m_shuffled", "the same in a random order", Executors, 5_000_000, Ratio(0.55)),
    row("spawn_join", "spawn one task and await it", Executors, 200_000, Ratio(0.42)),
    at_once(row("spawn_batch", "spawn 100,000 tasks, then await them all, per task", Executors, 100_000, Ratio(0.30))),
    at_once(row("spawn_batch_cold", "the same once, in memory that the process has never touched", Executors, 100_000, Ratio(0.57))),
    row("spawn_detached", "spawn tasks that nobody joins, 1,000 at a time, per task", Executors, 1_000_000, Ratio(0.38)),
    row("gather", "gather 1,000 futures that yield once, per future", Executors, 1_000, Ratio(0.26)),
    row("ping_pong", "two tasks hand a value to and fro through one-slot cells, per hop", Executors, 500_000, Ratio(0.19)),
    row("chain_wake", "a token runs round a ring of 1,000 tasks, per wake", Executors, 500_000, Ratio(0.21)),
    row("gather_two", "gather two futures that yield once", Tools, 200_000, Ratio(0.50)),
    row("group_100", "a group of 100 tasks that yield once, per task", Tools, 100, Ratio(0.50)),
    row("as_completed_1000", "the results of 1,000 tasks as they end, per task", Tools, 1_000, Ratio(0.25)),
    row("cancel_1000", "cancel 1,000 tasks that wait, per task", Tools, 1_000, Ratio(0.45)),
    row("timeout_ready", "a timeout around a future that is ready", Tools, 200_000, Ratio(0.60)),
    row("timeout_yield", "a timeout around a future that yields once", Tools, 200_000, Ratio(0.35)),
    row("mutex_free", "lock and unlock a mutex that is free", Tools, 500_000, Ratio(0.15)),
    row("mutex_fought", "four tasks lock a mutex and yield while they hold it, per lock", Tools, 200_000, Ratio(0.25)),
    row("event_1000", "an event wakes 1,000 tasks, per task", Tools, 1_000, Ratio(0.20)),
    row("oneshot", "spawn a task and get its answer through a oneshot", Tools, 200_000, Ratio(0.20)),
    row("semaphore_limit", "1,000 tasks yield once each, ten at a time, per task", Tools, 1_000, Ratio(0.50)),
    row("queue_1x1_64", "one producer, one consumer, capacity 64, per item", Channels, 500_000, Ratio(0.70)),
    row("queue_1x1_1", "one producer, one consumer, capacity 1, per item", Channels, 200_000, Ratio(1.0)),
    row("queue_4x4_64", "four producers, four consumers, capacity 64, per item", Channels, 500_000, Ratio(0.25)),
    row("queue_4x4_1", "four producers, four consumers, capacity 1, per item", Channels, 200_000, Ratio(0.39)),
    row("queue_unbounded", "one producer, one consumer, no bound, bursts of 64, per item", Channels, 500_000, Ratio(1.05)),
    row("timers_create_drop", "create a sleep, poll it once, drop it", Executors, 200_000, Ratio(0.65)),
    at_once(row("timers_hold_drop", "arm 100,000 sleeps, then drop them, per sleep", Executors, 100_000, Ratio(0.35))),
    at_once(row("timers_fire", "100,000 tasks sleep 0 to 200 ms, processor time per task", Executors, 100_000, Ratio(0.45))),
    in_unit(Unit::Microseconds, row("sleep_lateness", "how late one sleep of 1 ms returns, median", Executors, 100, Ratio(1.0))),
    in_unit(Unit::Microseconds, row("interval_processor", "one interval of 10 ms, processor time in a second", Executors, 1, Ratio(1.0))),
    in_unit(Unit::Microseconds, row("interval_late", "its lateness, median", Executors, 1, Absolute(150_000.0))),
    in_unit(Unit::Microseconds, row("interval_late_p99", "its lateness, 99th percentile", Executors, 1, Absolute(1_000_000.0))),
    in_unit(Unit::Microseconds, row("intervals_100_processor", "100 intervals of 1 to 20 ms, processor time in a second", Executors, 100, Ratio(2.5))),
    in_unit(Unit::Microseconds, row("intervals_100_late", "their lateness, median", Executors, 100, Absolute(150_000.0))),
    in_unit(Unit::Microseconds, row("intervals_100_late_p99", "their lateness, 99th percentile", Executors, 100, Absolute(1_000_000.0))),
    in_unit(Unit::Microseconds, row("intervals_1000_processor", "1,000 intervals of 1 to 20 ms, processor time in a second", Executors, 1_000, Ratio(1.5))),
    in_unit(Unit::Microseconds, row("intervals_1000_late", "their lateness, median", Executors, 1_000, Absolute(150_000.0))),
    in_unit(Unit::Microseconds, row("intervals_1000_late_p99", "their lateness, 99th percentile", Executors, 1_000, Absolute(1_000_000.0))),
    in_unit(Unit::Microseconds, row("thread_round_trip", "ask another thread for a wake and be woken", Executors, 20_000, Ratio(0.97))),
    row("thread_items", "another thread sends into an unbounded queue, per item", ThreadChannels, 500_000, Ratio(0.60)),
    in_unit(Unit::Bytes, row("task_memory", "bytes per waiting task with a 32-byte future", Executors, 1, Absolute(104.0))),
    in_unit(Unit::Bytes, row("sleep_memory", "bytes per pending sleep", Executors, 1, Absolute(66.0))),
    row("start_end", "start and end of an empty run", Executors, 100, Absolute(180.0)),
];

/// The row of this name.
pub fn find(id: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.id == id)
}

#[cfg(test)]
mod tests {
    use super::ROWS;

    #[test]
    fn names_of_rows_are_unique() {
        for (i, row) in ROWS.iter().enumerate() {
            assert!(
                ROWS[..i].iter().all(|other| other.id != row.id),
                "{} is there twice",
                row.id
            );
        }
    }
}
