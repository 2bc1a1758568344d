//! Interleaved rounds: A B C A B C, so that a noisy minute falls on all alike.

use std::process::Command;
use std::time::Duration;

use super::child;
use super::progress::Progress;
use crate::contestants::{self, Contestant};
use crate::report::{Figure, LeftOut};

/// A sample that takes longer than this is given up.
const SAMPLE_LIMIT: Duration = Duration::from_secs(60);

/// One contestant's samples of a row, or why there are none.
struct Series {
    contestant: Contestant,
    samples: Vec<f64>,
    failed: Option<String>,
}

/// Takes `rounds` samples of each contestant; `command` makes the command of one sample.
pub fn sample(
    name: &str,
    contestants: Vec<Contestant>,
    rounds: usize,
    progress: &mut Progress,
    command: impl Fn(&Contestant) -> Command,
) -> (Vec<Figure>, Vec<LeftOut>) {
    let mut all: Vec<Series> = contestants.into_iter().map(Series::new).collect();
    for round in 1..=rounds {
        for series in &mut all {
            progress.step(name, round, rounds, series.contestant.id);
            if series.failed.is_none() {
                series.take(command(&series.contestant), name);
            }
        }
    }
    sum_up(all)
}

impl Series {
    fn new(contestant: Contestant) -> Self {
        let failed = (!contestant.built).then(|| "this build does not have it".to_owned());
        Self {
            contestant,
            samples: Vec::new(),
            failed,
        }
    }

    fn take(&mut self, command: Command, row: &str) {
        match child::run(command, SAMPLE_LIMIT).and_then(|printed| child::value(&printed)) {
            Ok(value) => self.samples.push(value),
            Err(reason) => {
                let known = contestants::known_reason(self.contestant.id, row);
                self.failed = Some(known.map_or(reason, str::to_owned));
            }
        }
    }
}

fn sum_up(all: Vec<Series>) -> (Vec<Figure>, Vec<LeftOut>) {
    let (mut figures, mut left_out) = (Vec::new(), Vec::new());
    for series in all {
        let Contestant {
            label, on, role, ..
        } = series.contestant;
        match series.failed {
            Some(reason) => left_out.push(LeftOut::new(label, on, reason)),
            None => figures.push(Figure::new(label, on, role, series.samples)),
        }
    }
    (figures, left_out)
}
