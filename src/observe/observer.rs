//! Observers of a loop, and the events that they receive.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::panic::{self, AssertUnwindSafe};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use crate::error::panic_message;
use crate::event_loop::Builder;
use crate::event_loop::core::Core;
use crate::remote::current_polls;
use crate::task::{EventSink, Task, TaskEvent, TaskId, drop_quietly, print};

/// Receives the events of a loop's tasks; passed to [`Builder::observer`](crate::Builder::observer).
///
/// Closures with the same arguments are observers too.
///
/// # Examples
///
/// ```
/// use std::{cell::Cell, rc::Rc};
/// use std::time::Instant;
/// use looplet::{EventLoop, Task, TaskEvent};
///
/// let polls = Rc::new(Cell::new(0));
/// let count = polls.clone();
/// let observer = move |_at: Instant, _task: &Task, event: TaskEvent<'_>| {
///     if let TaskEvent::PollBegins = event {
///         count.set(count.get() + 1);
///     }
/// };
/// EventLoop::builder().observer(observer).build().block_on(looplet::yield_now());
/// assert_eq!(polls.get(), 2);
/// ```
pub trait Observer {
    /// Called with an event of a task and the time of the loop's clock.
    ///
    /// It is called in the middle of the loop's work, so it should only read: events that it causes itself are not
    /// observed. A panic in it is caught and printed, and it is not called again after that.
    fn observe(&self, at: Instant, task: &Task, event: TaskEvent<'_>);
}

impl<F: Fn(Instant, &Task, TaskEvent<'_>)> Observer for F {
    fn observe(&self, at: Instant, task: &Task, event: TaskEvent<'_>) {
        self(at, task, event);
    }
}

impl Builder {
    /// Passes the events of the loop's tasks to `observer`: when they are spawned, queued (and by what), polled, wait
    /// and end. A second observer is called after the first one.
    ///
    /// An observer costs nothing where there is none. With one, a poll costs some hundred nanoseconds more, and a
    /// [`dump`](crate::dump) shows the age and the polls of each task.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    /// use looplet::{EventLoop, Task, TaskEvent};
    ///
    /// let observer = |at: Instant, task: &Task, event: TaskEvent<'_>| println!("{at:?} {task:?} {event:?}");
    /// EventLoop::builder().observer(observer).build().block_on(async {});
    /// ```
    #[doc(alias = "set_debug")]
    pub fn observer(self, observer: impl Observer + 'static) -> Self {
        self.with(|core| match dispatcher(core) {
            Some(dispatcher) => dispatcher.add(Rc::new(observer)),
            None => core.observe(Rc::new(Dispatcher::new(
                Rc::downgrade(core),
                Rc::new(observer),
            ))),
        })
    }
}

/// Two observers, called in this order.
struct Pair(Rc<dyn Observer>, Rc<dyn Observer>);

impl Observer for Pair {
    fn observe(&self, at: Instant, task: &Task, event: TaskEvent<'_>) {
        self.0.observe(at, task, event);
        self.1.observe(at, task, event);
    }
}

/// The counters of a task for its dump.
#[derive(Clone, Copy)]
pub(super) struct Stats {
    pub(super) spawned: Instant,
    pub(super) polls: u64,
    pub(super) running: Duration,
    /// The begin of the last poll.
    begun: Instant,
}

/// Passes the events of the tasks to the observer: adds the time, updates the counters, and catches panics.
pub(super) struct Dispatcher {
    core: Weak<Core>,
    observer: RefCell<Rc<dyn Observer>>,
    stats: RefCell<HashMap<TaskId, Stats>>,
    /// Set while the observer runs, and for good once it has panicked.
    is_disabled: Cell<bool>,
}

impl Dispatcher {
    pub(super) fn new(core: Weak<Core>, observer: Rc<dyn Observer>) -> Self {
        Self {
            core,
            observer: RefCell::new(observer),
            stats: RefCell::default(),
            is_disabled: Cell::new(false),
        }
    }

    pub(super) fn stats(&self, task: TaskId) -> Option<Stats> {
        self.stats.borrow().get(&task).copied()
    }

    fn add(&self, observer: Rc<dyn Observer>) {
        let mut first = self.observer.borrow_mut();
        *first = Rc::new(Pair(first.clone(), observer));
    }

    fn dispatch(&self, at: Instant, task: &Task, event: TaskEvent<'_>) {
        if self.is_disabled.replace(true) {
            return;
        }
        let observer = self.observer.borrow().clone();
        match panic::catch_unwind(AssertUnwindSafe(|| observer.observe(at, task, event))) {
            Ok(()) => self.is_disabled.set(false),
            Err(panic) => {
                print(format_args!(
                    "the observer panicked, and is not called any more: {}",
                    panic_message(&*panic)
                ));
                drop_quietly(panic);
            }
        }
    }

    fn count(&self, at: Instant, task: TaskId, event: TaskEvent<'_>) {
        let mut all = self.stats.borrow_mut();
        match (event, all.get_mut(&task)) {
            (TaskEvent::Spawned(_), _) => {
                let new = Stats {
                    spawned: at,
                    polls: 0,
                    running: Duration::ZERO,
                    begun: at,
                };
                all.insert(task, new);
            }
            (TaskEvent::PollBegins, Some(stats)) => {
                stats.polls += 1;
                stats.begun = at;
            }
            (TaskEvent::PollEnds, Some(stats)) => stats.running += at - stats.begun,
            (TaskEvent::Finished | TaskEvent::Cancelled | TaskEvent::Panicked, _) => {
                all.remove(&task);
            }
            _ => {}
        }
    }
}

impl EventSink for Dispatcher {
    fn emit(&self, task: &Task, event: TaskEvent<'_>) {
        // Without a core, the loop is being dropped and no event is left to report.
        let Some(core) = self.core.upgrade() else {
            return;
        };
        let at = core.clock.peek();
        self.count(at, task.id(), event);
        match (current_polls(&core), event) {
            (Some(current_polls), TaskEvent::PollBegins) => current_polls.begin(task),
            (Some(current_polls), TaskEvent::PollEnds) => current_polls.end(),
            _ => {}
        }
        self.dispatch(at, task, event);
    }

    fn as_any(self: Rc<Self>) -> Rc<dyn Any> {
        self
    }
}

/// The dispatcher of this loop, if it has an observer.
pub(super) fn dispatcher(core: &Core) -> Option<Rc<Dispatcher>> {
    let sink = core.tasks.observer()?.as_any();
    let dispatcher = sink.downcast();
    Some(dispatcher.expect("only this module sets the observer"))
}
