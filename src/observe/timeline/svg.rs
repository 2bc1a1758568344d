//! The SVG picture.

use std::fmt::Write;

use super::layout::{Arrow, Kind, Lane, Layout, Room, Span};
use super::record::{End, Link, Recording};
use super::text::{cut, notes};

/// Wide enough for a README, narrow enough not to be scaled down there.
const WIDTH: f64 = 830.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 40.0;
const ROW: f64 = 38.0;
const BAR: f64 = 14.0;
const FOOT: f64 = 66.0;
/// The largest width of a character at the size of the labels.
const CHAR_WIDTH: f64 = 6.4;
const NAME: usize = 20;
/// The most tasks and arrows that are drawn; a note counts the others.
const ROWS: usize = 40;
const ARROWS: usize = 300;

/// The style without the colours.
const SHAPES: &str = "\
text{paint-order:stroke;stroke-width:4px;font:11px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}\
.name,.title{font-size:12px}.title{font-weight:bold}\
.grid{stroke-dasharray:2 3}.wait{stroke-width:2}.mark{fill:none;stroke-width:2}";

/// The colours for a light page. They are no CSS variables, because some viewers do not support those.
const LIGHT: &str = "\
text{fill:#59636e;stroke:#fff}\
.name,.title{fill:#1f2328}\
.page{fill:#fff}\
.grid{stroke:#d1d9e0}\
.run{fill:#1a7f37}\
.ready{fill:#e0a030}\
.wait{stroke:#8c959f}\
.spawn{stroke:#0969da;fill:#0969da}\
.wake{stroke:#9a6700;fill:#9a6700}\
.join{stroke:#8250df;fill:#8250df}\
.ok{stroke:#1a7f37}\
.bad{stroke:#cf222e}";

/// The colours for a dark page.
const DARK: &str = "\
text{fill:#9198a1;stroke:#0d1117}\
.name,.title{fill:#e6edf3}\
.page{fill:#0d1117}\
.grid{stroke:#3d444d}\
.run{fill:#3fb950}\
.ready{fill:#9e6a03}\
.wait{stroke:#6e7681}\
.spawn{stroke:#58a6ff;fill:#58a6ff}\
.wake{stroke:#d29922;fill:#d29922}\
.join{stroke:#bc8cff;fill:#bc8cff}\
.ok{stroke:#3fb950}\
.bad{stroke:#ff7b72}";

struct Picture<'a> {
    text: String,
    /// The begin of the axis.
    left: f64,
    recording: &'a Recording,
    rows: usize,
}

pub(super) fn render(recording: &Recording, title: &str) -> String {
    let rows = recording.rows.len().min(ROWS);
    let names = recording.rows[..rows].iter();
    let longest = names.map(|row| row.name.chars().count().min(NAME)).max();
    let left = 16.0 + longest.unwrap_or(0) as f64 * 7.4 + 10.0;
    let room = Room {
        width: WIDTH - RIGHT - left,
        poll: 9.0,
        arrow: 9.0,
    };
    let layout = Layout::new(recording, &room);
    let mut picture = Picture {
        text: String::new(),
        left,
        recording,
        rows,
    };
    picture.draw(&layout, title);
    picture.text
}

