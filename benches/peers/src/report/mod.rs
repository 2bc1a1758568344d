//! The results, as they are kept in `results.json`.

pub mod environment;
pub mod files;
pub mod summary;
pub mod svg;
pub mod table;

use serde::{Deserialize, Serialize};

use crate::contestants::Role;
use crate::rows::{Limit, Unit};
use environment::Environment;

/// Everything that was measured on one machine.
#[derive(Serialize, Deserialize, Default)]
pub struct Results {
    pub environment: Environment,
    pub times: Vec<RowReport>,
    pub instructions: Vec<RowReport>,
    pub sizes: Vec<SizeReport>,
}

/// One row: everyone's figures, and how looplet stands.
#[derive(Serialize, Deserialize)]
pub struct RowReport {
    pub row: String,
    pub what: String,
    pub unit: Unit,
    pub limit: Limit,
    pub figures: Vec<Figure>,
    pub left_out: Vec<LeftOut>,
    /// The fastest peer by its median.
    pub fastest: Option<String>,
    /// looplet's median by that peer's.
    pub ratio: Option<f64>,
    /// The same of the minima, where noise counts less.
    pub ratio_of_minima: Option<f64>,
    /// looplet's median by that of the fastest peer that did not run on looplet's executor; of channels only.
    pub ratio_elsewhere: Option<f64>,
    /// Whether looplet's median keeps the limit.
    pub met: Option<bool>,
}

/// One contestant's figures in a row.
#[derive(Serialize, Deserialize, Clone)]
pub struct Figure {
    pub label: String,
    pub on: Option<String>,
    pub role: Role,
    pub median: f64,
    pub minimum: f64,
    pub samples: Vec<f64>,
}

/// A contestant without figures.
#[derive(Serialize, Deserialize)]
pub struct LeftOut {
    pub label: String,
    pub reason: String,
}

/// One row at three sizes: the cost per operation of each executor.
#[derive(Serialize, Deserialize)]
pub struct SizeReport {
    pub row: String,
    pub costs: Vec<(String, [Option<f64>; 3])>,
}

impl Figure {
    /// Sums up the samples, of which there is at least one.
    pub fn new(label: &str, on: Option<&str>, role: Role, mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let (median, minimum) = (samples[samples.len() / 2], samples[0]);
        Self {
            label: label.to_owned(),
            on: on.map(str::to_owned),
            role,
            median,
            minimum,
            samples,
        }
    }

    /// The contestant's name, with the executor under a channel.
    pub fn name(&self) -> String {
        match &self.on {
            Some(on) => format!("{} on {on}", self.label),
            None => self.label.clone(),
        }
    }
}

impl LeftOut {
    /// A contestant, and in a sentence why it is not in the row.
    pub fn new(label: &str, on: Option<&str>, reason: String) -> Self {
        let on = on.map_or_else(String::new, |on| format!(" on {on}"));
        Self {
            label: format!("{label}{on}"),
            reason,
        }
    }
}

impl RowReport {
    /// A row's report, with looplet held against the fastest peer.
    pub fn new(
        row: &str,
        what: &str,
        unit: Unit,
        limit: Limit,
        figures: Vec<Figure>,
        left_out: Vec<LeftOut>,
    ) -> Self {
        let subject = figures.iter().find(|figure| figure.role == Role::Subject);
        let fastest = least(&figures, |figure| figure.median);
        let ratio = subject
            .zip(fastest)
            .map(|(own, peer)| own.median / peer.median);
        let elsewhere = |figure: &&Figure| figure.on.as_deref().is_some_and(|on| on != "looplet");
        let elsewhere: Vec<Figure> = figures.iter().filter(elsewhere).cloned().collect();
        let ratio_elsewhere = subject
            .zip(least(&elsewhere, |figure| figure.median))
            .map(|(own, peer)| own.median / peer.median);
        let least_minimum = least(&figures, |figure| figure.minimum);
        let ratio_of_minima = subject
            .zip(least_minimum)
            .map(|(own, peer)| own.minimum / peer.minimum);
        let met = match limit {
            Limit::Ratio(most) => ratio.map(|ratio| ratio <= most),
            Limit::Absolute(most) => subject.map(|own| own.median <= most),
        };
        let fastest = fastest.map(Figure::name);
        let (row, what) = (row.to_owned(), what.to_owned());
        Self {
            row,
            what,
            unit,
            limit,
            figures,
            left_out,
            fastest,
            ratio,
            ratio_of_minima,
            ratio_elsewhere,
            met,
        }
    }

    /// One figure per label: of a channel that ran on two executors, the faster.
    pub fn best_per_label(&self) -> Vec<&Figure> {
        let mut best: Vec<&Figure> = Vec::new();
        for figure in &self.figures {
            match best.iter_mut().find(|other| other.label == figure.label) {
                Some(other) if figure.median < other.median => *other = figure,
                Some(_) => {}
                None => best.push(figure),
            }
        }
        best
    }
}

fn least(figures: &[Figure], key: impl Fn(&Figure) -> f64) -> Option<&Figure> {
    let peers = figures.iter().filter(|figure| figure.role == Role::Peer);
    peers.min_by(|a, b| key(a).total_cmp(&key(b)))
}

#[cfg(test)]
mod tests {
    use super::{Figure, RowReport};
    use crate::contestants::Role;
    use crate::rows::{Limit, Unit};

    fn report(limit: Limit) -> RowReport {
        let figures = vec![
            Figure::new("looplet", None, Role::Subject, vec![9.0, 10.0, 11.0]),
            Figure::new("slow", Some("a"), Role::Peer, vec![50.0]),
            Figure::new("slow", Some("b"), Role::Peer, vec![40.0]),
            Figure::new("floor", None, Role::Floor, vec![1.0]),
        ];
        RowReport::new("row", "what", Unit::Nanoseconds, limit, figures, Vec::new())
    }

    #[test]
    fn the_mark_is_the_fastest_peer_and_not_the_floor() {
        let report = report(Limit::Ratio(0.25));
        assert_eq!(report.fastest.as_deref(), Some("slow on b"));
        assert_eq!(report.ratio, Some(0.25));
        assert_eq!(report.ratio_of_minima, Some(9.0 / 40.0));
        assert_eq!(report.met, Some(true));
        assert_eq!(report.ratio_elsewhere, Some(0.25));
    }

    #[test]
    fn an_absolute_limit_needs_no_peer() {
        assert_eq!(report(Limit::Absolute(9.5)).met, Some(false));
    }

    #[test]
    fn a_channel_counts_where_it_is_faster() {
        let report = report(Limit::Ratio(0.2));
        let medians: Vec<f64> = report
            .best_per_label()
            .iter()
            .map(|figure| figure.median)
            .collect();
        assert_eq!(medians, [10.0, 40.0, 1.0]);
    }
}
