//! Tasks: one cell of memory each, plain reference counts on the owner thread, one atomic word for remote threads.
//!
//! # Reference counting
//!
//! Every [`Task`], [`JoinHandle`] and waker owns a reference, and an unfinished task owns one to itself. A queue entry
//! owns none: its flag keeps the cell alive (ONE-ENTRY). The owner thread counts in a plain cell. Remote threads count
//! in the task's atomic word, which the loop merges into the plain count when it drains the remote stack. While the
//! loop lives, it alone frees cells. `docs/task-lifecycle.md` has the details.
//!
//! # Task lifecycle
//!
//! ```text
//!     spawn
//!       | [1]
//!       v       [2]               [5]
//!    queued ----------> running ----------> finished (value)
//!     ^  |                |  |    [7]
//!     |  |            [3] |  +------------> finished (panicked)
//!     |  | [6]            v
//! [4] |  |             waiting
//!     |  |              |   |     [6]
//!     +--|--------------+   +-------------> finished (cancelled)
//!        +--------------------------------> finished (cancelled)
//! ```
//!
//! 1 `Vacant::spawn` · 2 `State::begin_run` · 3 `State::suspend` · 4 `State::wake` · 5 `Local::finish` ·
//! 6 `Local::end` drops the future: cancellation was requested, or the loop ends · 7 `Local::poll_panicked`
//!
//! An eager task skips the queue: `Vacant::start` goes from 1 to 2.
//!
//! # Where user code runs
//!
//! In a poll; in the destructors of futures, outputs, panics, wakers of other executors, closures and context values;
//! in the hook for unhandled panics, and in an observer. It may spawn, cancel, wake and drop anything, run another
//! loop, and drop this one. So no `RefCell` is borrowed meanwhile, and what was known is read again.
//!
//! # Field access
//!
//! | field | owner thread | remote threads |
//! |---|---|---|
//! | `vtable`, `shared`, `spawned_at` | read | read |
//! | `remote` | any time | any time |
//! | `remote_next` | while it drains the stack | between setting PUSHED and the push |
//! | `ready_next`, `state`, `count`, `offset`, `waiters` | any time | never, except to free a dead task |
//! | future, output | any time | never |
//!
//! # Invariants cited by the `SAFETY` notes
//!
//! * **HEADER-FIRST**: a cell is `repr(C)` and starts with the header, so a pointer to one is a pointer to the other.
//! * **PINNED**: a future is not moved from where it was written, and is dropped in place.
//! * **COUNTED**: the holder of a pointer owns a reference, or borrows from an owner of one.
//! * **FILLED**: no user code runs between the allocation of a cell and the write of its future.
//! * **ONE-ENTRY**: the queued flag stands for exactly one entry of the ready queue; PUSHED in the remote word for
//!   exactly one entry of the remote stack, or one thread about to push it. A task with either flag is not freed.
//! * **OWNER-THREAD**: plain cells, future, output and waiters are accessed on the owner thread only. `Task` and
//!   `JoinHandle` are not `Send`, and a waker compares its loop with the one that runs on the thread.
//! * **DROPPED-BY-OWNER**: the contents of a task are dropped on the owner thread; a last reference dropped on another
//!   thread frees bare memory.
//! * **LISTED**: a chunk in the loop's list is alive; it is removed from the list before it is freed.
//! * **SCOPED**: a scoped reference is removed before the call that set it returns.

#![allow(unsafe_code)]

// The layers, from the bottom up. A file imports only from layers that come before its own; the tests check it.
// What needs nothing.
mod guarded;
mod rng;
mod scoped;
mod state;
mod sync;
mod work;

// The data of a task, and references to it.
mod word;

mod header;

mod prefetch;
mod reference;

// Its end and its events.
mod ends;
mod event;

// The memory of all tasks, and the queues.
mod cells;
mod ready;
mod stack;
mod waiters;

// What all tasks of a loop share.
mod shared;

mod observe;

// Wakeups.
mod wake;

mod waker;

// Running.
mod raw;

mod run;

mod owner;

// Making tasks, and waiting for them.
mod vacant;

mod awaiting;

// What the rest of the crate uses.
mod handle;
mod join;

mod scheduler;

#[cfg(all(test, looplet_loom))]
#[path = "models/remote.rs"]
pub(crate) mod remote_loom;
#[cfg(all(test, looplet_loom))]
#[path = "models/two_tasks.rs"]
mod two_tasks_loom;

pub use crate::error::JoinError;
pub use crate::waiting::TaskId;

pub(crate) use ends::{Ends, Filter};
pub(crate) use event::{Counts, EventSink};
pub use event::{TaskEvent, TaskState, WokenBy};
pub(crate) use guarded::drop_quietly;
pub use join::JoinHandle;
pub use reference::Task;
pub(crate) use run::{print, unhandled};
pub(crate) use scheduler::Scheduler;
pub(crate) use scoped::Scoped;
pub(crate) use shared::{Report, Unpark};
pub(crate) use state::Outcome;
pub(crate) use vacant::{Call, Vacant};
pub(crate) use waiters::{Context, Group};
pub(crate) use waker::RemoteTask;
pub(crate) use work::{Attempt, Fallible, Plain, Work};
