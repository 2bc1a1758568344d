//! A row as a picture: one bar per contestant on a logarithmic scale.

use std::fmt::Write;

use super::table::{number, unit_name};
use super::{Figure, RowReport};
use crate::contestants::Role;

const WIDTH: f64 = 760.0;
/// Where the bars begin: the labels stand to the left.
const LEFT: f64 = 170.0;
/// Room for the figure behind the longest bar.
const RIGHT: f64 = 80.0;
const TOP: f64 = 52.0;
const BAR: f64 = 18.0;
const STEP: f64 = 26.0;
const BOTTOM: f64 = 30.0;

/// Follows the reader's light or dark setting; the text stays text.
const STYLE: &str = "\
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 15px }
.note, .tick { fill: #59636e; font-size: 12px }
.grid { stroke: #d1d9e0 }
.subject { fill: #d1571b } .peer { fill: #5b7fa6 } .floor { fill: none; stroke: #59636e } .scale { fill: #9aa4ae }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .note, .tick { fill: #9aa4ae }
  .grid { stroke: #3d444d }
  .subject { fill: #f0883e } .peer { fill: #6f97c2 } .floor { stroke: #9aa4ae } .scale { fill: #656c76 }
}";

/// The picture of a row.
pub fn picture(report: &RowReport) -> String {
    let mut bars = report.best_per_label();
    bars.sort_by(|a, b| a.median.total_cmp(&b.median));
    let axis = Axis::over(&bars);
    let height = TOP + STEP * bars.len() as f64 + BOTTOM;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\">\n<title>{row}: {what}</title>\n<style>\n{STYLE}\n</style>\n\
         <text class=\"title\" x=\"8\" y=\"20\">{row}</text>\n\
         <text class=\"note\" x=\"8\" y=\"38\">{what}; {unit}, logarithmic, less is better</text>\n",
        row = escaped(&report.row),
        what = escaped(&report.what),
        unit = unit_name(report.unit),
    );
    axis.draw(&mut svg, report, height);
    for (i, figure) in bars.iter().enumerate() {
        draw_bar(&mut svg, &axis, report, figure, TOP + STEP * i as f64);
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw_bar(svg: &mut String, axis: &Axis, report: &RowReport, figure: &Figure, y: f64) {
    let (end, baseline) = (axis.x(figure.median), y + BAR - 4.5);
    let class = match figure.role {
        Role::Subject => "subject",
        Role::Peer => "peer",
        Role::Floor => "floor",
        Role::Scale => "scale",
    };
    let (label, value) = (escaped(&figure.label), number(figure.median, report.unit));
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{baseline:.1}\" text-anchor=\"end\">{label}</text>\
         <rect class=\"{class}\" x=\"{LEFT}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" rx=\"2\"/>\
         <text x=\"{after:.1}\" y=\"{baseline:.1}\">{value}</text>",
        x = LEFT - 8.0,
        width = end - LEFT,
        after = end + 6.0,
    );
}

/// The logarithmic axis, in whole decades.
struct Axis {
    first: i32,
    last: i32,
}

impl Axis {
    /// An axis that begins below the least figure, so that every bar can be seen.
    fn over(bars: &[&Figure]) -> Self {
        let least = bars.first().map_or(1.0, |figure| figure.median).max(0.01);
        let most = bars.last().map_or(10.0, |figure| figure.median).max(least);
        let first = (least * 0.7).log10().floor() as i32;
        let last = (most.log10().ceil() as i32).max(first + 1);
        Self { first, last }
    }

    fn x(&self, value: f64) -> f64 {
        let decades = value.max(1e-9).log10() - f64::from(self.first);
        let share = decades / f64::from(self.last - self.first);
        LEFT + share.clamp(0.005, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    fn draw(&self, svg: &mut String, report: &RowReport, height: f64) {
        let foot = height - BOTTOM + 2.0;
        for decade in self.first..=self.last {
            let value = 10f64.powi(decade);
            let label = number(value, report.unit);
            let label = label.strip_suffix(".0").unwrap_or(&label);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{foot:.1}\"/>\
                 <text class=\"tick\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{label}</text>",
                x = if decade == self.first {
                    LEFT
                } else {
                    self.x(value)
                },
                y = foot + 16.0,
            );
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
