//! `Task`: a counted pointer to a task, whatever its type.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::mem::{self, ManuallyDrop};
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::task::Waker;

use super::extra::Extra;
use super::raw::{self, Header};
use super::shared::{self, Local, Phase, Shared};
use super::state::{CancelAction, Outcome, WakeAction};
use super::work::Kind;
use super::{vacant, waker, watch};
use crate::error::{JoinError, panic_message};

/// What a task panics with that awaits its own handle.
pub(super) const AWAITS_ITSELF: &str = "a task cannot await itself";

/// A task seen from outside, without the right to its result: to look at it, name it or cancel it.
///
/// Clones are the same task and compare equal. Dropping one does nothing to the task.
///
/// ```
/// looplet::run(async {
///     let handle = looplet::spawn_named("worker", std::future::pending::<()>());
///     let task = handle.task();
///     assert_eq!(format!("{task:?}"), "<Task pending name='worker'>");
///     task.cancel();
///     assert!(handle.await.unwrap_err().is_cancelled());
///     assert!(task.is_cancelled());
/// });
/// ```
///
/// It stays on its thread:
///
/// ```compile_fail,E0277
/// fn send<T: Send>() {}
/// send::<looplet::Task>();
/// ```
pub struct Task(NonNull<Header>);

/// The identity of a task: unique in the process, and ordered by spawn within a loop.
///
/// It prints as three numbers: its loop's, its own among the unnamed tasks (of a task that was named at its spawn: that
/// of the last unnamed one before it), and its own among the named ones (0: it was not named).
///
/// ```
/// looplet::run(async {
///     let (first, second) = (looplet::spawn(async {}), looplet::spawn(async {}));
///     assert!(first.id() < second.id());
///     assert_eq!(first.id(), first.task().id());
///     assert!(first.id().to_string().ends_with(".2.0")); // the second unnamed task, after main
/// });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId {
    serial: u64,
    number: u64,
    named: u64,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.serial, self.number, self.named)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskId({self})")
    }
}

impl Task {
    /// # Safety
    ///
    /// `task` is a live cell, one of its counts becomes the `Task`'s, and this is the loop's thread.
    pub(super) unsafe fn from_ptr(task: NonNull<Header>) -> Self {
        Self(task)
    }

    /// A view that gives no count back.
    ///
    /// # Safety
    ///
    /// `task` is a live cell for as long as the view is used, and this is the loop's thread.
    pub(super) unsafe fn borrowed(task: NonNull<Header>) -> ManuallyDrop<Self> {
        ManuallyDrop::new(Self(task))
    }

    pub(super) fn as_ptr(&self) -> NonNull<Header> {
        self.0
    }

    #[inline]
    pub(super) fn header(&self) -> &Header {
        // SAFETY: COUNTED: this `Task` owns a count.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    pub(super) fn shared(&self) -> &Shared {
        // SAFETY: COUNTED: a live cell's block is alive.
        unsafe { self.header().shared.as_ref() }
    }

    #[inline]
    pub(super) fn local(&self) -> &Local {
        &self.shared().local
    }

    /// Puts a task whose queued flag was just turned on into the ready queue.
    #[inline]
    pub(super) fn enqueue(&self) {
        let local = self.local();
        local.wakes.set(local.wakes.get() + 1);
        local.ready.push(self.0);
    }

    /// Makes the task ready, unless it is ready or finished.
    #[inline]
    pub(super) fn schedule(&self) -> bool {
        self.act_on(self.header().state.wake())
    }

    #[inline]
    fn act_on(&self, action: WakeAction) -> bool {
        match action {
            WakeAction::Nothing => return false,
            WakeAction::Enqueue => self.enqueue(),
            WakeAction::NoteAndEnqueue => watch::enqueue(self.0),
        }
        true
    }

    /// Requests the cancellation of the task; see [`JoinHandle::cancel`](super::JoinHandle::cancel).
    pub fn cancel(&self) -> bool {
        match self.header().state.request_cancel() {
            CancelAction::TooLate => false,
            CancelAction::Wake(action) => {
                self.act_on(action);
                true
            }
        }
    }

    /// Whether the task has ended, in whatever way.
    #[doc(alias = "done")]
    pub fn is_finished(&self) -> bool {
        self.header().state.is_finished()
    }

