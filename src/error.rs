//! Every error of the crate.
//!
//! Errors that hand a value back ([`PutError`], [`TryPutError`]) hold it in a public field, so nothing is lost.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Declares an error without content: the type, its text, and the traits of an error.
macro_rules! plain_error {
    ($(#[$meta:meta])* $name:ident, $text:literal) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name;

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($text)
            }
        }

        impl Error for $name {}
    };
}

plain_error! {
    /// Nothing more will arrive: from a queue that was shut down and is empty, or a dropped
    /// [`Sender`](crate::sync::Sender).
    #[doc(alias = "QueueShutDown")]
    Closed, "closed: nothing more will arrive"
}

plain_error! {
    /// A deadline passed before the future was done; see [`timeout`](crate::time::timeout).
    #[doc(alias = "TimeoutError")]
    Elapsed, "deadline has elapsed"
}

plain_error! {
    /// A [`Barrier`](crate::sync::Barrier) was aborted, or reset while tasks waited.
    #[doc(alias = "BrokenBarrierError")]
    BrokenBarrier, "the barrier is broken"
}

plain_error! {
    /// The event loop that should have done the work has been dropped, or has begun to end.
    LoopGone, "the event loop is gone"
}

/// The reason why [`Remote::dump`](crate::Remote::dump) returned no dump.
///
/// # Examples
///
/// ```
/// let remote = looplet::EventLoop::new().remote();
/// assert_eq!(remote.dump().unwrap_err(), looplet::NoDump::LoopGone);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoDump {
    /// The event loop has been dropped.
    LoopGone,
    /// The loop is inside of a poll that does not end.
    #[non_exhaustive]
    InPoll {
        /// The name of the task that is polled.
        task: String,
        /// How long the poll has taken so far.
        since: Duration,
        /// Where the task was spawned.
        spawned_at: &'static Location<'static>,
    },
    /// The loop has not answered in time: it is not running, or it is inside of a poll and has no observer to record
    /// which task it polls.
    NoAnswer,
}

impl fmt::Display for NoDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LoopGone => fmt::Display::fmt(&LoopGone, f),
            Self::InPoll {
                task,
                since,
                spawned_at,
            } => write!(
                f,
                "the event loop is stuck inside of a poll of task '{task}' for {since:.1?} (spawned at {spawned_at})"
            ),
            Self::NoAnswer => f.write_str(
                "the event loop does not answer: it is not running, or is stuck inside of a poll (an observer \
                 would show which)",
            ),
        }
    }
}

impl Error for NoDump {}

/// A value could not be put because the queue was shut down; the value comes back in field 0.
///
/// # Examples
///
/// ```
/// let queue = looplet::Queue::unbounded();
/// queue.shutdown();
/// let error = futures::executor::block_on(queue.put("egg")).unwrap_err();
/// assert_eq!(error.0, "egg");
/// ```
#[doc(alias = "QueueShutDown")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PutError<T>(pub T);

impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PutError(..)")
    }
}

impl<T> fmt::Display for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("put on a queue that was shut down")
    }
}

impl<T> Error for PutError<T> {}

/// A value could not be put at once; the variants hold it.
#[doc(alias = "QueueFull")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TryPutError<T> {
    /// The queue holds as many items as its bound allows.
    Full(T),
    /// The queue was shut down.
    Closed(T),
}

impl<T> TryPutError<T> {
    /// Returns the value.
    ///
    /// # Examples
    ///
    /// ```
    /// let queue = looplet::Queue::bounded(1);
    /// queue.try_put("egg").unwrap();
    /// assert_eq!(queue.try_put("ham").unwrap_err().into_inner(), "ham");
    /// ```
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(value) | Self::Closed(value) => value,
        }
    }
}

impl<T> fmt::Debug for TryPutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Display for TryPutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "put on a full queue",
            Self::Closed(_) => "put on a queue that was shut down",
        })
    }
}

impl<T> Error for TryPutError<T> {}

/// No item could be taken at once.
///
/// # Examples
///
/// ```
/// use looplet::{Queue, TryGetError};
///
/// let queue = Queue::<u8>::unbounded();
/// assert_eq!(queue.try_get(), Err(TryGetError::Empty));
/// queue.shutdown();
/// assert_eq!(queue.try_get(), Err(TryGetError::Closed));
/// ```
#[doc(alias = "QueueEmpty")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TryGetError {
    /// The queue is empty at the moment.
    Empty,
    /// The queue was shut down and is empty.
    Closed,
}

impl fmt::Display for TryGetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "get on an empty queue",
            Self::Closed => "get on a queue that was shut down",
        })
    }
}

impl Error for TryGetError {}

/// A task ended without a result: it was cancelled, it panicked, or its error went to its task group.
///
/// Awaiting a [`JoinHandle`](crate::task::JoinHandle) gives this error.
///
/// # Examples
///
/// ```
/// let outcome = looplet::run(async {
///     let task = looplet::spawn_named("fragile", async { panic!("out of eggs") });
///     task.await.map(|()| "fine")
/// });
/// let error = outcome.unwrap_err();
/// assert!(error.is_panic());
/// assert_eq!(error.to_string(), "task 'fragile' panicked: out of eggs");
/// ```
#[doc(alias = "CancelledError")]
pub struct JoinError(Box<Ended>);

