//! `peers instructions`: instructions per operation in user space, counted with callgrind.
//!
//! Each workload runs at two sizes; the difference leaves out what starting and stopping costs.

use std::process::Command;
use std::time::Duration;

use super::child;
use super::progress::Progress;
use crate::cli::Options;
use crate::contestants::{self, Contestant};
use crate::report::{Figure, LeftOut, RowReport};
use crate::rows::{self, Limit, Row, Unit};

const ROWS: [&str; 6] = [
    "yield",
    "spawn_join",
    "spawn_batch",
    "ping_pong",
    "timers_create_drop",
    "timers_hold_drop",
];
const SMALL: usize = 4_000;
const LARGE: usize = 24_000;
/// callgrind is some fifty times slower than the processor.
const RUN_LIMIT: Duration = Duration::from_secs(120);
/// At most half of the best peer.
const LIMIT: Limit = Limit::Ratio(0.5);

/// Counts for the rows that the call wants; an error says why nothing can be counted.
pub fn measure(options: &Options) -> Result<Vec<RowReport>, String> {
    let mut probe = Command::new("valgrind");
    probe.arg("--version");
    child::run(probe, RUN_LIMIT)?;
    let rows: Vec<&Row> = ROWS
        .iter()
        .filter(|id| options.wants_row(id))
        .filter_map(|id| rows::find(id))
        .collect();
    let mut field = contestants::executors();
    field.retain(|contestant| options.wants_peer(contestant.id));
    let mut progress = Progress::new(rows.len() * field.len());
    let reports = rows
        .iter()
        .map(|row| count_row(row, &field, &mut progress))
        .collect();
    progress.end();
    Ok(reports)
}

fn count_row(row: &Row, field: &[Contestant], progress: &mut Progress) -> RowReport {
    let (mut figures, mut left_out) = (Vec::new(), Vec::new());
    for contestant in field {
        progress.step(row.id, 1, 1, contestant.id);
        match per_operation(contestant, row.id) {
            Ok(count) => figures.push(Figure::new(
                contestant.label,
                None,
                contestant.role,
                vec![count],
            )),
            Err(reason) => left_out.push(LeftOut::new(contestant.label, None, reason)),
        }
    }
    RowReport::new(
        row.id,
        row.what,
        Unit::Instructions,
        LIMIT,
        figures,
        left_out,
    )
}

fn per_operation(contestant: &Contestant, row: &str) -> Result<f64, String> {
    if !contestant.built {
        return Err("this build does not have it".to_owned());
    }
    let small = count(contestant.id, row, SMALL)?;
    let large = count(contestant.id, row, LARGE)?;
    Ok((large - small) / (LARGE - SMALL) as f64)
}

/// All instructions of one sample process.
fn count(contestant: &str, row: &str, n: usize) -> Result<f64, String> {
    let sample = child::own(contestant, row, n, "once");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.arg(sample.get_program()).args(sample.get_args());
    let printed = child::run(command, RUN_LIMIT)?;
    if !printed.success {
        return Err(child::reason(&printed));
    }
    let total = printed
        .err
        .lines()
        .find_map(|line| line.split_once("Collected :"));
    let number = total.and_then(|(_, count)| count.trim().parse().ok());
    number.ok_or_else(|| "callgrind printed no total".to_owned())
}
