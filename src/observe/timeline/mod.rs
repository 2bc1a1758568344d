//! Charts of a run: when each task ran, was ready or waited and for what, and what woke it.
//!
//! * `record`: the recorded events
//! * `layout`: the positions of events and spans on the time axis, for all charts
//! * `text`, `svg`: the chart for a terminal, and the SVG picture
//! * `trace`: the trace file for Perfetto

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
use super::observer::Observer;
use crate::task::{Task, TaskEvent};

/// The default limit of recorded events, about a hundred bytes each; later ones are only counted.
const EVENTS: usize = 50_000;

/// Records the events of a loop and draws them: as text, as an SVG picture, or as a trace file.
///
/// It is an [`Observer`]: give one clone to [`Builder::observer`](crate::Builder::observer) and keep the other. It
/// works in virtual and in real time. Of a long run only the beginning is kept, and a note counts the missing events.
///
/// In the charts, events of one time are drawn side by side in their order, so the axis is stretched there; between
/// different times it is to scale.
///
/// # Examples
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

    /// A chart for a terminal with `width` columns, 20 at least and 10,000 at most. No line is longer, if each
    /// character takes one column.
    pub fn text(&self, width: usize) -> String {
        text::render(&self.0.borrow(), width)
    }

    /// An SVG picture with one row per task. Its text can be selected, and its colours suit light and dark pages.
    pub fn svg(&self, title: &str) -> String {
        svg::render(&self.0.borrow(), title)
    }

    /// A trace file in the JSON format of Perfetto and `chrome://tracing`.
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
