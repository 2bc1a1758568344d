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
    /// All executors, and the bare poll loop as the floor.
    ExecutorsAndFloor,
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

use Field::{Channels, Executors, ExecutorsAndFloor, ThreadChannels};
use Limit::{Absolute, Ratio};

/// All rows, in the order of the table.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("yield", "one task wakes itself, per turn", ExecutorsAndFloor, 1_000_000, Ratio(0.20)),
    row("yield_many", "1,000 tasks wake themselves 1,000 times each, per turn", ExecutorsAndFloor, 1_000_000, Ratio(0.30)),
    row("spawn_join", "spawn one task and await it", ExecutorsAndFloor, 200_000, Ratio(0.45)),
    at_once(row("spawn_batch", "spawn 100,000 tasks, then await them all, per task", ExecutorsAndFloor, 100_000, Ratio(0.60))),
    row("spawn_detached", "spawn tasks that nobody joins, 1,000 at a time, per task", Executors, 1_000_000, Ratio(0.60)),
    row("gather", "gather 1,000 futures that yield once, per future", Executors, 1_000, Ratio(0.50)),
    row("ping_pong", "two tasks hand a value to and fro through one-slot cells, per hop", Executors, 500_000, Ratio(0.35)),
    row("chain_wake", "a token runs round a ring of 1,000 tasks, per wake", Executors, 500_000, Ratio(0.35)),
    row("queue_1x1_64", "one producer, one consumer, capacity 64, per item", Channels, 500_000, Ratio(0.50)),
    row("queue_1x1_1", "one producer, one consumer, capacity 1, per item", Channels, 200_000, Ratio(0.45)),
    row("queue_4x4_64", "four producers, four consumers, capacity 64, per item", Channels, 500_000, Ratio(0.25)),
    row("queue_4x4_1", "four producers, four consumers, capacity 1, per item", Channels, 200_000, Ratio(0.40)),
    row("queue_unbounded", "one producer, one consumer, no bound, bursts of 64, per item", Channels, 500_000, Ratio(1.0)),
    row("timers_create_drop", "create a sleep, poll it once, drop it", Executors, 200_000, Ratio(0.70)),
    at_once(row("timers_hold_drop", "arm 100,000 sleeps, then drop them, per sleep", Executors, 100_000, Ratio(0.40))),
    at_once(row("timers_fire", "100,000 tasks sleep 0 to 200 ms, processor time per task", Executors, 100_000, Ratio(0.50))),
    in_unit(Unit::Microseconds, row("sleep_lateness", "how late one sleep of 1 ms returns, median", Executors, 100, Ratio(1.0))),
    in_unit(Unit::Microseconds, row("thread_round_trip", "ask another thread for a wake and be woken", Executors, 20_000, Ratio(1.0))),
    row("thread_items", "another thread sends into an unbounded queue, per item", ThreadChannels, 500_000, Ratio(1.0)),
    in_unit(Unit::Bytes, row("task_memory", "bytes per waiting task with a 32-byte future", Executors, 1, Absolute(128.0))),
    in_unit(Unit::Bytes, row("sleep_memory", "bytes per pending sleep", Executors, 1, Absolute(96.0))),
    row("start_end", "start and end of an empty run", ExecutorsAndFloor, 100, Absolute(300.0)),
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
