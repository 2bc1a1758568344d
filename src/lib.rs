#![doc = include_str!("../README.md")]
//!
//! # Four examples
//!
//! **A future** does nothing until it is polled. [`run`] makes an event loop, polls one future to its end, and returns
//! its output. While the future sleeps, so does the thread.
//!
//! ```
//! use std::time::Duration;
//!
//! let answer = looplet::run(async {
//!     looplet::sleep(Duration::from_millis(1)).await;
//!     6 * 7
//! });
//! assert_eq!(answer, 42);
//! ```
//!
//! **A task** is a future that runs concurrently with others. [`spawn`] only queues it; its first poll comes when the
//! spawning task waits. Await the [`JoinHandle`] for the task's result, [`cancel`](JoinHandle::cancel) the
//! task, or drop the handle to detach it.
//!
//! ```
//! looplet::run(async {
//!     let child = looplet::spawn(async { "ready" });
//!     assert!(!child.is_finished());
//!     assert_eq!(child.await.unwrap(), "ready");
//!
//!     let broken = looplet::spawn(async { panic!("no salt") });
//!     assert!(broken.await.unwrap_err().is_panic()); // and no other task is affected
//! });
//! ```
//!
//! **Several at once**: [`gather`] for all results, [`wait`] for the first of them, [`timeout`] for a limit. Here the
//! loop is an [`EventLoop`] in virtual time, which jumps to the next deadline instead of waiting: for tests.
//!
//! ```
//! use std::time::Duration;
//! use looplet::{EventLoop, gather, sleep, spawn, timeout, wait};
//!
//! async fn nap(seconds: u64) -> u64 {
//!     sleep(Duration::from_secs(seconds)).await;
//!     seconds
//! }
//!
//! EventLoop::builder().virtual_time().build().block_on(async {
//!     assert_eq!(gather((nap(3), nap(1))).await, (3, 1));
//!
//!     let waited = wait([spawn(nap(60)), spawn(nap(2))]).first_completed().await;
//!     assert_eq!((waited.done.len(), waited.pending.len()), (1, 1));
//!
//!     assert!(timeout(Duration::from_secs(5), nap(3600)).await.is_err());
//! });
//! ```
//!
//! **A queue** passes items from task to task. Producers wait while it is full, consumers while it is empty, and
//! [`shutdown`](Queue::shutdown) closes it.
//!
//! ```
//! use looplet::{Queue, run, spawn};
//!
//! let eaten = run(async {
//!     let plates = Queue::bounded(2);
//!     let kitchen = plates.clone();
//!     spawn(async move {
//!         for n in 1..=5 {
//!             kitchen.put(n).await.unwrap();
//!         }
//!         kitchen.shutdown();
//!     })
//!     .detach();
//!     let mut eaten = Vec::new();
//!     while let Ok(plate) = plates.get().await {
//!         eaten.push(plate);
//!     }
//!     eaten
//! });
//! assert_eq!(eaten, [1, 2, 3, 4, 5]);
//! ```
//!
//! The module [`guide`] continues from here.

mod error;
mod event_loop;
mod future;
pub mod guide;
mod lock;
mod observe;
mod remote;
pub mod sync;
pub mod task;
pub mod time;
mod timer;
mod waiting;

pub use error::{Elapsed, Failure, GroupError, LoopGone, NoDump};
pub use event_loop::{
    Builder, CallHandle, ContextVar, EventLoop, Spawner, Token, all_tasks, call_at, call_later,
    call_soon, current_task, run, spawn, spawn_eager, spawn_named, try_current_task,
};
pub use future::{
    AsCompleted, Gather, Gathered, Settled, Shield, TaskGroup, TryGather, TryGathered, Wait,
    Waited, YieldNow, as_completed, gather, shield, task_group, try_gather, wait, yield_now,
};
#[cfg(feature = "timeline")]
pub use observe::timeline;
pub use observe::{
    Dump, Metrics, Observer, OrderBug, PollTimes, TaskDump, TaskEvent, TaskState, WaitsOn, WokenBy,
    dump, explore,
};
pub use remote::{Remote, RemoteHandle, spawn_blocking};
pub use sync::{
    Barrier, BrokenBarrier, Closed, Condition, Event, LifoQueue, Mutex, MutexGuard,
    OwnedMutexGuard, OwnedPermit, Permit, PriorityQueue, PutError, Queue, Receiver, RemoteQueue,
    Semaphore, Sender, TryGetError, TryPutError, oneshot,
};
pub use task::{JoinError, JoinHandle, Task, TaskId};
pub use time::{
    Interval, MissedTick, Sleep, Timeout, advance, interval, now, sleep, sleep_until, timeout,
    timeout_at,
};
