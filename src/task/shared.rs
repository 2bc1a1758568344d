//! The block that a loop shares with the wakers of its tasks, and what other threads do with it.
//!
//! It outlives the loop: from `orphan` on, each cell that is still referenced owns a count of the block.

use std::cell::{Cell, OnceCell, RefCell};
use std::mem;
use std::process;
use std::ptr::{self, NonNull};
use std::rc::Rc;

use super::cells::Cells;
use super::chunk;
use super::raw::Header;
use super::ready::ReadyQueue;
use super::remote::{DropAction, Stack, WakeAction};
use super::rng::Rng;
use super::sync::Arc;
use super::waker::MAX_REFERENCES;
use super::watch::{Notes, Watch};
use super::{Report, Task, Unpark};

/// A plain count below this is moved to the word, which has room for as many.
const MIN_REFERENCES: i32 = -(MAX_REFERENCES / 2);

/// How far a loop is from its end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    /// Open, and every new task is watched.
    Watched,
    /// What is spawned now is cancelled and dropped inside the call.
    Closing,
    /// The loop is gone: every cell counts its references in its atomic word.
    Closed,
}

pub(super) struct Shared {
    pub(super) stack: Stack,
    parker: std::sync::Arc<dyn Unpark>,
    pub(super) local: Local,
}

/// What only the loop's thread touches.
pub(super) struct Local {
    /// What is left of this round, and what is ready for the next one.
    pub(super) ready: ReadyQueue,
    /// The task or call whose code is on top of the stack.
    pub(super) running: Cell<Option<NonNull<Header>>>,
    pub(super) cells: Cells,
    pub(super) phase: Cell<Phase>,
    /// Tells this loop's task ids from those of other loops.
    pub(super) serial: u64,
    /// The number of the youngest unnamed task.
    pub(super) numbered: Cell<u64>,
    /// How many tasks were named at their spawn.
    pub(super) named: Cell<u64>,
    /// How many tasks have ended.
    pub(super) ended: Cell<u64>,
    /// How many tasks have ended other than by an ordinary value. Who waits for many need not look at each of them
    /// again unless this has moved.
    pub(super) irregular: Cell<u64>,
    pub(super) rounds: Cell<u64>,
    pub(super) polls: Cell<u64>,
    pub(super) wakes: Cell<u64>,
    pub(super) remote_wakes: Cell<u64>,
    pub(super) report: RefCell<Option<Rc<Report>>>,
    /// What draws the order of each round, if it is not that of the queue.
    pub(super) rng: OnceCell<Rng>,
    /// Who hears what happens to tasks, if anybody does; only watched tasks lead there.
    pub(super) watch: RefCell<Option<Rc<dyn Watch>>>,
    /// The watched task that is having its turn, also while its end is dealt with.
    pub(super) actor: Cell<Option<NonNull<Header>>>,
    /// What the actor has been found to wait for.
    pub(super) notes: RefCell<Notes>,
    /// What other threads did is being taken in.
    pub(super) taking_remote: Cell<bool>,
}

// SAFETY: OWNER-THREAD: `local` is touched on the loop's thread only, and when a foreign thread frees the block, it is
// empty but for vacant memory; the rest is `Sync` by itself.
unsafe impl Sync for Shared {}
// SAFETY: as above.
unsafe impl Send for Shared {}

