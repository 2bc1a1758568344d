//! The event loop: its rounds, its waits, and the functions that find the running loop.

mod ambient;
mod builder;
pub(crate) mod clock;
pub(crate) mod context;
mod context_var;
pub(crate) mod core;
pub(crate) mod outside;
mod parker;
mod round;
mod slow_poll;
mod spawner;
mod wait;

use std::fmt;
use std::future::Future;
use std::panic::{self, Location};
use std::rc::Rc;
use std::time::{Duration, Instant};

pub use ambient::{
    all_tasks, call_at, call_later, call_soon, current_task, run, spawn, spawn_eager, spawn_named,
    try_current_task,
};
pub use builder::Builder;
pub use context_var::{ContextVar, Token};
pub use spawner::{CallHandle, Spawner};

use self::clock::Mode;
use self::core::Core;
use self::round::PrintSeed;
use self::wait::Waited;
use crate::task::{JoinError, JoinHandle, Plain, Task};

/// An event loop: owns its tasks, timers and clock, and runs them on the thread that it was made on.
///
/// [`run`] makes one, runs a future to its end and cleans up, which is all that most programs need. An explicit
/// `EventLoop` can be entered many times, configured by a [`Builder`], and driven round by round by a host.
///
/// **Dropping** it cancels and drops all tasks, in spawn order, and is always safe: handles, wakers and spawners that
/// outlive it see finished tasks. What other threads send is refused first.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let mut event_loop = looplet::EventLoop::builder().virtual_time().build();
/// let background = event_loop.spawn(async {
///     looplet::sleep(Duration::from_secs(3600)).await;
///     "an hour later"
/// });
/// assert_eq!(event_loop.block_on(background).unwrap(), "an hour later");
/// ```
///
/// It is not `Send`:
///
/// ```compile_fail,E0277
/// fn send<T: Send>() {}
/// send::<looplet::EventLoop>();
/// ```
#[doc(alias = "AbstractEventLoop")]
#[doc(alias = "SelectorEventLoop")]
#[doc(alias = "Runner")]
#[doc(alias = "new_event_loop")]
pub struct EventLoop {
    pub(crate) core: Rc<Core>,
}

impl EventLoop {
    /// A loop in real time.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A loop with other settings.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Runs `main` as a task until it has finished, and returns its output. `main` may borrow from its surroundings.
    ///
    /// When `main` finishes, the round is completed and one more round runs. The other tasks stay alive and continue
    /// in the next call.
    ///
    /// # Panics
    ///
    /// With `main`'s panic, if it panics; with `the main task was cancelled`, if it was cancelled; inside of a running
    /// loop; and in virtual time with `deadlock:` and the list of waiting tasks, if nothing can ever become ready.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut event_loop = looplet::EventLoop::new();
    /// let eggs = vec!["one", "two"];
    /// let count = event_loop.block_on(async { eggs.len() }); // borrows
    /// assert_eq!(count, 2);
    /// ```
    #[doc(alias = "run_until_complete")]
    #[track_caller]
    pub fn block_on<F: Future>(&mut self, main: F) -> F::Output {
        let at = Location::caller();
        let _seed = self.core.tasks.shuffle_seed().map(PrintSeed);
        // Checked here, because a closure cannot be `track_caller`: the panic names the caller's line.
        context::refuse_nesting();
        let guard = self.core.outside().and_then(|it| it.guard_main(&self.core));
        let outcome = self.enter(|| self.core.run_main(at, main));
        if let Some(guard) = guard {
            let is_cancelled = matches!(&outcome, Err(error) if error.is_cancelled());
            guard.main_has_ended(&self.core, is_cancelled);
        }
        output_of_main(outcome)
    }

