//! The results as markdown tables.

use std::fmt::Write;

use super::{Results, RowReport, SizeReport, summary};
use crate::driver::sizes::SIZES;
use crate::rows::Unit;

/// All tables, one below the other.
pub fn all(results: &Results) -> String {
    let mut text = summary::table(&results.times);
    let is_queue =
        |report: &&RowReport| report.row.starts_with("queue") || report.row == "thread_items";
    let executors: Vec<&RowReport> = results
        .times
        .iter()
        .filter(|report| !is_queue(report))
        .collect();
    let queues: Vec<&RowReport> = results.times.iter().filter(is_queue).collect();
    let instructions: Vec<&RowReport> = results.instructions.iter().collect();
    section(&mut text, "Executors (median)", &executors);
    section(
        &mut text,
        "Channels (median, each on its better executor)",
        &queues,
    );
    summary::elsewhere(&mut text, &queues);
    section(&mut text, "Instructions per operation", &instructions);
    for report in &results.sizes {
        size_table(&mut text, report);
    }
    left_out(&mut text, &results.times, "Left out");
    left_out(
        &mut text,
        &results.instructions,
        "Left out of the instructions",
    );
    environment(&mut text, &results.environment);
    text
}

fn environment(text: &mut String, machine: &super::environment::Environment) {
    let versions: Vec<String> = machine
        .versions
        .iter()
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    let _ = write!(
        text,
        "\nEach figure is the median of {} rounds.\n\nMachine: {}, {} processors, {}, {}. {}, {}.\n\nVersions: {}.\n",
        machine.rounds,
        machine.processor,
        machine.processors,
        machine.system,
        machine.pinned,
        machine.compiler,
        machine.python,
        versions.join(", "),
    );
}

fn section(text: &mut String, title: &str, reports: &[&RowReport]) {
    if reports.is_empty() {
        return;
    }
    let mut labels: Vec<&str> = Vec::new();
    for figure in reports.iter().flat_map(|report| &report.figures) {
        if !labels.contains(&figure.label.as_str()) {
            labels.push(&figure.label);
        }
    }
    let _ = write!(
        text,
        "\n**{title}**\n\n| row | {} |\n|---{}|\n",
        labels.join(" | "),
        "|--:".repeat(labels.len())
    );
    for report in reports {
        let best = report.best_per_label();
        let cells = labels.iter().map(|label| {
            let figure = best.iter().find(|figure| figure.label == *label);
            figure.map_or_else(
                || "-".to_owned(),
                |figure| number(figure.median, report.unit),
            )
        });
        let cells: Vec<String> = cells.collect();
        let _ = writeln!(
            text,
            "| `{}` ({}) | {} |",
            report.row,
            unit_name(report.unit),
            cells.join(" | ")
        );
    }
}

fn size_table(text: &mut String, report: &SizeReport) {
    let [small, middle, large] = SIZES.map(|size| grouped(&size.to_string()));
    let _ = write!(
        text,
        "\n**`{}` at three sizes (ns per operation)**\n\n",
        report.row
    );
    let _ = write!(
        text,
        "| | {small} | {middle} | {large} | {large} by {middle} |\n|---|--:|--:|--:|--:|\n"
    );
    for (label, costs) in &report.costs {
        let cells = costs.map(|cost| {
            cost.map_or_else(|| "-".to_owned(), |cost| number(cost, Unit::Nanoseconds))
        });
        let growth = costs[1]
            .zip(costs[2])
            .map(|(middle, large)| format!("{:.2}", large / middle));
        let _ = writeln!(
            text,
            "| {label} | {} | {} |",
            cells.join(" | "),
            growth.unwrap_or_else(|| "-".to_owned())
        );
    }
}

fn left_out(text: &mut String, reports: &[RowReport], title: &str) {
    // One line per contestant and reason, with the rows it concerns.
    let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
    for report in reports {
        for left in &report.left_out {
            let line = format!("{}: {}", left.label, left.reason);
            match lines.iter_mut().find(|(other, _)| *other == line) {
                Some((_, rows)) => rows.push(&report.row),
                None => lines.push((line, vec![&report.row])),
            }
        }
    }
    if !lines.is_empty() {
        let _ = write!(text, "\n{title}:\n\n");
    }
    for (line, rows) in lines {
        let concerned = match rows.len() {
            n if n == reports.len() => "all rows".to_owned(),
            n if n > NAMED_ROWS => format!(
                "{} and {} more",
                rows[..NAMED_ROWS].join(", "),
                n - NAMED_ROWS
            ),
            _ => rows.join(", "),
        };
        let _ = writeln!(text, "- {line} ({concerned})");
    }
}

/// A sentence about what is left out names at most so many rows.
const NAMED_ROWS: usize = 6;

/// The short name of a unit.
pub fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Nanoseconds => "ns",
        Unit::Microseconds => "us",
        Unit::Bytes => "bytes",
        Unit::Instructions => "instructions",
    }
}

/// A figure with as many digits as it is worth.
pub fn number(value: f64, unit: Unit) -> String {
    let value = if unit == Unit::Microseconds {
        value / 1e3
    } else {
        value
    };
    match value {
        value if value < 10.0 => format!("{value:.1}"),
        value => grouped(&format!("{value:.0}")),
    }
}

/// Digits in groups of three.
fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
