//! The block that a loop shares with the wakers of its tasks, and the operations of remote threads on it.
//!
//! It outlives the loop: from `orphan` on, each cell that is still referenced owns a reference to the block.

use std::cell::{Cell, OnceCell, RefCell};
use std::mem;
use std::process;
use std::ptr::{self, NonNull};
use std::rc::Rc;

use super::cells::Cells;
use super::chunk;
use super::observe::{Notes, Watch};
use super::raw::Header;
use super::ready::ReadyQueue;
use super::remote::{Action, Push, Request, Stack};
use super::rng::Rng;
use super::sync::Arc;
use super::waker::MAX_REFERENCES;
use super::work::Kind;
use super::{Report, Task, Unpark};

/// A plain count below this is moved to the atomic word, which is wider.
const MIN_REFERENCES: i32 = -(MAX_REFERENCES / 2);

/// The phases of a loop's life.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    /// Open, and every new task is observed.
    Observed,
    /// A new task is cancelled and its future dropped inside the call that spawns it.
    Closing,
    /// The loop has been dropped: every cell counts its references in its atomic word.
    Closed,
}

pub(super) struct Shared {
    pub(super) stack: Stack,
    parker: std::sync::Arc<dyn Unpark>,
    pub(super) local: Local,
}

/// State of the owner thread.
pub(super) struct Local {
    /// The rest of this round, and the entries of the next one.
    pub(super) ready: ReadyQueue,
    /// The sources that this look has yet to poll; empty between looks.
    sources: ReadyQueue,
    /// The innermost task or call on the stack.
    pub(super) running: Cell<Option<NonNull<Header>>>,
    pub(super) cells: Cells,
    pub(super) phase: Cell<Phase>,
    /// Distinguishes this loop's task ids from those of other loops.
    pub(super) serial: u64,
    /// The number of the newest unnamed task.
    pub(super) numbered: Cell<u64>,
    /// How many tasks were named at their spawn.
    pub(super) named: Cell<u64>,
    /// How many tasks have ended.
    pub(super) ended: Cell<u64>,
    /// How many tasks have ended without a value or with an error. While it is unchanged, a waiter for many tasks need
    /// not check each of them again.
    pub(super) irregular: Cell<u64>,
    pub(super) rounds: Cell<u64>,
    pub(super) polls: Cell<u64>,
    pub(super) wakes: Cell<u64>,
    pub(super) remote_wakes: Cell<u64>,
    pub(super) report: RefCell<Option<Rc<Report>>>,
    /// Shuffles each round, if the builder gave a seed.
    pub(super) rng: OnceCell<Rng>,
    /// The observer, if there is one; only observed tasks check it.
    pub(super) observer: RefCell<Option<Rc<dyn Watch>>>,
    /// The observed task that is run or ended now.
    pub(super) actor: Cell<Option<NonNull<Header>>>,
    /// What the actor waits for.
    pub(super) notes: RefCell<Notes>,
    /// The remote stack is being drained.
    pub(super) taking_remote: Cell<bool>,
}

// SAFETY: OWNER-THREAD: `local` is accessed on the owner thread only, and when a remote thread frees the block, it
// holds nothing but vacant memory; the rest is `Sync` by itself.
unsafe impl Sync for Shared {}
// SAFETY: as above.
unsafe impl Send for Shared {}

impl Shared {
    pub(super) fn new(serial: u64, parker: std::sync::Arc<dyn Unpark>) -> Self {
        let local = Local {
            ready: ReadyQueue::new(),
            sources: ReadyQueue::new(),
            running: Cell::new(None),
            cells: Cells::new(),
            phase: Cell::new(Phase::Open),
            serial,
            numbered: Cell::new(0),
            named: Cell::new(0),
            ended: Cell::new(0),
            irregular: Cell::new(0),
            rounds: Cell::new(0),
            polls: Cell::new(0),
            wakes: Cell::new(0),
            remote_wakes: Cell::new(0),
            report: RefCell::new(None),
            rng: OnceCell::new(),
            observer: RefCell::new(None),
            actor: Cell::new(None),
            notes: RefCell::default(),
            taking_remote: Cell::new(false),
        };
        Self {
            stack: Stack::new(),
            parker,
            local,
        }
    }

