//! Observers of a loop, and the events that they receive.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use crate::error::panic_message;
use crate::event_loop::Builder;
use crate::event_loop::core::{self, Core};
use crate::remote::current_polls;
use crate::task::{Cause, News, Notes, Outcome, Task, TaskId, Watch, drop_quietly};
use crate::waiting::Kind;

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

/// An event of a task, passed to an [`Observer`]. Plain calls are not tasks: they only appear as causes.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum TaskEvent<'a> {
    /// It was spawned. It is queued too, unless it is eager or its loop is ending.
    Spawned(WokenBy<'a>),
    /// It was waiting and became ready, or is to be cancelled.
    Queued(WokenBy<'a>),
    /// Its poll begins, inside of another task's poll if it is eager.
    PollBegins,
    /// Its poll has ended. If the task has ended in it, that event came before.
    PollEnds,
    /// It waits, for any of these.
    ///
    /// If it waits for several tasks, there is a [`Result`](WaitsOn::Result) for each. If it is woken then and
    /// continues to wait for more than a hundred of them, there is one for some of them, and
    /// [`OtherResults`](WaitsOn::OtherResults) for the rest.
    WaitBegins(&'a [WaitsOn]),
    /// Its wait is over; `Queued` follows.
    WaitEnds,
    /// It has returned a value.
    Finished,
    /// It was cancelled.
    Cancelled,
    /// It has panicked, or its error went to its task group.
    Panicked,
}

/// The cause of a spawn or a wakeup.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum WokenBy<'a> {
    /// A task: code in its poll, or its end.
    Task(&'a Task),
    /// A plain call.
    Call,
    /// A timer.
    Timer,
    /// Another thread.
    OtherThread,
    /// Code outside of the running loop, or the loop itself as it ends.
    Outside,
}

/// What a task waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WaitsOn {
    /// A point in time.
    Until(Instant),
    /// A time that never comes.
    Forever,
    /// The result of a task.
    Result(TaskId),
    /// The results of other tasks, which were listed before; see [`TaskEvent::WaitBegins`].
    OtherResults,
    /// An item of a queue.
    QueueGet,
    /// Room in a queue.
    QueuePut,
    /// The completion of all items that were put into a queue.
    QueueJoin,
    /// A mutex, or a permit of a semaphore.
    Lock,
    /// An event that is not set.
    Event,
    /// A notification of a condition.
    Condition,
    /// The other tasks of a barrier.
    Barrier,
    /// The message of a oneshot channel.
    Message,
    /// The children of its task group, which are listed as [`Result`](Self::Result)s too.
    Group,
    /// The first of several tasks to end, which are listed as [`Result`](Self::Result)s too.
    AnyOfMany,
    /// A future of another crate, or a wait that was not recorded.
    Elsewhere,
}

impl WaitsOn {
    /// Whether it only repeats the [`Result`](Self::Result)s of the same wait.
    pub(crate) fn is_in_results(&self) -> bool {
        matches!(self, Self::Group | Self::AnyOfMany)
    }
}

impl From<Kind> for WaitsOn {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::QueueGet => Self::QueueGet,
            Kind::QueuePut => Self::QueuePut,
            Kind::QueueJoin => Self::QueueJoin,
            Kind::Lock => Self::Lock,
            Kind::Event => Self::Event,
            Kind::Condition => Self::Condition,
            Kind::Barrier => Self::Barrier,
            Kind::Message => Self::Message,
            Kind::Group => Self::Group,
            Kind::AnyOfMany => Self::AnyOfMany,
            Kind::Forever => Self::Forever,
        }
    }
}

/// The counters of a task for its dump.
#[derive(Clone, Copy)]
pub(super) struct Stats {
    pub(super) spawned: Instant,
    pub(super) polls: u64,
    pub(super) running: Duration,
    begun: Option<Instant>,
}

/// Passes the events of the tasks to the observer: adds the time, updates the counters, and catches panics.
pub(super) struct Dispatcher {
    core: Weak<Core>,
    observer: RefCell<Option<Rc<dyn Observer>>>,
    stats: RefCell<HashMap<TaskId, Stats>>,
    /// Set while the observer runs, and for good once it has panicked.
    is_disabled: Cell<bool>,
}

impl Dispatcher {
    pub(super) fn new(core: Weak<Core>, observer: Rc<dyn Observer>) -> Self {
        Self {
            core,
            observer: RefCell::new(Some(observer)),
            stats: RefCell::default(),
            is_disabled: Cell::new(false),
        }
    }

    pub(super) fn stats(&self, task: TaskId) -> Option<Stats> {
        self.stats.borrow().get(&task).copied()
    }

    fn add(&self, observer: Rc<dyn Observer>) {
        let mut first = self.observer.borrow_mut();
        *first = Some(match first.take() {
            None => observer,
            Some(first) => Rc::new(Pair(first, observer)),
        });
    }

