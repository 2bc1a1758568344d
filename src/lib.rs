#![doc = include_str!("../README.md")]

mod error;
pub mod sync;
mod timer;

pub use sync::{
    Barrier, BrokenBarrier, Closed, Condition, Event, LifoQueue, Mutex, MutexGuard,
    OwnedMutexGuard, OwnedPermit, Permit, PriorityQueue, PutError, Queue, Receiver, Semaphore,
    Sender, TryGetError, TryPutError, oneshot,
};
