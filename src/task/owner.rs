//! What the owner thread does with its loop's block: it takes the remote stack, and closes the block at the end.

use std::mem;
use std::process;
use std::ptr::NonNull;

use super::header::Header;
use super::reference::{MAX_REFERENCES, Task};
use super::shared::{self, Phase, Shared};
use super::work::Kind;

impl Shared {
    /// Drains the remote stack: merges references into the plain counts and queues the woken tasks, in order. Then polls
    /// the sources that were woken.
    ///
    /// There is no budget, for the work is bounded: the stack is taken as a whole, and it holds a task at most once,
    /// however often the task was woken (ONE-ENTRY).
    #[cold]
    pub(super) fn take_remote(&self) {
        self.local.taking_remote.set(true);
        for task in self.stack.take_all() {
            // SAFETY: ONE-ENTRY: the task is off the stack and PUSHED.
            unsafe { self.take_one(task) };
        }
        // Only now, because a source runs user code.
        while let Some(source) = self.local.sources.pop() {
            self.local.run_source(source);
        }
        self.local.taking_remote.set(false);
    }

    /// # Safety
    ///
    /// `task` was taken off the stack, and its word was not taken since.
    unsafe fn take_one(&self, task: NonNull<Header>) {
        // SAFETY: ONE-ENTRY: a task off the stack is PUSHED, and so not freed, until its word is taken.
        let header = unsafe { task.as_ref() };
        let taken = header.remote.take();
        // The temporary reference keeps the task alive in `schedule`; its drop frees the task if no other is left.
        let settled = header.count.get() as isize + taken.references + 1;
        match i32::try_from(settled) {
            Ok(count) if count < MAX_REFERENCES => header.count.set(count),
            _ => process::abort(),
        }
        // SAFETY: COUNTED, OWNER-THREAD: the reference that was just added.
        let task = unsafe { Task::from_ptr(task) };
        if header.vtable.kind == Kind::Source {
            if taken.wake && header.state.wake_unobserved() {
                self.local.sources.push(task.as_ptr());
            }
        } else if taken.cancel {
            task.cancel();
        } else if taken.wake && task.schedule() {
            self.local
                .remote_wakes
                .set(self.local.remote_wakes.get() + 1);
        }
    }

    /// Orphans all cells. All tasks that are not on the call stack are finished, no queue entry is left, and no user code
    /// runs here.
    pub(super) fn close(&self) {
        for task in self.stack.close() {
            // SAFETY: ONE-ENTRY: the task is off the stack and PUSHED.
            unsafe { self.take_one(task) };
        }
        for task in self.local.cells.in_use() {
            // SAFETY: COUNTED: a cell in use is live.
            unlink(unsafe { task.as_ref() });
        }
        self.local.phase.set(Phase::Closed);
        self.local.cells.close(Self::orphan);
    }

    /// Orphans a new cell that was allocated after the end of the loop. Call it before any destructor can access the
    /// task.
    pub(super) fn orphan_if_closed(&self, task: NonNull<Header>) {
        if self.local.phase.get() == Phase::Closed {
            self.local.cells.unlist_last();
            // SAFETY: COUNTED: the cell is new.
            unlink(unsafe { task.as_ref() });
            Self::orphan(task);
        }
    }

    /// Moves all references of a cell to its atomic word; the last one may be dropped on any thread.
    fn orphan(task: NonNull<Header>) {
        // SAFETY: COUNTED: a cell in use is live.
        let header = unsafe { task.as_ref() };
        mem::forget(header.shared.to_arc());
        let count = header.count.replace(0);
        if header.remote.die(count as isize) {
            // SAFETY: DROPPED-BY-OWNER: `die` returned true: no reference is left.
            unsafe { shared::free_dead(task) };
        }
    }
}

/// Prepares an unfinished task to outlive its loop. It is marked as queued, so that no wakeup pushes it onto the ready
/// queue, which is never run again. It gets a box: `Task::set_waiter` puts a task into an empty word with a plain count,
/// which is not used after the end; the box forces it to `replace_waiter`, which counts by the phase.
fn unlink(header: &Header) {
    if !header.state.is_finished() {
        // It may be queued already, by an entry of the remote stack.
        let _ = header.state.wake();
        header.waiters.extra_or_new();
    }
}