    /// Drains the remote stack: merges references into the plain counts and queues the woken tasks, in order. Then polls
    /// the sources that were woken.
    ///
    /// There is no budget, for the work is bounded: the stack is taken as a whole, and it holds a task at most once,
    /// however often the task was woken (ONE-ENTRY).
    #[cold]
    pub(super) fn take_remote(&self) {
        self.local.taking_remote.set(true);
        for task in self.stack.take_all() {
            // SAFETY: ONE-ENTRY: the task is off the stack and QUEUED.
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
        // SAFETY: ONE-ENTRY: a task off the stack is QUEUED, and so not freed, until its word is taken.
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

    /// Orphans all cells. All tasks that are not on the stack are finished and no queue entry is left; no user code
    /// runs here.
    pub(super) fn close(&self) {
        for task in self.stack.close() {
            // SAFETY: ONE-ENTRY: the task is off the stack and QUEUED.
            unsafe { self.take_one(task) };
        }
        // SAFETY: COUNTED: a cell in use is live, and none is freed before `waiters` is dropped.
        let unlink = |task: NonNull<Header>| unlink(unsafe { task.as_ref() });
        let waiters: Vec<_> = self.local.cells.in_use().into_iter().map(unlink).collect();
        drop(waiters);
        self.local.phase.set(Phase::Closed);
        self.local.cells.close(Self::orphan);
    }

    /// Orphans a new cell that was allocated after the end of the loop. Call it before any destructor can access the
    /// task.
    pub(super) fn orphan_if_closed(&self, task: NonNull<Header>) {
        if self.local.phase.get() == Phase::Closed {
            self.local.cells.unlist_last();
            // SAFETY: COUNTED: the cell is new.
            drop(unlink(unsafe { task.as_ref() }));
            Self::orphan(task);
        }
    }

    /// Moves all references of a cell to its atomic word; the last one may be dropped on any thread.
    fn orphan(task: NonNull<Header>) {
        // SAFETY: COUNTED: a cell in use is live.
        let header = unsafe { task.as_ref() };
        mem::forget(Self::to_arc(header.shared));
        let count = header.count.replace(0);
        if header.remote.die(count as isize) {
            // SAFETY: DROPPED-BY-OWNER: `die` returned true: no reference is left.
            unsafe { free_dead(task) };
        }
    }
}

/// Prepares an unfinished task to outlive its loop. It is marked as queued, so that no wakeup pushes it onto the ready
/// queue, which is never run again, and as ended, so that no task of the same loop becomes its waiter. Returns its
/// waiter.
fn unlink(header: &Header) -> Option<Task> {
    if header.state.is_finished() {
        return None;
    }
    // It may be queued already, by an entry of the remote stack.
    let _ = header.state.wake();
    header.waiter.stamp(0)
}

/// A wakeup from another thread, or outside of the running loop. The caller holds a reference.
pub(super) fn wake_remote(task: NonNull<Header>) {
    notify(task, 0, Request::Wake);
}

/// Drops a reference, with a last request, on another thread or outside of the running loop.
#[cold]
#[inline(never)]
pub(super) fn drop_remote(task: NonNull<Header>, request: Request) {
    notify(task, 1, request);
}

/// Makes a request and drops so many references of the caller, who holds at least one.
fn notify(task: NonNull<Header>, dropped: isize, request: Request) {
    // SAFETY: COUNTED: the caller's reference keeps the cell alive until it is dropped here.
    match unsafe { task.as_ref() }.remote.notify(dropped, request) {
        Action::Nothing => {}
        Action::Push => publish(task),
        // SAFETY: DROPPED-BY-OWNER: `notify` returned `Free`: this was the last reference to a dead task.
        Action::Free => unsafe { free_dead(task) },
    }
}

/// Pushes a task whose QUEUED flag the caller has just set, and unparks the loop if it sleeps. That is needed for a mere
/// drop too: another thread may set WAKE between QUEUED and the push, and then leaves the unpark to this thread.
fn publish(task: NonNull<Header>) {
    // SAFETY: ONE-ENTRY: QUEUED keeps the task, and so its block, alive until the push. After it both may be freed.
    let shared = unsafe { task.as_ref() }.shared.as_ptr();
    let mut parker = None;
    // SAFETY: as above.
    let prepare = || parker = Some(unsafe { &(*shared).parker }.clone());
    // SAFETY: as above; `push` does not touch the stack after the task is in.
    match unsafe { &(*shared).stack }.push(task, prepare) {
        Push::Done => {}
        Push::Unpark => {
            if let Some(parker) = parker {
                parker.unpark();
            }
        }
        Push::Refused => {
            // SAFETY: ONE-ENTRY: the push was refused, so the QUEUED flag still keeps the task from being freed.
            if unsafe { task.as_ref() }.remote.push_refused() {
                // SAFETY: DROPPED-BY-OWNER: `push_refused` returned true: no reference to the dead task is left.
                unsafe { free_dead(task) };
            }
        }
    }
}

impl Shared {
    /// A new reference to the block of a live cell.
    fn to_arc(shared: NonNull<Self>) -> Arc<Self> {
        // SAFETY: COUNTED: the cell is live, and so is its block, which is in an `Arc`.
        unsafe { Arc::increment_strong_count(shared.as_ptr()) };
        // SAFETY: the reference that was just added.
        unsafe { Arc::from_raw(shared.as_ptr()) }
    }
}

/// The plain count of a cell has reached zero or less: frees the cell if no other reference and no entry is left.
#[inline(never)]
pub(super) fn free_if_last(task: NonNull<Header>) {
    // SAFETY: COUNTED: the cell is not freed before this function does it.
    let header = unsafe { task.as_ref() };
    // SAFETY: as above.
    let shared = unsafe { header.shared.as_ref() };
    let local = &shared.local;
    if local.phase.get() == Phase::Closed {
        // The plain count is unused now; the reference was counted in the word.
        header.count.set(0);
        drop_remote(task, Request::Nothing);
        return;
    }
    if header.count.get() < MIN_REFERENCES {
        header
            .remote
            .add_references(header.count.replace(0) as isize);
    }
    if !header.state.is_queued() && header.remote.is_last(header.count.get() as isize) {
        // SAFETY: COUNTED, OWNER-THREAD: no pointer to the cell is left.
        unsafe { drop_header(task) };
        // SAFETY: DROPPED-BY-OWNER: its contents have been dropped.
        unsafe { local.cells.free(task) };
    }
}

/// Drops the rest of the header of a finished task.
///
/// # Safety
///
/// The caller has exclusive access to the cell, and the task has finished.
unsafe fn drop_header(task: NonNull<Header>) {
    // SAFETY: the caller has exclusive access to the cell.
    let left = unsafe { task.as_ref() }.extra.get();
    debug_assert!(left.is_none_or(|extra| extra.is_bare()), "DROPPED-BY-OWNER");
    // SAFETY: the caller has exclusive access to the cell.
    let extra = unsafe { &raw mut (*task.as_ptr()).extra };
    // SAFETY: as above.
    unsafe { ptr::drop_in_place(extra) };
    // SAFETY: as above.
    let word = unsafe { &raw mut (*task.as_ptr()).remote };
    // SAFETY: as above. It has a destructor only under the model checker.
    unsafe { ptr::drop_in_place(word) };
}

/// Frees a cell whose loop has been dropped.
///
/// # Safety
///
/// The word is DEAD, counts no reference, and is not QUEUED; the caller's operation made it so.
unsafe fn free_dead(task: NonNull<Header>) {
    // SAFETY: the caller has exclusive access to the cell.
    let header = unsafe { task.as_ref() };
    let shared = header.shared;
    // SAFETY: as above; the rest of a dead header is `Send` (see `Extra`).
    unsafe { drop_header(task) };
    // SAFETY: as above.
    unsafe { chunk::free_after_close(task) };
    // SAFETY: COUNTED: the reference to the block that `orphan` gave to the cell.
    drop(unsafe { Arc::from_raw(shared.as_ptr()) });
}
