//! Wakeups and cancellation requests on the owner thread.

use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use super::header::Header;
use super::reference::Task;
use super::state::{CancelAction, WakeAction};

impl Task {
    /// Pushes a task whose queued flag was just set onto the ready queue.
    #[inline]
    pub(super) fn enqueue(&self) {
        let local = self.local();
        local.wakes.set(local.wakes.get() + 1);
        local.ready.push(self.as_ptr());
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
            WakeAction::NoteAndEnqueue => enqueue(self.as_ptr()),
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
}

/// `Task::enqueue` for an observed task. It takes the pointer by value, so that the caller's fast path needs no stack
/// slot.
#[cold]
#[inline(never)]
pub(super) fn enqueue(task: NonNull<Header>) {
    // SAFETY: COUNTED: the caller holds a `Task`.
    let task = unsafe { Task::borrowed(task) };
    // The task is queued first: the observer may run the loop.
    task.enqueue();
    let local = task.local();
    if let Some(observing) = local.observing.get() {
        (observing.wake)(local, &task);
    }
}

/// The same, and drops a reference.
///
/// # Safety
///
/// The caller owns a reference to the task, and gives it up.
#[cold]
#[inline(never)]
unsafe fn enqueue_and_drop(task: NonNull<Header>) {
    enqueue(task);
    // SAFETY: COUNTED: the caller's reference.
    drop(unsafe { Task::from_ptr(task) });
}

impl Task {
    /// Makes the task ready and drops this reference.
    #[inline(always)]
    pub(super) fn wake(self) {
        match self.header().state.wake() {
            WakeAction::Nothing => {}
            WakeAction::Enqueue => self.enqueue(),
            // A tail call, so that the fast path saves no registers.
            // SAFETY: COUNTED: the reference of this `Task`.
            WakeAction::NoteAndEnqueue => unsafe {
                enqueue_and_drop(ManuallyDrop::new(self).as_ptr());
            },
        }
    }
}
