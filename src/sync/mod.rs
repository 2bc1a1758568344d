//! Queues, locks and signals for tasks of one thread.
//!
//! All primitives work under any executor: they need wakers but no event loop, and allocate nothing in steady state.
//! Waiters enter a wait queue (`waiters`) and are served in order of arrival; a waiter that is dropped without using
//! its grant passes it on. Each primitive is a small state machine on top of that queue.
//!
//! No primitive but [`RemoteQueue`] leaves its thread:
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
