//! Registration for the end of a task: by its handle, for several tasks at once, as a group, with a callback.

use std::cell::Cell;
use std::panic::Location;
use std::ptr::NonNull;
use std::rc::Rc;
use std::task::Waker;

use super::ends::{Ends, Filter};
use super::header::Header;
use super::reference::Task;
use super::waiters::{AtEnd, Group, Waiter};
use super::{vacant, waker};

/// The message of the panic of a task that awaits its own handle.
pub(super) const AWAITS_ITSELF: &str = "a task cannot await itself";

impl Task {
    /// Registers the waiter of the task's handle.
    #[inline]
    pub(super) fn set_waiter(&self, waker: &Waker) {
        let header = self.header();
        match waker::task_of(waker, header.shared) {
            Some(task) if header.waiters.is_empty() && task != self.as_ptr() => {
                // SAFETY: COUNTED: the waker holds a reference, so the task is alive; and it is of this loop, which
                // would have given this task a box when it was closed.
                unsafe { header.waiters.put(task) };
            }
            Some(task) => self.replace_waiter(task),
            None => self.set_external_waiter(waker),
        }
    }

    fn replace_waiter(&self, task: NonNull<Header>) {
        assert!(task != self.as_ptr(), "{AWAITS_ITSELF}");
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
        if !self.header().waiters.is_empty() {
            let former = self.header().waiters.take_waiter();
            self.local().discard(former);
        }
    }

    #[inline]
    fn set_ends(&self, ends: &Rc<Ends>) {
        if self.header().waiters.is_empty() {
            return self.header().waiters.put_ends(ends.clone());
        }
        let former = self.header().waiters.set_waiter(Waiter::Ends(ends.clone()));
        self.local().discard(former);
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

    /// Makes a new task the child of a group. The group is notified of its end first, and may take its panic.
    pub(crate) fn set_group(&self, group: Rc<dyn Group>, number: usize) {
        self.header().waiters.push(AtEnd::Group(group, number));
    }

    /// The tasks that wait for the end of this one: through its handle, and as its group.
    pub(crate) fn awaited_by(&self) -> [Option<Self>; 2] {
        let waiters = &self.header().waiters;
        let of_handle = waiters.with_waiter(|waiter| match waiter {
            Waiter::Task(task) => Some(task.clone()),
            Waiter::Ends(ends) => self.task_waiting_in(ends.waiting()),
            Waiter::External(_) => None,
        });
        let group = waiters.group();
        let of_group = group
            .as_ref()
            .and_then(|group| self.task_waiting_in(group.waiting()?));
        [of_handle.flatten(), of_group]
    }

    /// The position of the task's end among the ends of its loop.
    fn ended_as(&self) -> usize {
        self.header().waiters.ended_as()
    }

    /// The task of this one's loop whose waker is in the cell.
    fn task_waiting_in(&self, waiting: &Cell<Option<Waker>>) -> Option<Self> {
        // The waker is put back, and no user code runs meanwhile.
        let waker = waiting.take()?;
        let waiter = waker::task_behind(&waker, self.header().shared);
        waiting.set(Some(waker));
        waiter
    }
}

impl Ends {
    /// Waits for these tasks, whose handles have no other waiter from now on. Those that have ended come first, in the
    /// order in which they ended.
    pub(crate) fn of<'a>(tasks: impl Iterator<Item = &'a Task>, filter: Filter) -> Rc<Self> {
        let this = Rc::new(Self::new(filter));
        for task in tasks {
            if task.is_finished() {
                this.add_ended(task);
            } else {
                this.add();
                task.set_ends(&this);
            }
        }
        this.sort_found(|a, b| a.ended_as().cmp(&b.ended_as()));
        this
    }
}