    /// Whether the task has ended by cancellation. A mere request does not count.
    #[doc(alias = "cancelled")]
    pub fn is_cancelled(&self) -> bool {
        self.header().state.outcome() == Some(Outcome::Cancelled)
    }

    /// The task's identity.
    pub fn id(&self) -> TaskId {
        let named = self
            .header()
            .extra
            .get()
            .map_or(0, |extra| extra.named.get());
        TaskId {
            serial: self.local().serial,
            number: self.header().state.number(),
            named,
        }
    }

    /// The task's name: the one it was given, or `Task-N`.
    #[doc(alias = "get_name")]
    pub fn name(&self) -> Rc<str> {
        let own = self
            .header()
            .extra
            .get()
            .and_then(|extra| extra.name.borrow().as_deref().map(Rc::from));
        own.unwrap_or_else(|| match self.header().vtable.kind {
            Kind::Task => format!("Task-{}", self.header().state.number()).into(),
            Kind::Call => "call".into(),
        })
    }

    /// Renames the task.
    pub fn set_name(&self, name: impl Into<Rc<str>>) {
        let name: Rc<str> = name.into();
        *self.extra().name.borrow_mut() = Some((*name).into());
    }

    /// The place in the source where the task was spawned.
    ///
    /// ```
    /// looplet::run(async {
    ///     let task = looplet::spawn(async {}).task();
    ///     assert!(task.spawned_at().line() > 0);
    /// });
    /// ```
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.header().spawned_at
    }

    /// Names a task that is just being made. Its number goes to the next unnamed one.
    pub(super) fn take_name(&self, name: &str) {
        let local = self.local();
        local.numbered.set(local.numbered.get() - 1);
        local.named.set(local.named.get() + 1);
        self.header().state.set_number(local.numbered.get());
        self.extra().named.set(local.named.get());
        *self.extra().name.borrow_mut() = Some(name.into());
    }

    pub(super) fn extra(&self) -> &Extra {
        self.header().extra.get_or_init(Box::default)
    }

    /// Whether this task's code is on top of the stack.
    pub(super) fn is_current(&self) -> bool {
        self.local().running.get() == Some(self.0)
    }

    /// Whether somebody has asked for the end of the task.
    pub(crate) fn is_cancel_requested(&self) -> bool {
        self.header().state.is_cancel_requested()
    }

    /// How the task ended, if it did.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.header().state.outcome()
    }

    /// Drops the future of an unfinished task now; one that is on the stack is only asked to end.
    pub(crate) fn end(&self) {
        self.local().end(self);
    }

    /// Notes who awaits the task's handle. Whoever is lazy is woken only by an end that is no ordinary value. False: it
    /// was noted before.
    #[inline]
    pub(crate) fn set_waiter(&self, waker: &Waker, lazy: bool) -> bool {
        let header = self.header();
        header.state.set_lazy(lazy);
        match waker::task_of(waker, header.shared) {
            Some(task) if header.is_plain() && task != self.0 => {
                // SAFETY: COUNTED: the waker holds a count, so the task is alive; and it is of this loop.
                unsafe { header.waiter.put(task) };
                true
            }
            Some(task) => self.replace_waiter(task),
            None => self.set_external_waiter(waker),
        }
    }

    fn replace_waiter(&self, task: NonNull<Header>) -> bool {
        assert!(task != self.0, "{AWAITS_ITSELF}");
        self.local().note_join(task, self);
        let header = self.header();
        if header.waiter.is(task) {
            return false;
        }
        let first = header.waiter.take().is_none();
        if !header.waiter.is_vacant() {
            // The loop has been dropped by this task's destructor: there is nobody to wake.
            return true;
        }
        if let Some(extra) = header.extra.get() {
            self.note_waiter_order(extra, first);
        }
        // SAFETY: COUNTED: the waker that names the task holds a count; and it is of this loop.
        unsafe { header.waiter.put(task) };
        // Last, for it may be anybody's code.
        drop(header.extra.get().and_then(|extra| extra.waiter.take()));
        true
    }

    #[cold]
    fn set_external_waiter(&self, waker: &Waker) -> bool {
        assert!(!self.is_current(), "{AWAITS_ITSELF}");
        let extra = self.extra();
        let first = self.header().waiter.take().is_none();
        let known = extra.waiter.borrow();
        if known.as_ref().is_some_and(|old| old.will_wake(waker)) {
            return false;
        }
        drop(known);
        self.note_waiter_order(extra, first);
        // A foreign waker's clone and drop are somebody else's code: nothing is borrowed meanwhile.
        let waker = waker.clone();
        let old = extra.waiter.replace(Some(waker));
        drop(old);
        if self.is_finished() {
            // That code has dropped the loop, and so the waiter came too late to be woken.
            self.local().wake_waiters(self, extra, None);
        }
        true
    }

    /// The callbacks that were there first stay in front of the first waiter, and of those that replace it.
    fn note_waiter_order(&self, extra: &Extra, first: bool) {
        if first && extra.waiter.borrow().is_none() {
            extra.before_waiter.set(extra.callbacks.borrow().len());
        }
    }

    /// The task's handle is awaited no more. What is dropped here may be anybody's code; a panic in it is reported.
    pub(crate) fn clear_waiter(&self) {
        drop(self.header().waiter.take());
        if let Some(extra) = self.header().extra.get() {
            let external = (extra.waiter.take(), extra.collector.take());
            self.local().discard(external);
        }
    }

    /// Takes the panic that the task ended with, as an error.
    pub(crate) fn take_panic(&self) -> Option<JoinError> {
        if !self.header().state.take_payload() {
            return None;
        }
        // SAFETY: COUNTED: the task is alive.
        let slot = unsafe { raw::payload::<Box<dyn Any + Send>>(self.0) };
        // SAFETY: OWNER-THREAD: the payload flag was on and the outcome is a panic, so one lies there; now it is ours.
        let panic = unsafe { slot.read() };
        Some(JoinError::panicked(&self.name(), panic))
    }

    /// See [`JoinHandle::on_done`](super::JoinHandle::on_done).
    pub(crate) fn on_done(&self, f: impl FnOnce(&Self) + 'static, at: &'static Location<'static>) {
        let task = self.clone();
        let callback = vacant::call(self.header().shared, at, move || f(&task)).into_task();
        if self.is_finished() {
            callback.schedule();
        } else {
            self.extra().callbacks.borrow_mut().push(callback);
        }
    }

    /// Writes all of the debug text but the result and the closing bracket.
    pub(super) fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = &self.header().state;
        let word = match state.outcome() {
            None if state.is_cancel_requested() => "cancelling",
            None => "pending",
            Some(Outcome::Cancelled) => "cancelled",
            Some(_) => "finished",
        };
        write!(f, "<Task {word} name='{}'", self.name())?;
        if state.outcome() == Some(Outcome::Panicked) && state.has_payload() {
            // SAFETY: COUNTED: the task is alive.
            let slot = unsafe { raw::payload::<Box<dyn Any + Send>>(self.0) };
            // SAFETY: OWNER-THREAD: the flags say that a panic lies there, and nothing in this statement takes it.
            let panic = unsafe { slot.as_ref() };
            let message = panic_message(&**panic).to_owned();
            // Copied, for what is written to may be anybody's code, and may take the panic.
            write!(f, " panic={message:?}")?;
        }
        Ok(())
    }
}

impl Clone for Task {
    #[inline]
    fn clone(&self) -> Self {
        if self.local().phase.get() == Phase::Closed {
            waker::clone_remote(self.header());
        } else {
            waker::count_up(self.header());
        }
        Self(self.0)
    }
}

impl Drop for Task {
    #[inline]
    fn drop(&mut self) {
        let count = self.header().count.get() - 1;
        self.header().count.set(count);
        if count <= 0 {
            shared::free_if_last(self.0);
        }
    }
}

// A task's panic is caught before anything of the task can be seen, and its state is settled then.
impl UnwindSafe for Task {}
impl RefUnwindSafe for Task {}

impl PartialEq for Task {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self.0.as_ptr(), other.0.as_ptr())
    }
}

impl Eq for Task {}

impl Hash for Task {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(f)?;
        f.write_str(">")
    }
}

const _: () = assert!(mem::size_of::<Option<Task>>() == 8 || mem::size_of::<usize>() != 8);
