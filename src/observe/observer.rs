//! Observers of a loop, and the events that they receive.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use crate::error::panic_message;
use crate::event_loop::Builder;
use crate::event_loop::core::Core;
use crate::remote::current_polls;
use crate::task::{Counts, EventSink, Task, TaskEvent, drop_quietly, print};

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

/// Passes the events of the tasks to the observer: adds the time, updates the counters, and catches panics.
struct Dispatcher {
    core: Weak<Core>,
    observer: RefCell<Rc<dyn Observer>>,
    /// Set while the observer runs, and for good once it has panicked.
    is_disabled: Cell<bool>,
}

impl Dispatcher {
    fn new(core: Weak<Core>, observer: Rc<dyn Observer>) -> Self {
        Self {
            core,
            observer: RefCell::new(observer),
            is_disabled: Cell::new(false),
        }
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
}

/// Updates the counts of a task for its dump.
fn count(at: Instant, task: &Task, event: TaskEvent<'_>) {
    let counts = match (event, task.counts()) {
        (TaskEvent::Spawned(_), _) => Counts {
            spawned: at,
            polls: 0,
            running: Duration::ZERO,
            begun: at,
        },
        (TaskEvent::PollBegins, Some(counts)) => Counts {
            polls: counts.polls + 1,
            begun: at,
            ..counts
        },
        (TaskEvent::PollEnds, Some(counts)) => Counts {
            running: counts.running + (at - counts.begun),
            ..counts
        },
        _ => return,
    };
    task.set_counts(counts);
}

impl EventSink for Dispatcher {
    fn emit(&self, task: &Task, event: TaskEvent<'_>) {
        // Without a core, the loop is being dropped and no event is left to report.
        let Some(core) = self.core.upgrade() else {
            return;
        };
        let at = core.clock.peek();
        count(at, task, event);
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
fn dispatcher(core: &Core) -> Option<Rc<Dispatcher>> {
    let sink = core.tasks.observer()?.as_any();
    let dispatcher = sink.downcast();
    Some(dispatcher.expect("only this module sets the observer"))
}
