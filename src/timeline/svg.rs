//! The picture.

use std::fmt::Write;

use super::layout::{Arrow, ArrowKind, Kind, Lane, Layout, Room, Span};
use super::record::{End, Recording};
use super::text::{cut, notes};

/// Wide enough for a README, narrow enough not to be scaled down there.
const WIDTH: f64 = 830.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 40.0;
const ROW: f64 = 38.0;
const BAR: f64 = 14.0;
const FOOT: f64 = 66.0;
/// What a letter takes at the size of the labels, at most.
const LETTER: f64 = 6.4;
const NAME: usize = 20;
/// More of these are left out, with a note.
const ROWS: usize = 40;
const ARROWS: usize = 300;

const STYLE: &str = "\
svg{--ink:#1f2328;--soft:#59636e;--line:#d1d9e0;--run:#1a7f37;--ready:#e6b35a;--wait:#8c959f;--spawn:#0969da;\
--wake:#9a6700;--join:#8250df;--bad:#cf222e;--page:#fff}\
@media(prefers-color-scheme:dark){svg{--ink:#e6edf3;--soft:#9198a1;--line:#3d444d;--run:#3fb950;--ready:#9e6a03;\
--wait:#6e7681;--spawn:#58a6ff;--wake:#d29922;--join:#bc8cff;--bad:#ff7b72;--page:#0d1117}}\
text{font:11px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:var(--soft)}\
.name,.title{fill:var(--ink);font-size:12px}.title{font-weight:bold}\
.page{fill:var(--page)}.grid{stroke:var(--line);stroke-dasharray:2 3}\
.run{fill:var(--run)}.ready{fill:var(--ready)}.wait{stroke:var(--wait);stroke-width:2}\
.spawn{stroke:var(--spawn);fill:var(--spawn)}.wake{stroke:var(--wake);fill:var(--wake)}\
.join{stroke:var(--join);fill:var(--join)}.ok{stroke:var(--run)}.bad{stroke:var(--bad)}\
.mark{fill:none;stroke-width:2}";

struct Picture<'a> {
    text: String,
    /// Where the axis begins.
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
        if let Some(more) = arrows.len().checked_sub(ARROWS).filter(|more| *more > 0) {
            notes.push(format!("{more} more arrows are not shown"));
        }
        let height = bottom + FOOT + notes.len() as f64 * 16.0;
        let title = escape(title);
        let _ = write!(
            self.text,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
             height=\"{height}\" role=\"img\" aria-label=\"{title}\">\n<style>{STYLE}</style>\n\
             <rect class=\"page\" width=\"100%\" height=\"100%\" rx=\"6\"/>\n\
             <text class=\"title\" x=\"16\" y=\"24\">{title}</text>\n"
        );
        self.axis(layout, bottom);
        for (row, lane) in layout.lanes.iter().enumerate().take(self.rows) {
            self.lane(row, lane);
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
        TOP + row as f64 * ROW + ROW * 0.62
    }

    fn axis(&mut self, layout: &Layout, bottom: f64) {
        let mut free = f64::NEG_INFINITY;
        for tick in &layout.ticks {
            let half = tick.text.chars().count() as f64 * LETTER / 2.0;
            let x = self.x(tick.at);
            let centre = round(x.clamp(half + 4.0, WIDTH - half - 4.0));
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

    fn lane(&mut self, row: usize, lane: &Lane) {
        let y = Self::middle(row);
        let task = &self.recording.rows[row];
        let (name, place) = (escape(&cut(&task.name, NAME)), escape(&task.spawned_at));
        self.line(format_args!(
            "<text class=\"name\" x=\"16\" y=\"{}\">{name}<title>spawned at {place}</title></text>",
            y + 4.0
        ));
        for span in &lane.spans {
            self.span(y, span);
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

    fn span(&mut self, y: f64, span: &Span) {
        let (x, width) = (self.x(span.from), round(span.to - span.from));
        let top = y - BAR / 2.0;
        match span.kind {
            // A moment too short to be seen is drawn all the same: it is what the picture is about.
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
                let (end, about) = (x + width, escape(&span.about));
                self.line(format_args!(
                    "<line class=\"wait\" x1=\"{x}\" y1=\"{y}\" x2=\"{end}\" y2=\"{y}\"><title>{about}</title></line>"
                ));
                if span.about.chars().count() as f64 * LETTER + 12.0 <= width {
                    let (middle, above) = (round(x + width / 2.0), y - 5.0);
                    self.line(format_args!(
                        "<text x=\"{middle}\" y=\"{above}\" text-anchor=\"middle\">{about}</text>"
                    ));
                }
            }
        }
    }

    fn arrow(&mut self, arrow: &Arrow) {
        let class = class(arrow.kind);
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
        let mut x = 16.0;
        for (shape, word) in [
            (
                "<rect class=\"run\" y=\"-9\" width=\"14\" height=\"10\" rx=\"2\"/>",
                "runs",
            ),
            (
                "<rect class=\"ready\" y=\"-7\" width=\"14\" height=\"6\"/>",
                "ready",
            ),
            (
                "<line class=\"wait\" y1=\"-4\" x2=\"14\" y2=\"-4\"/>",
                "waits",
            ),
            (
                "<path class=\"mark ok\" d=\"M2,-4 l3,4 l6,-8\"/>",
                "finished",
            ),
            (
                "<path class=\"mark bad\" d=\"M3,-8 l8,8 m0,-8 l-8,8\"/>",
                "cancelled",
            ),
            (
                "<g class=\"spawn\"><line x1=\"7\" y1=\"-11\" x2=\"7\" y2=\"-4\"/><path stroke=\"none\" d=\"M7,1 l-3,-5 h6 Z\"/></g>",
                "spawns",
            ),
            (
                "<g class=\"wake\"><line x1=\"7\" y1=\"-11\" x2=\"7\" y2=\"-4\"/><path stroke=\"none\" d=\"M7,1 l-3,-5 h6 Z\"/></g>",
                "wakes",
            ),
            (
                "<g class=\"join\"><line x1=\"7\" y1=\"-11\" x2=\"7\" y2=\"-4\"/><path stroke=\"none\" d=\"M7,1 l-3,-5 h6 Z\"/></g>",
                "has its result",
            ),
        ] {
            self.line(format_args!(
                "<g transform=\"translate({x} {y})\">{shape}<text x=\"20\">{word}</text></g>"
            ));
            x = round(x + 20.0 + word.len() as f64 * LETTER + 18.0);
        }
    }
}

fn class(kind: ArrowKind) -> &'static str {
    match kind {
        ArrowKind::Spawn => "spawn",
        ArrowKind::Wake => "wake",
        ArrowKind::Join => "join",
    }
}

/// Two digits after the point are enough, and make the same picture on every machine.
fn round(x: f64) -> f64 {
    (x * 100.0).round() / 100.0
}

fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML has no way to write these.
            letter if letter.is_control() => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}
