//! Writes the results: JSON, tables, pictures, and the table inside the page that explains it.

use std::fs;
use std::io;
use std::path::Path;

use super::{Results, RowReport, SizeReport, svg, table};

const BEGIN: &str = "<!-- table: begin -->";
const END: &str = "<!-- table: end -->";

/// What was measured before on this machine, if anything.
pub fn load(out: &Path) -> Option<Results> {
    serde_json::from_str(&fs::read_to_string(out.join("results.json")).ok()?).ok()
}

/// Replaces in `old` what was measured again; figures of another machine go.
pub fn merge(old: Option<Results>, new: Results) -> Results {
    let Some(mut all) = old.filter(|old| old.environment.same_machine(&new.environment)) else {
        return new;
    };
    all.environment = new.environment;
    replace(&mut all.times, new.times, |a, b| a.row == b.row);
    replace(&mut all.instructions, new.instructions, |a, b| {
        a.row == b.row
    });
    replace(&mut all.sizes, new.sizes, |a: &SizeReport, b| {
        a.row == b.row
    });
    let position = |report: &RowReport| {
        crate::rows::ROWS
            .iter()
            .position(|row| row.id == report.row)
    };
    all.times.sort_by_key(position);
    all.instructions.sort_by_key(position);
    all
}

fn replace<T>(old: &mut Vec<T>, new: Vec<T>, same: impl Fn(&T, &T) -> bool) {
    for report in new {
        match old.iter_mut().find(|other| same(other, &report)) {
            Some(other) => *other = report,
            None => old.push(report),
        }
    }
}

/// Writes everything into the folder, and the tables into the page beside it that bears its name.
pub fn write(out: &Path, results: &Results) -> io::Result<()> {
    fs::create_dir_all(out)?;
    let tables = table::all(results);
    fs::write(out.join("results.json"), json(results)?)?;
    fs::write(out.join("table.md"), &tables)?;
    for report in &results.times {
        fs::write(
            out.join(format!("{}.svg", report.row)),
            svg::picture(report),
        )?;
    }
    for report in &results.instructions {
        fs::write(
            out.join(format!("instructions_{}.svg", report.row)),
            svg::picture(report),
        )?;
    }
    embed(&out.with_extension("md"), &tables)
}

/// The results as JSON, one row per line.
fn json(results: &Results) -> serde_json::Result<String> {
    let environment = serde_json::to_string(&results.environment)?;
    let times = lines(&results.times)?;
    let instructions = lines(&results.instructions)?;
    let sizes = lines(&results.sizes)?;
    Ok(format!(
        "{{\n\"environment\": {environment},\n\"times\": {times},\n\"instructions\": {instructions},\n\"sizes\": {sizes}\n}}\n"
    ))
}

fn lines<T: serde::Serialize>(reports: &[T]) -> serde_json::Result<String> {
    let lines: serde_json::Result<Vec<String>> =
        reports.iter().map(serde_json::to_string).collect();
    Ok(format!("[\n{}\n]", lines?.join(",\n")))
}

/// Puts the tables between the two marks of the page, if there is such a page.
fn embed(page: &Path, tables: &str) -> io::Result<()> {
    let Ok(text) = fs::read_to_string(page) else {
        return Ok(());
    };
    let Some((before, rest)) = text.split_once(BEGIN) else {
        return Ok(());
    };
    let Some((_, after)) = rest.split_once(END) else {
        return Ok(());
    };
    fs::write(page, format!("{before}{BEGIN}\n\n{tables}\n{END}{after}"))
}
