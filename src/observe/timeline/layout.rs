//! The geometry of a chart: a position on the axis for each event, the spans of each task, arrows, and ticks.
//!
//! Between two events of different times the axis is to scale. Events of one time are drawn side by side; if they do
//! not fit into the width, they share positions.

use std::time::Duration;

use super::record::{End, Event, Link, Recording, What, time};

/// The space that a chart reserves for events, in its own units.
pub(super) struct Room {
    pub(super) width: f64,
    pub(super) poll: f64,
    pub(super) arrow: f64,
}

/// The largest share of the width for events of equal time; the rest is for the time between them.
const MOMENTS: f64 = 0.6;

/// How much wider than necessary events may be if no time passes between them.
const STRETCH: f64 = 12.0;

pub(super) struct Layout {
    /// In the order of the rows of the recording.
    pub(super) lanes: Vec<Lane>,
    pub(super) arrows: Vec<Arrow>,
    pub(super) ticks: Vec<Tick>,
}

#[derive(Default)]
pub(super) struct Lane {
    pub(super) spans: Vec<Span>,
    pub(super) end: Option<(f64, End)>,
}

pub(super) struct Span {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) kind: Kind,
    /// A description of the wait, or the cause of the wakeup.
    pub(super) about: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ready,
    Running,
    Waiting,
}

pub(super) struct Arrow {
    pub(super) at: f64,
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) link: Link,
}

pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) text: String,
}

impl Layout {
    pub(super) fn new(recording: &Recording, room: &Room) -> Self {
        let places = places(recording, room);
        let mut layout = Self {
            lanes: recording.rows.iter().map(|_| Lane::default()).collect(),
            arrows: Vec::new(),
            ticks: ticks(recording, &places),
        };
        for (event, &at) in recording.events.iter().zip(&places) {
            layout.add(event.row, at, &event.what);
        }
        for lane in &mut layout.lanes {
            lane.close(room.width);
        }
        layout
    }

    fn add(&mut self, row: usize, at: f64, what: &What) {
        let lane = &mut self.lanes[row];
        match what {
            What::Ready(by) => {
                // A task that is woken in its own poll becomes ready when the poll ends.
                match lane.poll() {
                    Some(span) => span.about = AGAIN.into(),
                    None => lane.begin(at, Kind::Ready, String::new()),
                }
                let by = by.filter(|(from, _)| *from != row);
                self.arrows.extend(by.map(|(from, link)| Arrow {
                    at,
                    from,
                    to: row,
                    link,
                }));
            }
            What::PollBegins => lane.begin(at, Kind::Running, String::new()),
            What::PollEnds => lane.end_poll(at),
            What::WaitBegins(on) => lane.begin(at, Kind::Waiting, on.clone()),
            What::Ended(end) => {
                lane.end = Some((at, *end));
                if lane.poll().is_none() {
                    lane.close(at);
                }
            }
        }
    }
}

/// Marks a running span after which the task is ready again.
const AGAIN: &str = "again";

impl Lane {
    fn begin(&mut self, at: f64, kind: Kind, about: String) {
        self.close(at);
        self.spans.push(Span {
            from: at,
            to: f64::INFINITY,
            kind,
            about,
        });
    }

    /// The span that is not over, if there is one.
    fn open(&mut self) -> Option<&mut Span> {
        self.spans.last_mut().filter(|span| span.to.is_infinite())
    }

    /// The poll that is not over, if there is one.
    fn poll(&mut self) -> Option<&mut Span> {
        self.open().filter(|span| span.kind == Kind::Running)
    }

    fn end_poll(&mut self, at: f64) {
        let again = self.poll().is_some_and(|span| span.about == AGAIN);
        self.close(at);
        if let Some((end, _)) = &mut self.end {
            *end = at;
        } else if again {
            self.begin(at, Kind::Ready, String::new());
        }
    }

    fn close(&mut self, at: f64) {
        if let Some(span) = self.open() {
            span.to = at;
        }
    }
}

/// A position for each event, from zero to the width.
fn places(recording: &Recording, room: &Room) -> Vec<f64> {
    let events = &recording.events;
    let steps: Vec<f64> = events.iter().map(|event| step(&event.what, room)).collect();
    let fixed: f64 = steps.iter().sum();
    let last = events.last().map_or(0, |event| event.at);
    // If the run takes no time, its events have the whole width.
    let stretch = if last == 0 { STRETCH } else { 1.0 };
    let shrink = (room.width * MOMENTS / fixed).min(stretch);
    let scale = match last {
        0 => 0.0,
        last => (room.width - fixed * shrink) / last as f64,
    };
    let (mut at, mut before) = (0.0, 0);
    let place = |(event, step): (&Event, f64)| {
        at += (event.at - before) as f64 * scale + step * shrink;
        before = event.at;
        at
    };
    events.iter().zip(steps).map(place).collect()
}

/// The space in front of an event.
fn step(what: &What, room: &Room) -> f64 {
    match what {
        What::Ready(Some(_)) => room.arrow,
        What::PollEnds | What::Ended(End::Cancelled) => room.poll,
        What::Ready(None) | What::PollBegins | What::WaitBegins(_) | What::Ended(_) => 0.0,
    }
}

/// A tick for each time at which events happened.
fn ticks(recording: &Recording, places: &[f64]) -> Vec<Tick> {
    let mut first: Vec<_> = recording.events.iter().zip(places).collect();
    first.dedup_by_key(|(event, _)| event.at);
    let tick = |(event, at): (&Event, &f64)| Tick {
        at: *at,
        text: time(Duration::from_nanos(event.at)),
    };
    first.into_iter().map(tick).collect()
}
