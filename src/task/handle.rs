//! `Task`: a reference-counted pointer to a task of any type.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::mem::{self, ManuallyDrop};
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::task::Waker;

use super::raw::{self, Header};
use super::shared::{self, Local, Phase, Shared};
use super::state::{CancelAction, Outcome, WakeAction};
use super::waiters::{AtEnd, Waiter};
use super::work::Kind;
use super::{observe, vacant, waker};
use crate::error::{JoinError, panic_message};
use crate::waiting::TaskId;

/// The message of the panic of a task that awaits its own handle.
pub(super) const AWAITS_ITSELF: &str = "a task cannot await itself";

/// A reference to a task, without its result: to inspect, name or cancel the task.
///
/// Clones refer to the same task and compare equal. Dropping one does not affect the task.
///
/// # Examples
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
/// A `Task` is not `Send`:
///
/// ```compile_fail,E0277
/// fn send<T: Send>() {}
/// send::<looplet::Task>();
/// ```
pub struct Task(NonNull<Header>);

impl Task {
    /// # Safety
    ///
    /// `task` is a live cell, one reference to it moves into the `Task`, and this is the owner thread.
    pub(super) unsafe fn from_ptr(task: NonNull<Header>) -> Self {
        Self(task)
    }

    /// A view that owns no reference.
    ///
    /// # Safety
    ///
    /// `task` is a live cell for as long as the view is used, and this is the owner thread.
    pub(super) unsafe fn borrowed(task: NonNull<Header>) -> ManuallyDrop<Self> {
        ManuallyDrop::new(Self(task))
    }

    pub(super) fn as_ptr(&self) -> NonNull<Header> {
        self.0
    }

    #[inline]
    pub(super) fn header(&self) -> &Header {
        // SAFETY: COUNTED: this `Task` owns a reference.
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

    /// Pushes a task whose queued flag was just set onto the ready queue.
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
            WakeAction::NoteAndEnqueue => observe::enqueue(self.0),
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

    /// Whether the task has ended by cancellation. A pending request does not count.
    #[doc(alias = "cancelled")]
    pub fn is_cancelled(&self) -> bool {
        self.header().state.outcome() == Some(Outcome::Cancelled)
    }

    /// The task's identity.
    pub fn id(&self) -> TaskId {
        let extra = self.header().waiters.extra();
        let named = extra.map_or(0, |extra| extra.named.get());
        TaskId {
            serial: self.local().serial,
            number: self.header().state.number(),
            named,
        }
    }

    /// The task's name: the one it was given, or `Task-N`.
    #[doc(alias = "get_name")]
    pub fn name(&self) -> Rc<str> {
        let own = self.header().waiters.extra().and_then(|extra| {
            let name = extra.name.take();
            let copy = name.as_deref().map(Rc::from);
            extra.name.set(name);
            copy
        });
        own.unwrap_or_else(|| match self.header().vtable.kind {
            Kind::Task => format!("Task-{}", self.header().state.number()).into(),
            Kind::Call => "call".into(),
            Kind::Source => "message from another thread".into(),
        })
    }

    /// Renames the task.
    pub fn set_name(&self, name: impl Into<Rc<str>>) {
        let name: Rc<str> = name.into();
        self.extra().name.set(Some((*name).into()));
    }

    /// The source location of the spawn.
    ///
    /// # Examples
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

    /// Names a new task. Its number goes to the next unnamed one.
    pub(super) fn take_name(&self, name: &str) {
        let local = self.local();
        local.numbered.set(local.numbered.get() - 1);
        local.named.set(local.named.get() + 1);
        self.header().state.set_number(local.numbered.get());
        self.extra().named.set(local.named.get());
        self.extra().name.set(Some(name.into()));
    }

    /// Whether this task is the innermost one on the stack.
    pub(super) fn is_current(&self) -> bool {
        self.local().running.get() == Some(self.0)
    }

    /// Whether cancellation was requested.
    pub(crate) fn is_cancel_requested(&self) -> bool {
        self.header().state.is_cancel_requested()
    }

    /// How the task ended, if it has.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.header().state.outcome()
    }

    /// Drops the future of an unfinished task now; for a task on the stack, requests cancellation instead.
    pub(crate) fn end(&self) {
        self.local().end(self);
    }

    /// Registers the waiter of the task's handle.
    #[inline]
    pub(super) fn set_waiter(&self, waker: &Waker) {
        let header = self.header();
        match waker::task_of(waker, header.shared) {
            Some(task) if header.waiters.is_empty() && task != self.0 => {
                // SAFETY: COUNTED: the waker holds a reference, so the task is alive; and it is of this loop, which
                // would have given this task a box when it was closed.
                unsafe { header.waiters.put(task) };
            }
            Some(task) => self.replace_waiter(task),
            None => self.set_external_waiter(waker),
        }
    }

    fn replace_waiter(&self, task: NonNull<Header>) {
        assert!(task != self.0, "{AWAITS_ITSELF}");
        self.local().note_join(task, self);
        let waiters = &self.header().waiters;
        if waiters.is(task) {
            return;
        }
        // SAFETY: COUNTED: the caller's waker holds a reference.
        let task = Self::clone(&*unsafe { Self::borrowed(task) });
        // The destructor of an external waiter is user code.
        drop(waiters.set_waiter(Waiter::Task(task)));
    }

    #[cold]
    fn set_external_waiter(&self, waker: &Waker) {
        assert!(!self.is_current(), "{AWAITS_ITSELF}");
        let waiters = &self.header().waiters;
        let is_known =
            |known: &Waiter| matches!(known, Waiter::External(known) if known.will_wake(waker));
        if waiters.with_waiter(is_known) == Some(true) {
            return;
        }
        // Clone and drop of an external waker are user code, which may drop the loop, and so end the task.
        let waker = waker.clone();
        if self.is_finished() {
            self.local().wake_any(waker);
        } else {
            drop(waiters.set_waiter(Waiter::External(waker)));
        }
    }

    /// Removes the waiter of the handle. Its destructor may be user code; a panic in it is reported.
    pub(super) fn clear_waiter(&self) {
        let former = self.header().waiters.take_waiter();
        self.local().discard(former);
    }

    /// Takes the panic of a task of a group. The outcome becomes `Failed`.
    pub(crate) fn take_failure(&self) -> Option<JoinError> {
        let panic = self.take_panic()?;
        self.header().state.finish(Outcome::Failed);
        Some(panic)
    }

    /// A number that no other task has as long as this one is referred to.
    pub(crate) fn address(&self) -> usize {
        self.0.addr().get()
    }

    /// Takes the panic that the task ended with, as an error.
    pub(crate) fn take_panic(&self) -> Option<JoinError> {
        if !self.header().state.take_payload() {
            return None;
        }
        // SAFETY: COUNTED: the task is alive.
        let slot = unsafe { raw::payload::<Box<dyn Any + Send>>(self.0) };
        // SAFETY: OWNER-THREAD: the payload flag was set and the outcome is a panic, so the payload is one. The flag is
        // cleared now, so this is the only read.
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
            self.header().waiters.push(AtEnd::Call(callback));
        }
    }

    /// Writes the debug text without the result and the closing bracket.
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
            // SAFETY: OWNER-THREAD: by the flags, the payload is a panic, and it is not taken while it is copied.
            let panic = unsafe { slot.as_ref() };
            let message = panic_message(&**panic).to_owned();
            // The copy is needed, for the formatter may be user code that takes the panic.
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

// A panic of the future is caught, and the task's state is consistent then.
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
