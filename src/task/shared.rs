//! The block that a loop shares with the wakers of its tasks, and the operations of remote threads on it.
//!
//! It outlives the loop: from `orphan` on, each cell that is still referenced owns a reference to the block.

use std::cell::{Cell, OnceCell, RefCell};
use std::ptr::{self, NonNull};
use std::rc::Rc;

use super::cells::{self, Cells};
use super::event::{EventSink, Noted};
use super::header::{Header, Owner};
use super::ready::ReadyQueue;
use super::reference::{self, MAX_REFERENCES, Task};
use super::rng::Rng;
use super::stack::{Push, Stack};
use super::sync::Arc;
use super::waiters::Extra;
use super::word::{Action, Request};
use crate::error::JoinError;
use crate::waiting::WaitsOn;

/// Unparks the loop from another thread.
pub(crate) trait Unpark: Send + Sync {
    /// Ends the loop's sleep. Called at most once per sleep, on any thread; must not panic. What the loop did before it
    /// fell asleep happens before this.
    fn unpark(&self);
}

/// The hook for unhandled panics. It gets no task if the panic came from a plain call or a waker.
pub(crate) type Report = dyn Fn(Option<&Task>, &JoinError);

/// A plain count below this is moved to the atomic word, which is wider.
const MIN_REFERENCES: i32 = -(MAX_REFERENCES / 2);

/// The phases of a loop's life, for its owner thread. Every other flag about the end has a reader that cannot read this
/// one:
///
/// * `Core::arming` refuses timers as soon as the loop is dropped: later than `Closing`, in which a timer may still be
///   armed, and earlier than `Closed`.
/// * `Cells::closed`: the cells are a layer below.
/// * The head of the stack, and DEAD in the word of each task: threads that wake or drop a task.
/// * In `remote` the stage of the mailbox, `is_shut` of a pipe and `is_closed` of the pool: threads that send something
///   and refer to no task. The methods `refuse`, `close` and `finish_jobs` of `Outside` write them, after this one.
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

/// What is done for observed tasks. A loop has it by reference, so that a program links it only if it observes a loop.
pub(super) struct Observing {
    pub(super) spawn: fn(&Local, &Task),
    pub(super) wake: fn(&Local, &Task),
    pub(super) poll: fn(&Local, &Task),
    /// Discards what was noted of a task that has finished.
    pub(super) forget: fn(&Local, &Task),
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
    pub(super) sources: ReadyQueue,
    /// The innermost task or call on the call stack.
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
    pub(super) polls: Cell<u64>,
    pub(super) wakes: Cell<u64>,
    pub(super) remote_wakes: Cell<u64>,
    pub(super) report: RefCell<Option<Rc<Report>>>,
    /// Shuffles each round, if the builder gave a seed.
    pub(super) rng: OnceCell<Rng>,
    /// The observer, if there is one; only observed tasks check it.
    pub(super) observer: RefCell<Option<Rc<dyn EventSink>>>,
    /// What is done for observed tasks; none, as long as there are none.
    pub(super) observing: Cell<Option<&'static Observing>>,
    /// The observed task that is run or ended now: the cause of what happens meanwhile.
    pub(super) cause: Cell<Option<NonNull<Header>>>,
    /// Times and tasks that it waits for, for the observer.
    pub(super) waits: RefCell<Vec<WaitsOn>>,
    /// What primitives noted in the last polls of observed tasks that wait now.
    pub(super) noted: RefCell<Noted>,
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
            polls: Cell::new(0),
            wakes: Cell::new(0),
            remote_wakes: Cell::new(0),
            report: RefCell::new(None),
            rng: OnceCell::new(),
            observer: RefCell::new(None),
            observing: Cell::new(None),
            cause: Cell::new(None),
            waits: RefCell::default(),
            noted: RefCell::default(),
            taking_remote: Cell::new(false),
        };
        Self {
            stack: Stack::new(),
            parker,
            local,
        }
    }
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

