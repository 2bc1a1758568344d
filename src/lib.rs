#![doc = include_str!("../README.md")]

mod error;
mod event_loop;
mod future;
pub mod sync;
pub mod task;
pub mod time;
mod timer;

pub use error::{Elapsed, Failure, GroupError, LoopGone};
pub use event_loop::{
    Builder, CallHandle, ContextVar, EventLoop, Metrics, Spawner, Token, all_tasks, call_at,
    call_later, call_soon, current_task, run, spawn, spawn_eager, spawn_named, try_current_task,
};
pub use future::{
    AsCompleted, Gather, Gathered, Settled, Shield, TaskGroup, TryGather, TryGathered, Wait,
    Waited, YieldNow, as_completed, gather, shield, task_group, try_gather, wait, yield_now,
};
pub use sync::{
    Barrier, BrokenBarrier, Closed, Condition, Event, LifoQueue, Mutex, MutexGuard,
    OwnedMutexGuard, OwnedPermit, Permit, PriorityQueue, PutError, Queue, Receiver, Semaphore,
    Sender, TryGetError, TryPutError, oneshot,
};
pub use task::{JoinError, JoinHandle, Task, TaskId};
pub use time::{
    Interval, MissedTick, Sleep, Timeout, advance, interval, now, sleep, sleep_until, timeout,
    timeout_at,
};