    fn dispatch(&self, at: Instant, task: &Task, event: TaskEvent<'_>) {
        let Some(observer) = self.observer.borrow().clone() else {
            return;
        };
        if self.is_disabled.replace(true) {
            return;
        }
        match panic::catch_unwind(AssertUnwindSafe(|| observer.observe(at, task, event))) {
            Ok(()) => self.is_disabled.set(false),
            Err(panic) => {
                // A closed stderr must not make the loop panic.
                let _ = writeln!(
                    io::stderr(),
                    "looplet: the observer panicked, and is not called any more: {}",
                    panic_message(&*panic)
                );
                drop_quietly(panic);
            }
        }
        // The observer may have dropped the loop, so this may be the last reference.
        drop_quietly(observer);
    }

    fn count(&self, at: Instant, news: &News<'_>) {
        let mut stats = self.stats.borrow_mut();
        match news {
            News::Spawned(task, _) => {
                let new = Stats {
                    spawned: at,
                    polls: 0,
                    running: Duration::ZERO,
                    begun: None,
                };
                stats.insert(task.id(), new);
            }
            News::PollBegins(task) => {
                if let Some(stats) = stats.get_mut(&task.id()) {
                    stats.polls += 1;
                    stats.begun = Some(at);
                }
            }
            News::PollEnds(task) => {
                if let Some(stats) = stats.get_mut(&task.id()) {
                    let begun = stats.begun.take();
                    stats.running += begun.map_or(Duration::ZERO, |begun| at - begun);
                }
            }
            News::Ended(task, _) => drop(stats.remove(&task.id())),
            News::Queued(..) | News::Waits(..) => {}
        }
    }
}

impl Watch for Dispatcher {
    fn notice(&self, news: News<'_>) {
        // Without a core, the loop is being dropped and no event is left to report.
        let Some(core) = self.core.upgrade() else {
            return;
        };
        let at = core.clock.peek();
        self.count(at, &news);
        match (current_polls(&core), &news) {
            (Some(current_polls), News::PollBegins(task)) => current_polls.begin(task),
            (Some(current_polls), News::PollEnds(_)) => current_polls.end(),
            _ => {}
        }
        match news {
            News::Spawned(task, by) => self.dispatch(at, task, TaskEvent::Spawned(by.into())),
            News::Queued(task, by) => {
                self.dispatch(at, task, TaskEvent::WaitEnds);
                self.dispatch(at, task, TaskEvent::Queued(by.into()));
            }
            News::PollBegins(task) => self.dispatch(at, task, TaskEvent::PollBegins),
            News::PollEnds(task) => self.dispatch(at, task, TaskEvent::PollEnds),
            News::Waits(task, notes) => {
                self.dispatch(at, task, TaskEvent::WaitBegins(&waits_of(notes, &core)));
            }
            News::Ended(task, outcome) => {
                let end = match outcome {
                    Outcome::Value => TaskEvent::Finished,
                    Outcome::Cancelled => TaskEvent::Cancelled,
                    Outcome::Panicked | Outcome::Failed => TaskEvent::Panicked,
                };
                self.dispatch(at, task, end);
            }
        }
    }
}

impl core::LoopObserver for Dispatcher {
    fn on_loop_gone(&self) {
        // Breaks a cycle if the observer holds a reference to the loop.
        let observer = self.observer.take();
        drop_quietly(observer);
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The dispatcher of this loop, if it has an observer.
pub(super) fn dispatcher(core: &Core) -> Option<&Dispatcher> {
    let dispatcher = core.observer()?.as_any();
    Some(
        dispatcher
            .downcast_ref()
            .expect("only this module fills the slot"),
    )
}

fn waits_of(notes: &Notes, core: &Core) -> Vec<WaitsOn> {
    let deadlines = notes
        .deadlines
        .iter()
        .map(|&deadline| WaitsOn::Until(core.clock.instant(deadline)));
    let results = notes.results().into_iter().map(WaitsOn::Result);
    let mut waits: Vec<_> = deadlines.chain(results).collect();
    waits.extend(notes.others.then_some(WaitsOn::OtherResults));
    waits.extend(notes.kinds.iter().map(WaitsOn::from));
    if waits.is_empty() {
        waits.push(WaitsOn::Elsewhere);
    }
    waits
}

impl<'a> From<Cause<'a>> for WokenBy<'a> {
    fn from(cause: Cause<'a>) -> Self {
        match cause {
            Cause::Task(task) => Self::Task(task),
            Cause::Call => Self::Call,
            Cause::Timer => Self::Timer,
            Cause::OtherThread => Self::OtherThread,
            Cause::Outside => Self::Outside,
        }
    }
}
