//! `peers run`: the times of all rows.

use super::progress::Progress;
use super::{child, rounds};
use crate::cli::Options;
use crate::contestants::{self, Contestant, Role};
use crate::report::RowReport;
use crate::rows::{ROWS, Row};

/// Measures the rows that the call wants.
pub fn measure(options: &Options) -> Vec<RowReport> {
    let rows: Vec<&Row> = ROWS
        .iter()
        .filter(|row| options.wants_row(row.id))
        .collect();
    let samples = rows
        .iter()
        .map(|row| field(row, options).len() * options.rounds)
        .sum();
    let mut progress = Progress::new(samples);
    let reports = rows
        .iter()
        .map(|row| measure_row(row, options, &mut progress))
        .collect();
    progress.end();
    reports
}

fn field(row: &Row, options: &Options) -> Vec<Contestant> {
    let all = contestants::of(row);
    all.into_iter()
        .filter(|contestant| options.wants_peer(contestant.id))
        .collect()
}

fn measure_row(row: &Row, options: &Options, progress: &mut Progress) -> RowReport {
    let budget = options.budget;
    let (figures, left_out) = rounds::sample(
        row.id,
        field(row, options),
        options.rounds,
        progress,
        |contestant| match contestant.role {
            Role::Scale => child::python(contestant.id, row.id, budget),
            _ => child::own(
                contestant.id,
                row.id,
                contestant.size_for(row),
                &budget.to_string(),
            ),
        },
    );
    RowReport::new(row.id, row.what, row.unit, row.limit, figures, left_out)
}
