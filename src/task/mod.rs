//! Tasks: one cell of memory each, plain counts on the loop's thread, one atomic word for everything foreign.
//!
//! # Who holds a reference
//!
//! Every [`Task`], [`JoinHandle`] and waker owns one, and an unfinished task owns one of itself; a queue entry owns
//! none, for its flag keeps the cell (ONE-ENTRY). On the loop's thread they are counted in a plain cell; what other
//! threads add and take goes through the task's atomic word and is settled when the loop next looks at the foreign
//! stack. The loop alone frees a cell while it lives. `docs/task-lifecycle.md` tells it at length.
//!
//! # Life of a task
//!
//! ```text
//!            spawn
//!              | [1]
//!              v        [2]
//!   +------> queued ----------> running --------+
//!   |          |                 |    |         |
//!   | [4]      | [6]         [3] |    | [5]     | [7]
//!   |          v                 v    v         v
//!   +----- (waiting)        waiting  finished  finished
//!                                    (value)   (panicked)
//! ```
//!
//! 1 `Vacant::spawn` · 2 `State::begin_turn` · 3 `State::suspend` · 4 `State::wake` · 5 `Local::finish` ·
//! 6 cancel requested: `Local::end` drops the future, finished (cancelled) · 7 `Local::poll_panicked`
//!
//! An eager task skips the queue: `Vacant::start` takes it from 1 to 2.
//!
//! # Who may touch what
//!
//! | field | the loop's thread | other threads |
//! |---|---|---|
//! | `vtable`, `shared`, `spawned_at` | read | read |
//! | `foreign` | any time | any time |
//! | `foreign_next` | while it takes the stack | between turning QUEUED on and the push |
//! | `ready_next`, `state`, `count`, `place`, `waiter`, `extra` | any time | never, but for dropping what is left of a dead task |
//! | future, output | any time | never |
//!
//! # The invariants that every `SAFETY` note cites
//!
//! * **HEADER-FIRST**: a cell is `repr(C)` with the header in front, so a pointer to one is a pointer to the other.
//! * **PINNED**: a future stays where it was written until it is dropped in place.
//! * **COUNTED**: whoever holds a pointer owns a count, or borrows from somebody who does.
//! * **ONE-ENTRY**: the queued flag stands for exactly one entry of the ready queue; QUEUED in the foreign word for
//!   exactly one entry of the foreign stack, or one thread about to push it. A task that is QUEUED is not freed.
//! * **HOME-THREAD**: plain cells, future, output and waiter are touched on the loop's thread only. `Task` and
//!   `JoinHandle` are not `Send`, and a waker compares its loop with the one that runs on the thread.
//! * **DIES-AT-HOME**: what a task holds is dropped at home; a last reference that goes elsewhere frees bare memory.
//! * **LISTED**: a chunk that the loop lists is alive; it leaves the list before it is freed.
//! * **LENT**: a scoped reference is taken back before the call that lent it ends.

#![allow(unsafe_code)]

mod cells;
mod chunk;
mod dice;
mod extra;
mod foreign;
#[cfg(all(test, looplet_loom))]
pub(crate) mod foreign_loom;
mod handle;
mod join;
mod listener;
mod raw;
mod ready;
mod scheduler;
mod scoped;
mod shared;
mod state;
mod sync;
mod turn;
#[cfg(all(test, looplet_loom))]
mod two_tasks_loom;
mod vacant;
mod waiter;
mod waker;
mod watch;
mod work;

pub use crate::error::JoinError;

pub(crate) use extra::Context;
pub use handle::{Task, TaskId};
pub use join::JoinHandle;
pub(crate) use listener::Listener;
pub(crate) use raw::drop_quietly;
pub(crate) use scheduler::{Doorway, Scheduler};
pub(crate) use scoped::Scoped;
pub(crate) use state::Outcome;
pub(crate) use turn::print;
pub(crate) use vacant::{Call, Vacant};
pub(crate) use watch::{Cause, News, Notes, Sighting, Standing, Watch};
pub(crate) use work::{Attempt, Fallible, Plain, Work};

/// How another thread tells the loop that something has arrived.
pub(crate) trait Bell: Send + Sync {
    /// Ends the loop's sleep. Called once per sleep, on any thread; must not panic. What the loop did before it fell
    /// asleep happens before this.
    fn ring(&self);
}

/// What is called with a panic that nobody can see any more; without a task if it came out of a plain call.
pub(crate) type Report = dyn Fn(Option<&Task>, &JoinError);
