//! `peers sizes`: what an operation costs when there are few tasks or timers, and when there are very many.

use super::child;
use super::progress::Progress;
use crate::cli::Options;
use crate::contestants;
use crate::report::{Figure, SizeReport};

/// Tasks or timers alive at once.
pub const SIZES: [usize; 3] = [100, 10_000, 1_000_000];

const ROWS: [&str; 3] = ["yield_many", "spawn_batch", "timers_hold_drop"];

/// A growth by a factor shows in few rounds.
const MOST_ROUNDS: usize = 3;

/// Measures the rows at all sizes.
pub fn measure(options: &Options) -> Vec<SizeReport> {
    let rounds = options.rounds.min(MOST_ROUNDS);
    let rows: Vec<&str> = ROWS
        .into_iter()
        .filter(|row| options.wants_row(row))
        .collect();
    let mut field = contestants::executors();
    field.retain(|contestant| options.wants_peer(contestant.id));
    let mut progress = Progress::new(rows.len() * SIZES.len() * field.len() * rounds);
    let mut reports = Vec::new();
    for row in rows {
        let figures = SIZES.map(|size| {
            let name = format!("{row} at {size}");
            let command =
                |contestant: &contestants::Contestant| child::own(contestant.id, row, size, "size");
            super::rounds::sample(&name, field.clone(), rounds, &mut progress, command).0
        });
        reports.push(summary(row, &figures));
    }
    progress.end();
    reports
}

fn summary(row: &str, figures: &[Vec<Figure>; 3]) -> SizeReport {
    let at = |size: &[Figure], label: &str| {
        size.iter()
            .find(|figure| figure.label == label)
            .map(|f| f.median)
    };
    let labels = figures[0].iter().map(|figure| figure.label.clone());
    let costs = labels.map(|label| {
        let cost = figures.each_ref().map(|size| at(size, &label));
        (label, cost)
    });
    SizeReport {
        row: row.to_owned(),
        costs: costs.collect(),
    }
}
