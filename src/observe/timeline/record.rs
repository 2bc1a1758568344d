//! The recorded events in order, and their tasks.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::task::{Task, TaskEvent, TaskId, WokenBy};
use crate::waiting::WaitsOn;

pub(super) struct Recording {
    pub(super) rows: Vec<Row>,
    pub(super) events: Vec<Event>,
    /// The number of events after the last one that was kept.
    pub(super) missed: u64,
    /// The time of the last event, kept or not, in nanoseconds since the first one.
    pub(super) end: u64,
    limit: usize,
    start: Option<Instant>,
    index: HashMap<TaskId, usize>,
}

/// A task.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) spawned_at: String,
    /// The tasks whose results it currently awaits.
    awaits: Vec<usize>,
    has_ended: bool,
}

pub(super) struct Event {
    /// Nanoseconds since the first event.
    pub(super) at: u64,
    pub(super) row: usize,
    pub(super) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// It was spawned or woken; by which task, if it was one.
    Ready(Option<(usize, Link)>),
    PollBegins,
    PollEnds,
    WaitBegins(String),
    Ended(End),
}

/// How a task makes another one ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Spawn,
    Wake,
    /// By its end, which was awaited.
    Join,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Finished,
    Cancelled,
    Panicked,
}

impl Recording {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            rows: Vec::new(),
            events: Vec::new(),
            missed: 0,
            end: 0,
            limit,
            start: None,
            index: HashMap::new(),
        }
    }

    pub(super) fn add(&mut self, at: Instant, task: &Task, event: TaskEvent<'_>) {
        let start = *self.start.get_or_insert(at);
        let since = at.saturating_duration_since(start).as_nanos();
        self.end = u64::try_from(since).unwrap_or(u64::MAX);
        if self.events.len() >= self.limit {
            self.missed += 1;
            return;
        }
        let row = self.row(task);
        let what = match event {
            TaskEvent::Spawned(WokenBy::Task(by)) => What::Ready(Some((self.row(by), Link::Spawn))),
            TaskEvent::Queued(WokenBy::Task(by)) => What::Ready(Some(self.wakes(by, row))),
            TaskEvent::Spawned(_) | TaskEvent::Queued(_) => What::Ready(None),
            TaskEvent::PollBegins => What::PollBegins,
            TaskEvent::PollEnds => {
                self.rows[row].name = task.name().to_string();
                What::PollEnds
            }
            TaskEvent::WaitBegins(on) => What::WaitBegins(self.note_wait(row, on, start)),
            TaskEvent::WaitEnds => return,
            TaskEvent::Finished => self.end(row, End::Finished),
            TaskEvent::Cancelled => self.end(row, End::Cancelled),
            TaskEvent::Panicked => self.end(row, End::Panicked),
        };
        let at = self.end;
        self.events.push(Event { at, row, what });
    }

    fn row(&mut self, task: &Task) -> usize {
        let rows = &mut self.rows;
        *self.index.entry(task.id()).or_insert_with(|| {
            rows.push(Row {
                name: task.name().to_string(),
                spawned_at: task.spawned_at().to_string(),
                awaits: Vec::new(),
                has_ended: false,
            });
            rows.len() - 1
        })
    }

    fn end(&mut self, row: usize, end: End) -> What {
        self.rows[row].has_ended = true;
        What::Ended(end)
    }

    fn wakes(&mut self, task: &Task, row: usize) -> (usize, Link) {
        let by = self.row(task);
        let is_awaited = self.rows[by].has_ended && self.rows[row].awaits.contains(&by);
        (by, if is_awaited { Link::Join } else { Link::Wake })
    }

    fn note_wait(&mut self, row: usize, on: &[WaitsOn], start: Instant) -> String {
        let results = on.iter().filter_map(|wait| match wait {
            WaitsOn::Result(task) => self.index.get(task).copied(),
            _ => None,
        });
        let results: Vec<_> = results.collect();
        let others = on.iter();
        let others = others.filter(|wait| results.is_empty() || !wait.is_in_results());
        let mut words: Vec<String> = others.filter_map(|wait| in_words(wait, start)).collect();
        match &results[..] {
            [] => {}
            [one] => words.push(format!("result of {}", self.rows[*one].name)),
            many => words.push(format!("results of {} tasks", many.len())),
        }
        self.rows[row].awaits = results;
        words.join(" or ")
    }
}

/// A wait in few words, to fit into a chart; none for results, which are described together.
fn in_words(wait: &WaitsOn, start: Instant) -> Option<String> {
    Some(match wait {
        WaitsOn::Until(when) => {
            let since = when.saturating_duration_since(start);
            format!("sleep until {}", time(since))
        }
        wait => wait.in_words()?[1].into(),
    })
}

/// A time on the axis: `0.25 s`, `3 ms`.
pub(super) fn time(since: Duration) -> String {
    let nanos = since.as_nanos();
    let (unit, name) = match nanos {
        0 => return "0 s".into(),
        1..1_000 => (1, "ns"),
        1_000..1_000_000 => (1_000, "µs"),
        1_000_000..100_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let text = format!("{:.3}", nanos as f64 / unit as f64);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} {name}")
}
