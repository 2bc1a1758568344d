//! Where everything stands: a place on the axis for each event, spans of each task, arrows, and ticks.
//!
//! The axis is true to scale between two moments. Within one moment it makes room for what happens there, event by
//! event; if there is more than the width can hold, events share places.

use std::time::Duration;

use super::record::{By, End, Recording, What, time};

/// What a picture grants to each event, in its own units.
pub(super) struct Room {
    pub(super) width: f64,
    pub(super) poll: f64,
    pub(super) arrow: f64,
}

/// The share of the width that the moments may take at most; the rest is for the time between them.
const MOMENTS: f64 = 0.6;

/// How much wider events may be than they need if there is no time between them.
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
    /// What is waited for, or who made it ready.
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
    pub(super) kind: ArrowKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArrowKind {
    Spawn,
    Wake,
    Join,
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
            What::Spawned(by) | What::Queued(by) => {
                // Whoever wakes itself is running, and ready when its poll is over.
                if lane
                    .spans
                    .last()
                    .is_none_or(|span| span.kind != Kind::Running || span.is_over())
                {
                    lane.begin(at, Kind::Ready, String::new());
                } else {
                    lane.wakes_itself();
                }
                self.add_arrow(row, at, what, *by);
            }
            What::PollBegins => lane.begin(at, Kind::Running, String::new()),
            What::PollEnds => lane.end_poll(at),
            What::WaitBegins(on) => lane.begin(at, Kind::Waiting, on.clone()),
            What::Ended(end) => {
                lane.end = Some((at, *end));
                if lane
                    .spans
                    .last()
                    .is_some_and(|span| span.kind != Kind::Running)
                {
                    lane.close(at);
                }
            }
        }
    }

    fn add_arrow(&mut self, to: usize, at: f64, what: &What, by: By) {
        let (from, kind) = match (by, what) {
            (By::Other(_), _) => return,
            (By::Row(from), What::Spawned(_)) => (from, ArrowKind::Spawn),
            (By::Row(from), _) => (from, ArrowKind::Wake),
            (By::End(from), _) => (from, ArrowKind::Join),
        };
        if from != to {
            self.arrows.push(Arrow { at, from, to, kind });
        }
    }
}

/// Marks a span of running whose task is ready again when it is over.
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

    fn wakes_itself(&mut self) {
        if let Some(span) = self.spans.last_mut() {
            span.about = AGAIN.into();
        }
    }

    fn end_poll(&mut self, at: f64) {
        let again = self.spans.last().is_some_and(|span| span.about == AGAIN);
        self.close(at);
        if let Some((end, _)) = &mut self.end {
            *end = at;
        } else if again {
            self.begin(at, Kind::Ready, String::new());
        }
    }

    /// Ends the span that is open, if one is.
    fn close(&mut self, at: f64) {
        if let Some(span) = self.spans.last_mut().filter(|span| !span.is_over()) {
            span.to = at;
        }
    }
}

impl Span {
    fn is_over(&self) -> bool {
        self.to.is_finite()
    }
}

/// A place for each event, from zero to the width.
fn places(recording: &Recording, room: &Room) -> Vec<f64> {
    let events = &recording.events;
    let steps: Vec<f64> = events.iter().map(|event| step(&event.what, room)).collect();
    let fixed: f64 = steps.iter().sum();
    let last = events.last().map_or(0, |event| event.at);
    // A run that takes no time has all the width for its moment.
    let stretch = if last == 0 { STRETCH } else { 1.0 };
    let shrink = (room.width * MOMENTS / fixed).min(stretch);
    let scale = if last == 0 {
        0.0
    } else {
        (room.width - fixed * shrink) / last as f64
    };
    let mut at = 0.0;
    let mut before = 0;
    let place = |(event, step): (&super::record::Event, f64)| {
        at += (event.at - before) as f64 * scale + step * shrink;
        before = event.at;
        at
    };
    events.iter().zip(steps).map(place).collect()
}

/// How much room is made in front of an event.
fn step(what: &What, room: &Room) -> f64 {
    match what {
        What::Spawned(By::Row(_)) | What::Queued(By::Row(_) | By::End(_)) => room.arrow,
        What::PollEnds | What::Ended(End::Cancelled) => room.poll,
        What::Spawned(_)
        | What::Queued(_)
        | What::PollBegins
        | What::WaitBegins(_)
        | What::Ended(End::Finished | End::Panicked) => 0.0,
    }
}

/// The moments at which something happened after a time in which nothing did.
fn ticks(recording: &Recording, places: &[f64]) -> Vec<Tick> {
    let mut ticks: Vec<Tick> = Vec::new();
    let mut before = None;
    for (event, &at) in recording.events.iter().zip(places) {
        if before != Some(event.at) {
            ticks.push(Tick {
                at,
                text: time(Duration::from_nanos(event.at)),
            });
        }
        before = Some(event.at);
    }
    ticks
}
