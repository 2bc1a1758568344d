//! Pictures of a loop at work: who ran when, who was ready, who waited and for what, and who woke whom.
//!
//! * `record`: what the observer keeps
//! * `layout`: where everything stands on the time axis, whatever is drawn
//! * `text`, `svg`: the chart for the terminal, and the picture
//! * `trace`: the file for Perfetto

mod layout;
mod record;
mod svg;
mod text;
mod trace;

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::Instant;

use self::record::Recording;
use super::observer::{Observer, TaskEvent};
use crate::task::Task;

/// So many events are kept, about a hundred bytes each; what comes later is only counted.
const EVENTS: usize = 50_000;

/// Records what happens on a loop and draws it: as text, as an SVG picture, or as a trace file.
///
/// It is an [`Observer`]: give one clone to [`Builder::observer`](crate::Builder::observer) and keep the other. It
/// works in virtual and in real time. Only the beginning of a long run is kept, and a note says what is missing.
///
/// In the pictures, what happens at one moment stands side by side in the order in which it happened, so the axis is
/// stretched there; between two moments it is true to scale.
///
/// ```
/// use std::time::Duration;
/// use looplet::timeline::Timeline;
/// use looplet::{EventLoop, gather, sleep};
///
/// let timeline = Timeline::new();
/// EventLoop::builder().virtual_time().observer(timeline.clone()).build().block_on(async {
///     gather([1, 2].map(|n| sleep(Duration::from_secs(n)))).await;
/// });
/// println!("{}", timeline.text(80));
/// # assert!(timeline.text(80).contains("Task-3 "));
/// ```
#[derive(Clone)]
pub struct Timeline(Rc<RefCell<Recording>>);

impl Timeline {
    /// A timeline that keeps the first fifty thousand events.
    pub fn new() -> Self {
        Self::with_limit(EVENTS)
    }

    /// A timeline that keeps the first `events` events.
    pub fn with_limit(events: usize) -> Self {
        Self(Rc::new(RefCell::new(Recording::new(events))))
    }

    /// A chart for a terminal of so many columns, 20 at least and 10,000 at most. No line is longer, with a column to each
    /// letter.
    pub fn text(&self, width: usize) -> String {
        text::render(&self.0.borrow(), width)
    }

    /// A picture: one row per task. Its text can be selected, and its colours suit a light page and a dark one.
    pub fn svg(&self, title: &str) -> String {
        svg::render(&self.0.borrow(), title)
    }

    /// A trace file in the JSON format that Perfetto and `chrome://tracing` open.
    pub fn trace(&self) -> String {
        trace::render(&self.0.borrow())
    }
}

impl Default for Timeline {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer for Timeline {
    fn observe(&self, at: Instant, task: &Task, event: TaskEvent<'_>) {
        self.0.borrow_mut().add(at, task, event);
    }
}

impl fmt::Debug for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeline")
            .field("tasks", &self.0.borrow().rows.len())
            .finish_non_exhaustive()
    }
}
