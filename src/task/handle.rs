//! What can be asked of a `Task`: its state, name, identity and outcome.

use std::any::Any;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use super::raw;
use super::reference::Task;
use super::state::Outcome;
use super::work::Kind;
use crate::error::{self, JoinError, TaskName, panic_message};
use crate::waiting::TaskId;

impl Task {
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
        match self.called() {
            TaskName::Given(name) => name.into(),
            TaskName::Number(number) => error::numbered(number).into(),
        }
    }

    /// The name, which is not written yet if it is a number.
    pub(crate) fn called(&self) -> TaskName {
        let given = self.header().waiters.extra().and_then(|extra| {
            let name = extra.name.take();
            let copy = name.clone();
            extra.name.set(name);
            copy
        });
        let unnamed = || match self.header().vtable.kind {
            Kind::Task => TaskName::Number(self.header().state.number()),
            Kind::Call => "call".into(),
            Kind::Source => "message from another thread".into(),
        };
        given.map_or_else(unnamed, TaskName::Given)
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

    /// Whether this task is the innermost one on the call stack.
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

    /// Drops the future of an unfinished task now; for a task on the call stack, requests cancellation instead.
    pub(crate) fn end(&self) {
        self.local().end(self);
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
        Some(JoinError::panicked(self.called(), panic))
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

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(f)?;
        f.write_str(">")
    }
}