/// Pushes a task whose PUSHED flag the caller has just set, and unparks the loop if it sleeps. That is needed for a mere
/// drop too: another thread may set WAKE between PUSHED and the push, and then leaves the unpark to this thread.
fn publish(task: NonNull<Header>) {
    // SAFETY: ONE-ENTRY: PUSHED keeps the task, and so its block, alive until the push. After it both may be freed.
    let owner = unsafe { task.as_ref() }.shared;
    let mut parker = None;
    // SAFETY: as above.
    let prepare = || parker = Some(unsafe { owner.shared() }.parker.clone());
    // SAFETY: as above; `push` does not touch the stack after the task is in.
    match unsafe { owner.shared() }.stack.push(task, prepare) {
        Push::Done => {}
        Push::Unpark => {
            if let Some(parker) = parker {
                parker.unpark();
            }
        }
        Push::Refused => {
            // SAFETY: ONE-ENTRY: the push was refused, so the PUSHED flag still keeps the task from being freed.
            if unsafe { task.as_ref() }.remote.push_refused() {
                // SAFETY: DROPPED-BY-OWNER: `push_refused` returned true: no reference to the dead task is left.
                unsafe { free_dead(task) };
            }
        }
    }
}

impl Owner {
    pub(super) fn of(shared: &Arc<Shared>) -> Self {
        // Unlike the address of a reference, that of `Arc::as_ptr` may be turned into an `Arc` again.
        let address = NonNull::new(Arc::as_ptr(shared).cast_mut()).expect("an Arc is not null");
        Self(address.cast())
    }

    /// The block.
    ///
    /// # Safety
    ///
    /// A loop or a live cell keeps it alive for as long as the reference is used.
    #[inline]
    pub(super) unsafe fn shared<'a>(self) -> &'a Shared {
        // SAFETY: the address is that of a block, for only `of` makes an owner; the rest is the caller's promise.
        unsafe { self.0.cast::<Shared>().as_ref() }
    }

    /// A new reference to the block of a live cell.
    pub(super) fn to_arc(self) -> Arc<Shared> {
        let shared = self.0.cast::<Shared>().as_ptr();
        // SAFETY: COUNTED: the cell is live, and so is its block, which is in an `Arc`.
        unsafe { Arc::increment_strong_count(shared) };
        // SAFETY: the reference that was just added.
        unsafe { Arc::from_raw(shared) }
    }
}

/// The plain count of a cell has reached zero or less: frees the cell if no other reference and no entry is left.
#[inline(never)]
pub(super) fn free_if_last(task: NonNull<Header>) {
    // SAFETY: COUNTED: the cell is not freed before this function does it.
    let header = unsafe { task.as_ref() };
    // SAFETY: as above.
    let shared = unsafe { header.shared.shared() };
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
    let left = unsafe { task.as_ref() }.waiters.extra();
    debug_assert!(left.is_none_or(Extra::is_bare), "DROPPED-BY-OWNER");
    // SAFETY: the caller has exclusive access to the cell.
    let waiters = unsafe { &raw mut (*task.as_ptr()).waiters };
    // SAFETY: as above.
    unsafe { ptr::drop_in_place(waiters) };
    // SAFETY: as above.
    let word = unsafe { &raw mut (*task.as_ptr()).remote };
    // SAFETY: as above. It has a destructor only under the model checker.
    unsafe { ptr::drop_in_place(word) };
}

/// Frees a cell whose loop has been dropped.
///
/// # Safety
///
/// The word is DEAD, counts no reference, and is not PUSHED; the caller's operation made it so.
pub(super) unsafe fn free_dead(task: NonNull<Header>) {
    // SAFETY: the caller has exclusive access to the cell.
    let header = unsafe { task.as_ref() };
    let shared = header.shared;
    // SAFETY: as above; the rest of a dead header is `Send` (see `Extra`).
    unsafe { drop_header(task) };
    // SAFETY: as above.
    unsafe { cells::free_after_close(task) };
    // SAFETY: COUNTED: the reference to the block that `orphan` gave to the cell.
    drop(unsafe { Arc::from_raw(shared.0.cast::<Shared>().as_ptr()) });
}

impl Task {
    #[inline]
    pub(super) fn shared(&self) -> &Shared {
        // SAFETY: COUNTED: a live cell's block is alive.
        unsafe { self.header().shared.shared() }
    }

    #[inline]
    pub(super) fn local(&self) -> &Local {
        &self.shared().local
    }
}

impl Clone for Task {
    #[inline]
    fn clone(&self) -> Self {
        if self.local().phase.get() == Phase::Closed {
            reference::clone_remote(self.header());
        } else {
            reference::count_up(self.header());
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
            free_if_last(self.0);
        }
    }
}