impl Shared {
    pub(super) fn new(serial: u64, parker: std::sync::Arc<dyn Unpark>) -> Self {
        let local = Local {
            ready: ReadyQueue::new(),
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
            watch: RefCell::new(None),
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

    /// Wakes the loop if it sleeps.
    pub(super) fn unpark(&self) {
        if self.stack.must_unpark() {
            self.parker.unpark();
        }
    }

    /// Brings a task whose QUEUED flag was just turned on to the loop.
    fn publish(&self, task: NonNull<Header>) {
        if self.stack.push(task) {
            self.unpark();
        // SAFETY: ONE-ENTRY: the push was refused, so the QUEUED flag still keeps the task from being freed.
        } else if unsafe { task.as_ref() }.remote.push_refused() {
            // SAFETY: DROPPED-BY-OWNER: the word said that this was the last of a dead task.
            unsafe { free_dead(task) };
        }
    }

    /// Takes in what other threads did: settles their references and queues what they woke, in order.
    ///
    /// All of it, for it cannot grow beyond bounds: it is taken off the stack at once, and a task is in there once at
    /// most, however often it was woken (ONE-ENTRY).
    #[cold]
    pub(super) fn take_remote(&self) {
        self.local.taking_remote.set(true);
        for task in self.stack.take_all() {
            // SAFETY: ONE-ENTRY: the task is off the stack and QUEUED.
            unsafe { self.take_one(task) };
        }
        self.local.taking_remote.set(false);
    }

    /// # Safety
    ///
    /// `task` has just come off the stack.
    unsafe fn take_one(&self, task: NonNull<Header>) {
        // SAFETY: ONE-ENTRY: until its word is taken, a task that came off the stack is not freed.
        let header = unsafe { task.as_ref() };
        let taken = header.remote.take();
        // One reference of our own for the time being, so that what follows cannot free the task under our hands.
        let settled = header.count.get() as isize + taken.references + 1;
        match i32::try_from(settled) {
            Ok(count) if count < MAX_REFERENCES => header.count.set(count),
            _ => process::abort(),
        }
        // SAFETY: COUNTED, OWNER-THREAD: the reference that was just added.
        let task = unsafe { Task::from_ptr(task) };
        if taken.wake && task.schedule() {
            self.local
                .remote_wakes
                .set(self.local.remote_wakes.get() + 1);
        }
    }

    /// Ends the loop's hold on its cells. All tasks that are not on the stack are finished and no queue entry is left;
    /// no user code runs here.
    pub(super) fn close(&self) {
        for task in self.stack.close() {
            // SAFETY: ONE-ENTRY: the task is off the stack and QUEUED.
            unsafe { self.take_one(task) };
        }
        // SAFETY: COUNTED: a cell in use is live, and none is freed before the end of this statement.
        let unlink = |task: NonNull<Header>| unlink(unsafe { task.as_ref() });
        let waiters: Vec<_> = self.local.cells.in_use().into_iter().map(unlink).collect();
        drop(waiters);
        self.local.phase.set(Phase::Closed);
        self.local.cells.close(Self::orphan);
    }

    /// Gives a cell that was made just now, if that was after the loop's end, the state in which the end left all others.
    /// Call it before any destructor can see the task.
    pub(super) fn orphan_if_closed(&self, task: NonNull<Header>) {
        if self.local.phase.get() == Phase::Closed {
            self.local.cells.unlist_last();
            // SAFETY: COUNTED: the cell was made just now.
            drop(unlink(unsafe { task.as_ref() }));
            Self::orphan(task);
        }
    }

    /// Moves all of a cell's references to its atomic word; the last one to go frees bare memory, anywhere.
    fn orphan(task: NonNull<Header>) {
        // SAFETY: COUNTED: a cell in use is live.
        let header = unsafe { task.as_ref() };
        mem::forget(Self::to_arc(header.shared));
        let count = header.count.replace(0);
        if header.remote.die(count as isize) {
            // SAFETY: DROPPED-BY-OWNER: the word said that nobody is left.
            unsafe { free_dead(task) };
        }
    }
}

/// Keeps a task that outlives its loop unfinished out of the ready queue, which is never run again: the task counts as
/// queued. Nor may a task of the same loop await its end, so it counts as ended there; who did so comes back.
fn unlink(header: &Header) -> Option<Task> {
    if header.state.is_finished() {
        return None;
    }
    // It may be queued already, by what was on the foreign stack.
    let _ = header.state.wake();
    header.waiter.stamp(0)
}

/// A wakeup from another thread, or from outside of the running loop. The caller holds a reference.
pub(super) fn wake_remote(task: NonNull<Header>) {
    // SAFETY: COUNTED: the caller's reference keeps the cell, and so the block, alive.
    let header = unsafe { task.as_ref() };
    // SAFETY: as above.
    let shared = unsafe { header.shared.as_ref() };
    match header.remote.wake() {
        WakeAction::Nothing => {}
        WakeAction::Push => shared.publish(task),
    }
}

/// Drops a reference from another thread, or from outside of the running loop.
#[cold]
#[inline(never)]
pub(super) fn drop_remote(task: NonNull<Header>) {
    // SAFETY: COUNTED: the reference that is about to go keeps the cell alive up to here.
    let header = unsafe { task.as_ref() };
    match header.remote.drop_reference() {
        DropAction::Nothing => {}
        // Once it is pushed, the task and even the block may go before the loop can be rung; so the block is kept. It
        // must be rung: another thread may turn WAKE on between this thread's QUEUED and its push. It leaves the rest
        // to this thread, for the task is not in the stack yet. Until the push QUEUED keeps both.
        DropAction::Push => Shared::to_arc(header.shared).publish(task),
        // SAFETY: DROPPED-BY-OWNER: the word said that this was the last reference of a dead task.
        DropAction::Free => unsafe { free_dead(task) },
    }
}

impl Shared {
    /// A count of a block that a live cell points to.
    fn to_arc(shared: NonNull<Self>) -> Arc<Self> {
        // SAFETY: COUNTED: the cell is live, and so is its block, which lies in an `Arc`.
        unsafe { Arc::increment_strong_count(shared.as_ptr()) };
        // SAFETY: the count that was just added.
        unsafe { Arc::from_raw(shared.as_ptr()) }
    }
}

/// The owner's plain count of a cell has reached zero or less. Frees it, if nobody else has a hold on it.
#[inline(never)]
pub(super) fn free_if_last(task: NonNull<Header>) {
    // SAFETY: COUNTED: the cell is freed here at the earliest.
    let header = unsafe { task.as_ref() };
    // SAFETY: as above.
    let shared = unsafe { header.shared.as_ref() };
    let local = &shared.local;
    if local.phase.get() == Phase::Closed {
        // The plain count has no meaning any more; the reference was one of the word's.
        header.count.set(0);
        drop_remote(task);
        return;
    }
    if header.count.get() < MIN_REFERENCES {
        header
            .remote
            .add_references(header.count.replace(0) as isize);
    }
    if !header.state.is_queued() && header.remote.is_last(header.count.get() as isize) {
        // SAFETY: COUNTED, OWNER-THREAD: nobody points to the cell any more.
        unsafe { drop_header(task) };
        // SAFETY: DROPPED-BY-OWNER: its contents are gone.
        unsafe { local.cells.free(task) };
    }
}

/// Drops what can be left in the header of a finished task.
///
/// # Safety
///
/// The caller has the cell to itself, and the task has finished.
unsafe fn drop_header(task: NonNull<Header>) {
    // SAFETY: the caller has the cell to itself.
    let left = unsafe { task.as_ref() }.extra.get();
    debug_assert!(left.is_none_or(|extra| extra.is_bare()), "DROPPED-BY-OWNER");
    // SAFETY: the caller has the cell to itself.
    let extra = unsafe { &raw mut (*task.as_ptr()).extra };
    // SAFETY: as above.
    unsafe { ptr::drop_in_place(extra) };
    // SAFETY: as above.
    let word = unsafe { &raw mut (*task.as_ptr()).remote };
    // SAFETY: as above. There is nothing to drop in it, except for a model checker to see.
    unsafe { ptr::drop_in_place(word) };
}

/// Frees a cell whose loop is gone.
///
/// # Safety
///
/// The word is DEAD, counts nobody, and is not QUEUED; the caller is the one that made it so.
unsafe fn free_dead(task: NonNull<Header>) {
    // SAFETY: the caller has the cell to itself.
    let header = unsafe { task.as_ref() };
    let shared = header.shared;
    // SAFETY: as above; what is left in a dead header is `Send` (see `Extra`).
    unsafe { drop_header(task) };
    // SAFETY: as above.
    unsafe { chunk::free_after_close(task) };
    // SAFETY: COUNTED: the count of the block that `orphan` gave to the cell.
    drop(unsafe { Arc::from_raw(shared.as_ptr()) });
}
