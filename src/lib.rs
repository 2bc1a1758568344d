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
    Builder, CallHandle, EventLoop, Metrics, Remote, RemoteHandle, Spawner, all_tasks, call_at,
    call_later, call_soon, current_task, run, spawn, spawn_blocking, spawn_named, try_current_task,
};
pub use future::{
    Gather, Gathered, Settled, TryGather, TryGathered, Wait, Waited, YieldNow, gather, try_gather,
    wait, yield_now,
};
pub use sync::{
    BrokenBarrier, Closed, LifoQueue, PriorityQueue, PutError, Queue, RemoteQueue, TryGetError,
    TryPutError,
};
pub use task::{JoinError, JoinHandle, Task, TaskId};
pub use time::{
    Interval, MissedTick, Sleep, Timeout, advance, interval, now, sleep, sleep_until, timeout,
    timeout_at,
};
