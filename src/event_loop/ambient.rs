//! The functions that act on the running loop.

use std::future::Future;
use std::panic::Location;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::{CallHandle, EventLoop, context, output_of_main};
use crate::task::{JoinHandle, Plain, Task};

/// Runs a future on a new event loop to its end, cleans up, and returns its output.
///
/// When `main` finishes, the round is completed and one more round runs; then every other task is cancelled, in spawn
/// order, and the loop runs until all of them are gone. What their destructors spawn is cancelled at once.
///
/// # Panics
///
/// With `main`'s panic, after the cleanup; with `the main task was cancelled`, if it was; and if an event loop is
/// running on this thread already.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let answer = looplet::run(async {
///     looplet::sleep(Duration::from_millis(1)).await;
///     42
/// });
/// assert_eq!(answer, 42);
/// ```
#[doc(alias = "asyncio.run")]
#[track_caller]
pub fn run<F: Future>(main: F) -> F::Output {
    let at = Location::caller();
    let event_loop = EventLoop::new();
    let core = &event_loop.core;
    let outcome = context::enter(core, || {
        let outcome = core.run_main(at, main);
        core.cancel_all();
        outcome
    });
    drop(event_loop);
    output_of_main(outcome)
}

/// Spawns a future as a task of the running loop. The task is queued and runs concurrently with the caller; it is not
/// polled inside this call.
///
/// Keep the handle to await the result or to cancel the task; drop it to detach the task. When the loop
/// ends, an unfinished task is cancelled: its future is dropped where it waits.
///
/// # Panics
///
/// If no event loop is running on this thread.
///
/// # Examples
///
/// ```
/// looplet::run(async {
///     let double = looplet::spawn(async { 21 * 2 });
///     assert_eq!(double.await.unwrap(), 42);
/// });
/// ```
#[doc(alias = "create_task")]
#[doc(alias = "ensure_future")]
#[inline]
#[track_caller]
pub fn spawn<F: Future + 'static>(future: F) -> JoinHandle<F::Output> {
    context::vacant::<Plain<F>>(Location::caller()).spawn(future)
}

/// [`spawn`], with a name for error messages and [`Task::name`].
///
/// # Panics
///
/// If no event loop is running on this thread.
///
/// # Examples
///
/// ```
/// looplet::run(async {
///     let task = looplet::spawn_named("greeter", async { "hello" });
///     assert_eq!(&*task.name(), "greeter");
///     assert_eq!(task.await.unwrap(), "hello");
/// });
/// ```
#[doc(alias = "create_task")]
#[track_caller]
pub fn spawn_named<F: Future + 'static>(
    name: impl Into<Rc<str>>,
    future: F,
) -> JoinHandle<F::Output> {
    let name: Rc<str> = name.into();
    context::vacant::<Plain<F>>(Location::caller())
        .named(&name)
        .spawn(future)
}

/// [`spawn`], with the first poll inside the call: the future runs up to its first wait before this returns, and a
/// future that never waits is never queued.
///
/// During that poll the new task is the current one. A panic in it ends the new task alone and is the handle's
/// result. A loop that is ending does not poll: the task is cancelled at once, as with `spawn`.
///
/// # Panics
///
/// If no event loop is running on this thread.
///
/// # Examples
///
/// ```
/// looplet::run(async {
///     let quick = looplet::spawn_eager(async { 21 * 2 });
///     assert!(quick.is_finished());
///     assert_eq!(quick.await.unwrap(), 42);
/// });
/// ```
#[doc(alias = "eager_start")]
#[doc(alias = "eager_task_factory")]
#[track_caller]
pub fn spawn_eager<F: Future + 'static>(future: F) -> JoinHandle<F::Output> {
    context::vacant::<Plain<F>>(Location::caller()).start(future)
}

/// The task that is being polled.
///
/// # Panics
///
/// Outside of a running loop, and inside of a plain call, which is not a task.
///
/// # Examples
///
/// ```
/// looplet::run(async {
///     assert_eq!(&*looplet::current_task().name(), "Task-1");
/// });
/// ```
#[track_caller]
pub fn current_task() -> Task {
    match context::with(|core| core.tasks.current_task()) {
        Some(task) => task,
        None => panic!("no current task: this is not the code of a task"),
    }
}

/// The task that is being polled; none outside of a loop and inside of a plain call.
///
/// # Examples
///
/// ```
/// assert!(looplet::try_current_task().is_none());
/// looplet::run(async {
///     assert!(looplet::try_current_task().is_some());
///     looplet::call_soon(|| assert!(looplet::try_current_task().is_none()));
/// });
/// ```
#[doc(alias = "current_task")]
pub fn try_current_task() -> Option<Task> {
    context::try_with(|core| core.tasks.current_task()).flatten()
}

/// All unfinished tasks of the running loop, in spawn order, the current one included.
///
/// # Panics
///
/// If no event loop is running on this thread.
///
/// # Examples
///
/// ```
/// looplet::run(async {
///     let _task = looplet::spawn(async {});
///     let names: Vec<_> = looplet::all_tasks().iter().map(|task| task.name().to_string()).collect();
///     assert_eq!(names, ["Task-1", "Task-2"]);
/// });
/// ```
#[track_caller]
pub fn all_tasks() -> Vec<Task> {
    context::with(|core| core.tasks.tasks())
}

/// Queues a plain function call behind all entries that are ready now. A panic in it goes to
/// [`Builder::on_unhandled_panic`](crate::Builder::on_unhandled_panic).
///
/// # Panics
///
/// If no event loop is running on this thread.
///
/// # Examples
///
/// ```
/// looplet::run(async {
///     looplet::call_soon(|| println!("after this round"));
/// });
/// ```
#[track_caller]
pub fn call_soon(f: impl FnOnce() + 'static) -> CallHandle {
    let at = Location::caller();
    context::with(|core| CallHandle::soon(core, at, f))
}

/// Queues a plain function call once `delay` has passed; never earlier. `Duration::MAX` means never.
///
/// # Panics
///
/// If no event loop is running on this thread.
///
/// # Examples
///
/// ```
/// use std::{cell::RefCell, rc::Rc, time::Duration};
///
/// let calls = Rc::new(RefCell::new(Vec::new()));
/// let (first, second) = (calls.clone(), calls.clone());
/// looplet::EventLoop::builder().virtual_time().build().block_on(async {
///     looplet::call_later(Duration::from_secs(2), move || second.borrow_mut().push("two"));
///     looplet::call_later(Duration::from_secs(1), move || first.borrow_mut().push("one"));
///     looplet::sleep(Duration::from_secs(3)).await;
/// });
/// assert_eq!(*calls.borrow(), ["one", "two"]);
/// ```
#[track_caller]
pub fn call_later(delay: Duration, f: impl FnOnce() + 'static) -> CallHandle {
    let at = Location::caller();
    context::with(|core| CallHandle::at(core, at, core.clock.after(delay), f))
}

/// Queues a plain function call at a point in time, or at the next look at the timers if that has passed.
///
/// # Panics
///
/// If no event loop is running on this thread.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// looplet::EventLoop::builder().virtual_time().build().block_on(async {
///     let noon = looplet::now() + Duration::from_secs(60);
///     looplet::call_at(noon, move || assert_eq!(looplet::now(), noon));
///     looplet::sleep_until(noon + Duration::from_secs(1)).await;
/// });
/// ```
#[track_caller]
pub fn call_at(when: Instant, f: impl FnOnce() + 'static) -> CallHandle {
    let at = Location::caller();
    context::with(|core| CallHandle::at(core, at, core.clock.at(when), f))
}
