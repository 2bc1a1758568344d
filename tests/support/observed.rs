//! Loops with an observer that writes down its events.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use looplet::{Builder, EventLoop, Task, TaskEvent, WaitsOn, WokenBy};

/// The events of an observer, a line each.
pub(crate) type Log = Rc<RefCell<Vec<String>>>;

fn by(by: WokenBy<'_>) -> String {
    match by {
        WokenBy::Task(task) => task.name().to_string(),
        other => format!("{other:?}"),
    }
}

fn waits(on: &[WaitsOn]) -> String {
    let words = on.iter().map(|wait| match wait {
        WaitsOn::Until(_) => "Until".into(),
        WaitsOn::Result(_) => "Result".into(),
        other => format!("{other:?}"),
    });
    words.collect::<Vec<_>>().join("+")
}

fn line_of(task: &Task, event: TaskEvent<'_>) -> String {
    let name = task.name();
    match event {
        TaskEvent::Spawned(who) => format!("{name} spawned by {}", by(who)),
        TaskEvent::Queued(who) => format!("{name} queued by {}", by(who)),
        TaskEvent::WaitBegins(on) => format!("{name} waits for {}", waits(on)),
        other => format!("{name} {other:?}"),
    }
}

/// A loop with a log of the events of its observer.
pub(crate) fn observed_with(builder: Builder) -> (EventLoop, Log) {
    let log = Log::default();
    let into = log.clone();
    let observer = move |_: Instant, task: &Task, event: TaskEvent<'_>| {
        into.borrow_mut().push(line_of(task, event));
    };
    (builder.observer(observer).build(), log)
}

/// The same, in virtual time.
pub(crate) fn observed() -> (EventLoop, Log) {
    observed_with(EventLoop::builder().virtual_time())
}