    /// Spawns a task from outside of the loop; it first runs when the loop next runs. See [`spawn`].
    #[doc(alias = "create_task")]
    #[track_caller]
    pub fn spawn<F: Future + 'static>(&self, future: F) -> JoinHandle<F::Output> {
        self.core
            .tasks
            .vacant::<Plain<F>>(Location::caller())
            .spawn(future)
    }

    /// A handle that spawns tasks and queues calls on this loop, for code that runs on its thread.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut event_loop = looplet::EventLoop::new();
    /// let spawner = event_loop.spawner();
    /// let answer = event_loop.block_on(async move { spawner.spawn(async { 42 }).await });
    /// assert_eq!(answer.unwrap(), 42);
    /// ```
    pub fn spawner(&self) -> Spawner {
        Spawner::new(self.core.clone())
    }

    /// Runs all ready tasks, and those that become ready meanwhile, and returns instead of waiting. Time does not jump.
    ///
    /// # Panics
    ///
    /// Inside of a running loop.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut event_loop = looplet::EventLoop::new();
    /// let task = event_loop.spawn(async { looplet::yield_now().await });
    /// event_loop.run_until_stalled();
    /// assert!(task.is_finished());
    /// ```
    #[track_caller]
    pub fn run_until_stalled(&mut self) {
        self.enter(|| self.core.run_ready());
    }

    /// Runs one round, waiting for it at most `max_wait` (without limit if `None`). Returns whether anything ran.
    ///
    /// Virtual time jumps to the next deadline, but no further than `max_wait`.
    ///
    /// # Panics
    ///
    /// Inside of a running loop.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut event_loop = looplet::EventLoop::new();
    /// let task = event_loop.spawn(async { looplet::yield_now().await });
    /// assert!(event_loop.run_once(None)); // up to the yield
    /// assert!(event_loop.run_once(None)); // to the end
    /// assert!(task.is_finished());
    /// assert!(!event_loop.run_once(Some(Duration::ZERO)));
    /// ```
    #[doc(alias = "_run_once")]
    #[track_caller]
    pub fn run_once(&mut self, max_wait: Option<Duration>) -> bool {
        self.enter(|| {
            self.core.look_at_clock();
            let limit = max_wait.map(|wait| self.core.clock.after(wait));
            let mut may_wait = max_wait != Some(Duration::ZERO);
            // A wakeup may make nothing ready, as when another thread drops a waker: then the wait goes on.
            while !self.core.tasks.is_ready_to_run() && may_wait {
                may_wait = self.core.wait(limit) == Waited::Looked;
            }
            self.core.run_round()
        })
    }

    /// Runs until [`Spawner::stop`] is called, and then to the end of the round. If it was called before, exactly one
    /// round runs, without a wait.
    ///
    /// # Panics
    ///
    /// Inside of a running loop, and in virtual time if nothing can ever become ready.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut event_loop = looplet::EventLoop::new();
    /// let spawner = event_loop.spawner();
    /// let task = event_loop.spawn(async move {
    ///     looplet::yield_now().await;
    ///     spawner.stop();
    /// });
    /// event_loop.run_forever();
    /// assert!(task.is_finished());
    /// ```
    #[track_caller]
    pub fn run_forever(&mut self) {
        self.enter(|| {
            if self.core.stop.get() {
                self.core.look_at_clock();
                self.core.run_round();
            } else {
                self.core.run_until(|| self.core.stop.get());
            }
            self.core.stop.set(false);
        });
    }

    /// Moves virtual or manual time forward and fires all timers that fall due on the way, in order, each at its time.
    ///
    /// # Panics
    ///
    /// In real time, which moves by itself; and inside of a running loop.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut event_loop = looplet::EventLoop::builder().manual_time().build();
    /// let nap = event_loop.spawn(async { looplet::sleep(Duration::from_secs(10)).await });
    /// event_loop.advance(Duration::from_secs(9));
    /// assert!(!nap.is_finished());
    /// event_loop.advance(Duration::from_secs(1));
    /// assert!(nap.is_finished());
    /// ```
    #[track_caller]
    pub fn advance(&mut self, duration: Duration) {
        assert!(
            self.core.clock.mode() != Mode::Real,
            "{}",
            clock::REAL_TIME_CANNOT_ADVANCE
        );
        let end = self.core.clock.after(duration);
        self.enter(|| {
            self.core.run_ready();
            while let Some(deadline) = self
                .core
                .next_deadline()
                .filter(|&deadline| deadline <= end)
            {
                self.core.clock.move_to(deadline);
                self.core.run_ready();
            }
            self.core.clock.move_to(end);
            self.core.run_ready();
        });
    }

    /// The deadline of the next timer; none if no timer is armed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let mut event_loop = looplet::EventLoop::new();
    /// assert_eq!(event_loop.next_deadline(), None);
    /// event_loop.spawn(async { looplet::sleep(Duration::from_secs(10)).await }).detach();
    /// event_loop.run_until_stalled();
    /// assert!(event_loop.next_deadline().is_some());
    /// ```
    pub fn next_deadline(&self) -> Option<Instant> {
        self.core
            .next_deadline()
            .map(|deadline| self.core.clock.instant(deadline))
    }

    /// All unfinished tasks, in spawn order.
    ///
    /// # Examples
    ///
    /// ```
    /// let event_loop = looplet::EventLoop::new();
    /// let spawned = event_loop.spawn(async {});
    /// assert_eq!(event_loop.tasks(), [spawned.task()]);
    /// ```
    #[doc(alias = "all_tasks")]
    pub fn tasks(&self) -> Vec<Task> {
        self.core.tasks.tasks()
    }

    /// Lets the tasks end by themselves for at most `grace`, then cancels what is left, in spawn order, and runs until
    /// all of it is gone. Other threads may send tasks, calls and items until the grace is over.
    ///
    /// # Panics
    ///
    /// Inside of a running loop.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let event_loop = looplet::EventLoop::builder().virtual_time().build();
    /// let quick = event_loop.spawn(async { looplet::sleep(Duration::from_secs(1)).await });
    /// let endless = event_loop.spawn(std::future::pending::<()>());
    /// event_loop.shutdown(Duration::from_secs(5));
    /// assert!(quick.is_finished() && !quick.is_cancelled());
    /// assert!(endless.is_cancelled());
    /// ```
    #[doc(alias = "close")]
    #[track_caller]
    pub fn shutdown(self, grace: Duration) {
        self.enter(|| {
            let end = self.core.clock.after(grace);
            self.core.run_until_empty(end);
            self.core.cancel_all();
        });
    }
}

impl Default for EventLoop {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop")
            .field("tasks", &self.tasks())
            .finish_non_exhaustive()
    }
}

impl Drop for EventLoop {
    fn drop(&mut self) {
        self.core.close();
    }
}

/// Returns the output of the main task, or resumes its panic.
///
/// # Panics
///
/// With `the main task was cancelled`, if it was.
#[track_caller]
fn output_of_main<T>(outcome: Result<T, JoinError>) -> T {
    match outcome {
        Ok(output) => output,
        Err(error) if error.is_panic() => panic::resume_unwind(error.into_panic()),
        Err(_) => panic!("the main task was cancelled"),
    }
}
