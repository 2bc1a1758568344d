//! How looplet stands: one line per row.

use std::fmt::Write;

use super::table::{number, unit_name};
use super::{Figure, RowReport};
use crate::contestants::Role;
use crate::rows::Limit;

const HEAD: &str = "\
| row | looplet | floor | fastest peer | ratio (of minima) | limit | met |
|---|--:|--:|--:|--:|--:|---|
";

/// looplet, the fastest peer, the ratio and the limit of each row.
pub fn table(reports: &[RowReport]) -> String {
    if reports.is_empty() {
        return String::new();
    }
    let mut text = HEAD.to_owned();
    for report in reports {
        let subject = |figure: &&Figure| figure.role == Role::Subject;
        let fastest = |figure: &&Figure| report.fastest == Some(figure.name());
        let _ = writeln!(
            text,
            "| `{}` ({}) | {} | {} | {} {} | {} | {} | {} |",
            report.row,
            unit_name(report.unit),
            cell(report, subject),
            floor(report),
            report.fastest.as_deref().unwrap_or_default(),
            cell(report, fastest),
            ratios(report),
            limit(report),
            verdict(report),
        );
    }
    text
}

/// A sentence with the ratios to channels that do not profit from looplet's executor.
pub fn elsewhere(text: &mut String, reports: &[&RowReport]) {
    let ratio = |report: &&RowReport| {
        let ratio = report.ratio_elsewhere?;
        Some(format!("`{}` {ratio:.2}", report.row))
    };
    let ratios: Vec<String> = reports.iter().filter_map(ratio).collect();
    if !ratios.is_empty() {
        let ratios = ratios.join(", ");
        let _ = writeln!(
            text,
            "\nRatios to the fastest channel on tokio's LocalSet alone: {ratios}."
        );
    }
}

fn cell(report: &RowReport, wanted: impl Fn(&&Figure) -> bool) -> String {
    let figure = report.figures.iter().find(wanted);
    figure.map_or_else(
        || "-".to_owned(),
        |figure| number(figure.median, report.unit),
    )
}

/// What the bare work costs, and how many times of that looplet costs.
fn floor(report: &RowReport) -> String {
    let of = |role| report.figures.iter().find(|figure| figure.role == role);
    let Some(floor) = of(Role::Floor) else {
        return "-".to_owned();
    };
    let figure = number(floor.median, report.unit);
    match of(Role::Subject) {
        Some(own) => format!("{figure} ({:.1} x)", own.median / floor.median),
        None => figure,
    }
}

fn ratios(report: &RowReport) -> String {
    match (report.ratio, report.ratio_of_minima) {
        (Some(median), Some(minima)) => format!("{median:.2} ({minima:.2})"),
        _ => "-".to_owned(),
    }
}

fn limit(report: &RowReport) -> String {
    match report.limit {
        Limit::Ratio(most) => format!("{most:.2} x"),
        Limit::Absolute(most) => number(most, report.unit),
    }
}

fn verdict(report: &RowReport) -> &'static str {
    match report.met {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "-",
    }
}