struct Ended {
    /// Written when it is asked for.
    name: OnceLock<Box<str>>,
    number: u64,
    how: How,
}

/// What a task is called: by the name that it was given, or by its number.
pub(crate) enum TaskName {
    Given(Box<str>),
    Number(u64),
}

impl From<&str> for TaskName {
    fn from(name: &str) -> Self {
        Self::Given(name.into())
    }
}

/// The name of a task that was given none.
pub(crate) fn numbered(number: u64) -> String {
    format!("Task-{number}")
}

enum How {
    Cancelled,
    Failed,
    // The lock makes a payload that is only `Send` also `Sync`; it is never contended.
    Panicked(Mutex<Box<dyn Any + Send>>),
}

impl JoinError {
    pub(crate) fn cancelled(task: impl Into<TaskName>) -> Self {
        Self::new(task.into(), How::Cancelled)
    }

    pub(crate) fn failed(task: impl Into<TaskName>) -> Self {
        Self::new(task.into(), How::Failed)
    }

    pub(crate) fn panicked(task: impl Into<TaskName>, payload: Box<dyn Any + Send>) -> Self {
        Self::new(task.into(), How::Panicked(Mutex::new(payload)))
    }

    fn new(task: TaskName, how: How) -> Self {
        let (name, number) = match task {
            TaskName::Given(name) => (OnceLock::from(name), 0),
            TaskName::Number(number) => (OnceLock::new(), number),
        };
        Self(Box::new(Ended { name, number, how }))
    }

    /// Whether the task was cancelled.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0.how, How::Cancelled)
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.0.how, How::Panicked(_))
    }

    /// Whether the task's error or panic went to its task group, which reports it.
    pub fn is_failed(&self) -> bool {
        matches!(self.0.how, How::Failed)
    }

    /// The payload of the panic, ready for [`std::panic::resume_unwind`].
    ///
    /// # Panics
    ///
    /// If the task did not panic; check [`is_panic`](Self::is_panic) first.
    ///
    /// # Examples
    ///
    /// ```
    /// let error = looplet::run(async { looplet::spawn(async { panic!("no salt") }).await }).unwrap_err();
    /// assert_eq!(*error.into_panic().downcast::<&str>().unwrap(), "no salt");
    /// ```
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        match self.0.how {
            How::Panicked(payload) => payload.into_inner().unwrap_or_else(PoisonError::into_inner),
            How::Cancelled | How::Failed => panic!(
                "into_panic() on a task that did not panic: {}",
                Self(self.0)
            ),
        }
    }

    /// The text of the panic. It is a copy, for the lock must not be held while user code formats it.
    pub(crate) fn message(&self) -> String {
        let How::Panicked(payload) = &self.0.how else {
            return String::new();
        };
        panic_message(&**payload.lock().unwrap_or_else(PoisonError::into_inner)).to_owned()
    }

    /// The name that the task had when it ended.
    pub fn task_name(&self) -> &str {
        let ended = &*self.0;
        ended.name.get_or_init(|| numbered(ended.number).into())
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.task_name();
        match &self.0.how {
            How::Cancelled => write!(f, "task '{name}' was cancelled"),
            How::Failed => write!(f, "task '{name}' failed: its task group holds the error"),
            How::Panicked(_) => write!(f, "task '{name}' panicked: {}", self.message()),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl Error for JoinError {}

/// The message of a panic, if its payload is a string.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "(a payload that is no text)"
    }
}

/// One member of a [`GroupError`].
#[derive(Debug)]
pub enum Failure<E> {
    /// A child, or the group's body, returned this error.
    Error(E),
    /// A child panicked.
    Panic(JoinError),
}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::Panic(error) => error.fmt(f),
        }
    }
}

/// All failures of a [`task_group`](crate::task_group), in the order in which they happened.
///
/// # Examples
///
/// ```
/// use looplet::{Failure, task_group};
///
/// let error = looplet::run(task_group(async |group| {
///     group.spawn(async { Err::<(), _>("no salt") }).detach();
///     group.spawn::<(), _>(async { panic!("no pan") }).detach();
///     Ok(())
/// }));
/// match error.unwrap_err().failures() {
///     [Failure::Error(text), Failure::Panic(panic)] => {
///         assert_eq!(*text, "no salt");
///         assert!(panic.is_panic());
///     }
///     other => panic!("{other:?}"),
/// }
/// ```
#[doc(alias = "ExceptionGroup")]
#[derive(Debug)]
pub struct GroupError<E>(Vec<Failure<E>>);

impl<E> GroupError<E> {
    pub(crate) fn new(failures: Vec<Failure<E>>) -> Self {
        Self(failures)
    }

    /// The failures, the first one first; there is at least one.
    pub fn failures(&self) -> &[Failure<E>] {
        &self.0
    }

    /// The failures by value.
    pub fn into_failures(self) -> Vec<Failure<E>> {
        self.0
    }
}

impl<E: fmt::Display> fmt::Display for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 { "" } else { "s" };
        write!(f, "{} failure{plural} in a task group", self.0.len())?;
        self.0
            .iter()
            .enumerate()
            .try_for_each(|(i, failure)| write!(f, "{} {failure}", if i == 0 { ":" } else { ";" }))
    }
}

impl<E: fmt::Debug + fmt::Display> Error for GroupError<E> {}