impl Picture<'_> {
    fn draw(&mut self, layout: &Layout, title: &str) {
        let bottom = TOP + self.rows as f64 * ROW;
        let arrows: Vec<_> = layout
            .arrows
            .iter()
            .filter(|it| it.from.max(it.to) < self.rows)
            .collect();
        let mut notes = notes(self.recording, ROWS);
        let more = arrows.len().saturating_sub(ARROWS);
        if more > 0 {
            notes.push(format!("{more} more arrows are not shown"));
        }
        let height = bottom + FOOT + notes.len() as f64 * 16.0;
        let title = escape(title);
        let _ = write!(
            self.text,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
             height=\"{height}\" role=\"img\" aria-label=\"{title}\">\n<style>\n{SHAPES}\n{LIGHT}\n@media(prefers-color-scheme:dark){{{DARK}}}\n</style>\n\
             <rect class=\"page\" width=\"100%\" height=\"100%\" rx=\"6\"/>\n\
             <text class=\"title\" x=\"16\" y=\"24\">{title}</text>\n"
        );
        self.axis(layout, bottom);
        for (row, lane) in layout.lanes.iter().enumerate().take(self.rows) {
            let crossings: Vec<f64> = arrows
                .iter()
                .filter(|it| it.from.min(it.to) < row && row <= it.from.max(it.to))
                .map(|it| it.at)
                .collect();
            self.lane(row, lane, &crossings);
        }
        for arrow in arrows.into_iter().take(ARROWS) {
            self.arrow(arrow);
        }
        self.legend(bottom + 46.0);
        for (index, note) in notes.iter().enumerate() {
            let y = bottom + 68.0 + index as f64 * 16.0;
            self.line(format_args!(
                "<text x=\"16\" y=\"{y}\">{}</text>",
                escape(note)
            ));
        }
        self.text.push_str("</svg>\n");
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.text, "{line}");
    }

    fn x(&self, at: f64) -> f64 {
        round(self.left + at)
    }

    fn middle(row: usize) -> f64 {
        round(TOP + row as f64 * ROW + ROW * 0.62)
    }

    fn axis(&mut self, layout: &Layout, bottom: f64) {
        let mut free = f64::NEG_INFINITY;
        for tick in &layout.ticks {
            let half = tick.text.chars().count() as f64 * CHAR_WIDTH / 2.0;
            let x = self.x(tick.at);
            // The leftmost label is "0 s", which fits.
            let centre = round(x.min(WIDTH - half - 4.0));
            if centre - half < free {
                continue;
            }
            free = centre + half + 8.0;
            let y = bottom + 8.0;
            self.line(format_args!(
                "<line class=\"grid\" x1=\"{x}\" y1=\"{TOP}\" x2=\"{x}\" y2=\"{y}\"/>\
                 <text x=\"{centre}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                bottom + 22.0,
                tick.text
            ));
        }
    }

    /// Draws a lane; `crossings` are the positions of arrows that cross it.
    fn lane(&mut self, row: usize, lane: &Lane, crossings: &[f64]) {
        let y = Self::middle(row);
        let task = &self.recording.rows[row];
        let name = escape(&cut(&task.name, NAME));
        self.line(format_args!(
            "<text class=\"name\" x=\"16\" y=\"{}\">{name}</text>",
            y + 4.0
        ));
        for span in &lane.spans {
            self.span(y, span, crossings);
        }
        let Some((at, end)) = lane.end else {
            return;
        };
        let x = self.x(at);
        let (class, shape) = match end {
            End::Finished => ("ok", "m3,0 l3,4 l6,-8"),
            End::Cancelled => ("bad", "m3,-4 l8,8 m0,-8 l-8,8"),
            End::Panicked => ("bad", "m7,-6 v7 m0,3 v2"),
        };
        self.line(format_args!(
            "<path class=\"mark {class}\" d=\"M{x},{y} {shape}\"><title>{end:?}</title></path>"
        ));
    }

    fn span(&mut self, y: f64, span: &Span, crossings: &[f64]) {
        let (x, width) = (self.x(span.from), round(span.to - span.from));
        let top = y - BAR / 2.0;
        match span.kind {
            // Even the shortest poll is drawn with a visible width.
            Kind::Running => self.line(format_args!(
                "<rect class=\"run\" x=\"{x}\" y=\"{top}\" width=\"{}\" height=\"{BAR}\" rx=\"2\"/>",
                width.max(1.0)
            )),
            Kind::Ready if width == 0.0 => {}
            Kind::Ready => self.line(format_args!(
                "<rect class=\"ready\" x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"{}\"/>",
                top + 4.0,
                BAR - 8.0
            )),
            Kind::Waiting if width == 0.0 => {}
            Kind::Waiting => {
                let (end, about) = (round(x + width), escape(&span.about));
                self.line(format_args!(
                    "<line class=\"wait\" x1=\"{x}\" y1=\"{y}\" x2=\"{end}\" y2=\"{y}\"><title>{about}</title></line>"
                ));
                if let Some(middle) = label_place(span, crossings) {
                    let (middle, above) = (self.x(middle), round(y - 6.0));
                    self.line(format_args!(
                        "<text x=\"{middle}\" y=\"{above}\" text-anchor=\"middle\">{about}</text>"
                    ));
                }
            }
        }
    }

    fn arrow(&mut self, arrow: &Arrow) {
        let class = match arrow.link {
            Link::Spawn => "spawn",
            Link::Wake => "wake",
            Link::Join => "join",
        };
        let x = self.x(arrow.at);
        let (from, to) = (Self::middle(arrow.from), Self::middle(arrow.to));
        let (sign, half) = (if to > from { 1.0 } else { -1.0 }, BAR / 2.0);
        let (start, tip) = (from + sign * half, to - sign * half);
        let wing = tip - sign * 5.0;
        self.line(format_args!(
            "<g class=\"{class}\"><line x1=\"{x}\" y1=\"{start}\" x2=\"{x}\" y2=\"{wing}\"/>\
             <path stroke=\"none\" d=\"M{x},{tip} L{},{wing} L{},{wing} Z\"/></g>",
            x - 3.0,
            x + 3.0
        ));
    }

    fn legend(&mut self, y: f64) {
        const ARROW: &str = "<line x1=\"7\" y1=\"-11\" x2=\"7\" y2=\"-4\"/><path stroke=\"none\" d=\"M7,1 l-3,-5 h6 Z\"/>";
        let arrow = |class| format!("<g class=\"{class}\">{ARROW}</g>");
        let mut x = 16.0;
        for (word, shape) in [
            (
                "runs",
                "<rect class=\"run\" y=\"-9\" width=\"14\" height=\"10\" rx=\"2\"/>".into(),
            ),
            (
                "ready",
                "<rect class=\"ready\" y=\"-7\" width=\"14\" height=\"6\"/>".into(),
            ),
            (
                "waits",
                "<line class=\"wait\" y1=\"-4\" x2=\"14\" y2=\"-4\"/>".into(),
            ),
            (
                "finished",
                "<path class=\"mark ok\" d=\"M2,-4 l3,4 l6,-8\"/>".into(),
            ),
            (
                "cancelled",
                "<path class=\"mark bad\" d=\"M3,-8 l8,8 m0,-8 l-8,8\"/>".into(),
            ),
            ("spawns", arrow("spawn")),
            ("wakes", arrow("wake")),
            ("has its result", arrow("join")),
        ] {
            self.line(format_args!(
                "<g transform=\"translate({x} {y})\">{shape}<text x=\"20\">{word}</text></g>"
            ));
            x = round(x + 20.0 + word.len() as f64 * CHAR_WIDTH + 18.0);
        }
    }
}

/// The middle of a span's label: as near to the middle of the span as crossing arrows allow. None if it does not fit.
fn label_place(span: &Span, crossings: &[f64]) -> Option<f64> {
    let half = span.about.chars().count() as f64 * CHAR_WIDTH / 2.0 + 6.0;
    let (first, last) = (span.from + half, span.to - half);
    let middle = (span.from + span.to) / 2.0;
    let beside = crossings.iter().flat_map(|at| [at - half, at + half]);
    let is_free = |place: &f64| crossings.iter().all(|at| (at - place).abs() >= half - 1e-6);
    let places = std::iter::once(middle).chain(beside);
    let places = places.filter(|place| (first..=last).contains(place) && is_free(place));
    places.min_by(|a, b| (a - middle).abs().total_cmp(&(b - middle).abs()))
}

/// Rounds to two decimals, which makes the picture the same on every machine.
fn round(x: f64) -> f64 {
    (x * 100.0).round() / 100.0
}

fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML cannot represent control characters.
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
