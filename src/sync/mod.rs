//! Queues, locks and signals for tasks of one thread.
//!
//! Everything here works under any executor: it needs wakers, no loop, and allocates nothing in steady state.
//! Whoever has to wait stands in a line (`waiters`) and is served first come, first served; a waiter that was
//! let go and is then dropped passes its turn on. That rule is written there once; every primitive is a small
//! state machine on top of it.
//!
//! Nothing here leaves its thread:
//!
//! ```compile_fail
//! fn leaves_its_thread<T: Send>(_: T) {}
//! leaves_its_thread(looplet::Queue::<i32>::unbounded());
//! ```

mod barrier;
mod condition;
mod event;
mod mutex;
mod oneshot;
mod permits;
pub(crate) mod queue;
mod semaphore;
mod waiters;

pub use self::barrier::Barrier;
pub use self::condition::Condition;
pub use self::event::Event;
pub use self::mutex::{Mutex, MutexGuard, OwnedMutexGuard};
pub use self::oneshot::{Receiver, Sender, oneshot};
pub use self::queue::{LifoQueue, PriorityQueue, Queue, RemoteQueue};
pub use self::semaphore::{OwnedPermit, Permit, Semaphore};
pub use crate::error::{BrokenBarrier, Closed, PutError, TryGetError, TryPutError};
