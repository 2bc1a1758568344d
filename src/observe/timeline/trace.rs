//! The trace file, in Chrome's JSON format, which Perfetto reads.

use serde_json::{Value, json};

use super::record::{End, Link, Recording, What};

/// One process, one thread per task.
const PROCESS: u32 = 1;

/// The current state of a task and the time of its begin.
type Open = Option<(String, u64)>;

pub(super) fn render(recording: &Recording) -> String {
    let mut trace = Trace {
        events: Vec::new(),
        open: vec![None; recording.rows.len()],
        again: vec![false; recording.rows.len()],
        arrows: 0,
    };
    for (row, task) in recording.rows.iter().enumerate() {
        let name = json!({"name": task.name, "spawned at": task.spawned_at});
        trace.push("M", "thread_name", row, 0, json!({ "args": name }));
        let order = json!({"sort_index": row});
        trace.push("M", "thread_sort_index", row, 0, json!({ "args": order }));
    }
    for event in &recording.events {
        trace.add(event.row, event.at, &event.what);
    }
    let end = recording.events.last().map_or(0, |event| event.at);
    for row in 0..recording.rows.len() {
        trace.switch(row, end, None);
    }
    if recording.missed > 0 {
        let args = json!({"s": "g", "args": {"events": recording.missed}});
        trace.push("i", "later events were not kept", 0, end, args);
    }
    json!({"displayTimeUnit": "ms", "traceEvents": trace.events}).to_string()
}

struct Trace {
    events: Vec<Value>,
    open: Vec<Open>,
    /// Whether the task was woken in its own current poll.
    again: Vec<bool>,
    arrows: u64,
}

impl Trace {
    fn add(&mut self, row: usize, at: u64, what: &What) {
        let open = self.open[row].as_ref();
        let runs = open.is_some_and(|(name, _)| name == "runs");
        match what {
            What::Ready(by) => {
                self.again[row] = runs;
                if !runs {
                    self.switch(row, at, Some("ready".into()));
                }
                if let Some((from, link)) = *by {
                    self.arrow(from, row, at, link);
                }
            }
            What::PollBegins => self.switch(row, at, Some("runs".into())),
            What::PollEnds => {
                let next = std::mem::take(&mut self.again[row]).then(|| "ready".into());
                self.switch(row, at, next);
            }
            What::WaitBegins(on) => self.switch(row, at, Some(format!("waits: {on}"))),
            What::Ended(end) => {
                if !runs {
                    self.switch(row, at, None);
                }
                let name = match end {
                    End::Finished => "finished",
                    End::Cancelled => "cancelled",
                    End::Panicked => "panicked",
                };
                self.push("i", name, row, at, json!({"s": "t"}));
                self.again[row] = false;
            }
        }
    }

    /// Ends the current state of a task and begins the next one.
    fn switch(&mut self, row: usize, at: u64, next: Option<String>) {
        let next = next.map(|name| (name, at));
        if let Some((name, since)) = std::mem::replace(&mut self.open[row], next) {
            let length = json!({"dur": micros(at - since)});
            self.push("X", &name, row, since, length);
        }
    }

    fn arrow(&mut self, from: usize, to: usize, at: u64, link: Link) {
        let name = match link {
            Link::Spawn => "spawns",
            Link::Wake => "wakes",
            Link::Join => "result for",
        };
        self.arrows += 1;
        let id = json!({"id": self.arrows, "cat": "flow", "bp": "e"});
        self.push("s", name, from, at, id.clone());
        self.push("f", name, to, at, id);
    }

    fn push(&mut self, phase: &str, name: &str, row: usize, at: u64, more: Value) {
        let mut event = json!({
            "ph": phase, "name": name, "pid": PROCESS, "tid": row + 1, "ts": micros(at),
        });
        if let (Value::Object(event), Value::Object(more)) = (&mut event, more) {
            event.extend(more);
        }
        self.events.push(event);
    }
}

fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1000.0
}
