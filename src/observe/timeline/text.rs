//! The chart for a terminal.

use std::fmt::Write;
use std::time::Duration;

use super::layout::{Kind, Lane, Layout, Room, Tick};
use super::record::{End, Recording, time};

/// The most tasks that are shown; a note counts the others.
const ROWS: usize = 40;
const NAME: usize = 18;
const LEGEND: [&str; 6] = [
    "█ runs",
    "░ ready",
    "─ waits",
    "✓ finished",
    "× cancelled",
    "! panicked",
];
/// Fits every word below the chart, and half of it fits a chart.
const NARROWEST: usize = 20;
const WIDEST: usize = 10_000;

pub(super) fn render(recording: &Recording, width: usize) -> String {
    let width = width.clamp(NARROWEST, WIDEST);
    let rows = &recording.rows[..recording.rows.len().min(ROWS)];
    // The chart has the other half.
    let longest = NAME.min(width / 2 - 1);
    let names: Vec<String> = rows.iter().map(|row| cut(&row.name, longest)).collect();
    let margin = names.iter().map(|name| name.chars().count()).max();
    let margin = margin.unwrap_or(0) + 1;
    // One column is for the end mark.
    let columns = width - margin - 1;
    let room = Room {
        width: columns as f64,
        poll: 1.0,
        arrow: 0.0,
    };
    let layout = Layout::new(recording, &room);
    let mut text = String::new();
    for (name, lane) in names.iter().zip(&layout.lanes) {
        let line = line(lane, columns);
        let line = format!("{name:margin$}{}", line.trim_end());
        // A line break in a name would end the line.
        let chars = line.chars();
        text.extend(chars.map(|it| if it.is_control() { '\u{fffd}' } else { it }));
        text.push('\n');
    }
    let axis = axis(&layout.ticks, columns);
    let _ = writeln!(text, "{:margin$}{}", "", axis.trim_end());
    write_wrapped(&mut text, LEGEND, "  ", width);
    for note in notes(recording, ROWS) {
        write_wrapped(&mut text, note.split(' '), " ", width);
    }
    text
}

/// Writes words with a gap between them, wrapped to the width.
fn write_wrapped<'a>(
    text: &mut String,
    words: impl IntoIterator<Item = &'a str>,
    gap: &str,
    width: usize,
) {
    let mut taken = 0;
    for word in words {
        let length = word.chars().count();
        if taken > 0 && taken + gap.len() + length > width {
            text.push('\n');
            taken = 0;
        }
        if taken > 0 {
            text.push_str(gap);
            taken += gap.len();
        }
        text.push_str(word);
        taken += length;
    }
    text.push('\n');
}

/// The notes on what is not shown.
pub(super) fn notes(recording: &Recording, rows: usize) -> Vec<String> {
    let mut notes = Vec::new();
    let more = recording.rows.len().saturating_sub(rows);
    if more > 0 {
        notes.push(format!("{more} more tasks are not shown"));
    }
    if recording.missed > 0 {
        notes.push(format!(
            "cut here: {} later events, up to {}, were not kept",
            recording.missed,
            time(Duration::from_nanos(recording.end))
        ));
    }
    notes
}

/// Shortens a text to at most `chars` characters.
pub(super) fn cut(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.into();
    }
    let kept: String = text.chars().take(chars - 1).collect();
    format!("{kept}…")
}

fn line(lane: &Lane, columns: usize) -> String {
    let mut cells = vec![' '; columns + 1];
    for (kind, mark) in [
        (Kind::Waiting, '─'),
        (Kind::Ready, '░'),
        (Kind::Running, '█'),
    ] {
        for span in lane.spans.iter().filter(|span| span.kind == kind) {
            let from = (span.from as usize).min(columns - 1);
            let to = (span.to.min(columns as f64) as usize)
                .max(from + usize::from(kind == Kind::Running));
            cells[from..to].fill(mark);
        }
    }
    for span in lane.spans.iter().filter(|span| span.kind == Kind::Waiting) {
        let (from, to) = (span.from as usize, span.to as usize);
        write_on(&mut cells, from, to, &span.about);
    }
    if let Some((at, end)) = lane.end {
        let mark = match end {
            End::Finished => '✓',
            End::Cancelled => '×',
            End::Panicked => '!',
        };
        let after = cells.iter().rposition(|cell| *cell != ' ');
        let at = after.map_or(at as usize, |after| after + 1).min(columns);
        cells[at] = mark;
    }
    cells.into_iter().collect()
}

/// Writes a label into the middle of a line, if the line stays visible on both sides.
fn write_on(cells: &mut [char], from: usize, to: usize, text: &str) {
    let length = text.chars().count();
    let to = to.min(cells.len());
    if from + length + 4 > to || cells[from..to].iter().any(|cell| *cell != '─') {
        return;
    }
    let start = from + (to - from - length) / 2;
    cells[start - 1] = ' ';
    cells[start + length] = ' ';
    for (cell, c) in cells[start..].iter_mut().zip(text.chars()) {
        *cell = c;
    }
}

fn axis(ticks: &[Tick], columns: usize) -> String {
    let mut line = vec![' '; columns + 1];
    let mut free = 0;
    for tick in ticks {
        let length = tick.text.chars().count() + 1;
        // The last label may have to start further left to fit.
        let at = (tick.at as usize).min((columns + 1).saturating_sub(length));
        if at < free {
            continue;
        }
        line[at] = '|';
        for (cell, c) in line[at + 1..].iter_mut().zip(tick.text.chars()) {
            *cell = c;
        }
        free = at + length + 1;
    }
    line.into_iter().collect()
}
