//! Blocking jobs: functions that run on other threads, for a task that awaits the result.

use std::future::{Future, pending};
use std::panic::{self, AssertUnwindSafe, Location};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use super::pool::{self, Job, JobCount, JobGuard, Pool};
use super::remotes;
use crate::event_loop::core::Core;
use crate::event_loop::{Builder, context};
use crate::lock::Lock;
use crate::task::{JoinHandle, Plain, drop_quietly};

/// Runs a function that may block on another thread, as a task of the running loop, which goes on meanwhile.
///
/// The function is queued to a small pool of threads at once.
/// [`Builder::blocking_threads`](crate::Builder::blocking_threads) bounds the pool; further jobs wait for a thread. A
/// panic in the function is a panic of the task. Virtual time stands still until the function has returned.
///
/// **Cancelling** the task ends it without the result. A function that has not begun by then never runs; one that runs
/// is not interrupted, and what it returns is dropped. The end of the loop waits for those that run.
///
/// # Panics
///
/// If no event loop is running on this thread; and if the pool has no thread and none can be started.
///
/// # Examples
///
/// ```
/// let digits = looplet::run(async {
///     let job = looplet::spawn_blocking(|| (0..1000).map(|n: u32| n.to_string().len()).sum::<usize>());
///     job.await.unwrap()
/// });
/// assert_eq!(digits, 2890);
/// ```
#[doc(alias = "to_thread")]
#[doc(alias = "run_in_executor")]
#[track_caller]
pub fn spawn_blocking<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
    let at = Location::caller();
    let core = context::current();
    let work = Arc::new(Work::new(f));
    // A loop that is ending cancels the task below at once, so the job must not begin.
    if !core.tasks.is_refusing() {
        submit(&core, work.clone(), &work.state);
    }
    core.tasks.vacant::<Plain<_>>(at).spawn(Done { work })
}

/// A job, shared by the pool and the task.
pub(super) struct Work<F, R> {
    pub(super) state: Lock<State<F, R>>,
}

pub(super) struct State<F, R> {
    stage: Stage<F, R>,
    waker: Option<Waker>,
    pub(super) job_guard: Option<JobGuard>,
}

enum Stage<F, R> {
    Waiting(F),
    Running,
    Done(thread::Result<R>),
    /// The task was dropped, or has taken the result.
    Over,
}

impl<F, R> State<F, R> {
    fn advance(&mut self, next: Stage<F, R>) -> Stage<F, R> {
        std::mem::replace(&mut self.stage, next)
    }
}

impl<F, R> Work<F, R> {
    pub(super) fn new(f: F) -> Self {
        let state = State {
            stage: Stage::Waiting(f),
            waker: None,
            job_guard: None,
        };
        Self {
            state: Lock::new(state),
        }
    }
}

impl<F: FnOnce() -> R + Send, R: Send> Job for Work<F, R> {
    fn run(&self) {
        let begun = {
            let mut state = self.state.lock();
            match state.advance(Stage::Running) {
                Stage::Waiting(f) => f,
                other => {
                    // Withdrawn.
                    state.stage = other;
                    return;
                }
            }
        };
        let result = panic::catch_unwind(AssertUnwindSafe(begun));
        let mut state = self.state.lock();
        let unwanted = match state.stage {
            Stage::Running => {
                state.stage = Stage::Done(result);
                None
            }
            _ => Some(result),
        };
        let (waker, job_guard) = (state.waker.take(), state.job_guard.take());
        drop(state);
        // The task is gone, so a panic of the destructor cannot be reported to it.
        drop_quietly(unwanted);
        if let Some(waker) = waker {
            waker.wake();
        }
        // After the wakeup, so that virtual time cannot go on before it.
        drop(job_guard);
    }
}

/// The future of the task: awaits the end of the job.
pub(super) struct Done<F, R> {
    pub(super) work: Arc<Work<F, R>>,
}

impl<F, R> Future for Done<F, R> {
    type Output = R;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let mut state = self.work.state.lock();
        match state.advance(Stage::Over) {
            Stage::Done(result) => {
                drop(state);
                Poll::Ready(result.unwrap_or_else(|panic| panic::resume_unwind(panic)))
            }
            other => {
                state.stage = other;
                // The waker is the task's own, so its clone and drop run no user code under the lock.
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<F, R> Drop for Done<F, R> {
    fn drop(&mut self) {
        let mut state = self.work.state.lock();
        let waker = state.waker.take();
        let begun = matches!(state.stage, Stage::Running);
        let left = state.advance(Stage::Over);
        // A running job counts until its end.
        let job_guard = if begun { None } else { state.job_guard.take() };
        drop(state);
        drop((waker, job_guard));
        drop(left);
    }
}

#[track_caller]
fn submit<F, R>(core: &Core, job: Arc<dyn Job>, state: &Lock<State<F, R>>) {
    let remotes = remotes(core);
    let job_count = remotes
        .job_count
        .get_or_init(|| Arc::new(JobCount::new(core.tasks.source(pending()))));
    state.lock().job_guard = Some(JobGuard::new(job_count));
    let threads = remotes.threads.get().unwrap_or(pool::THREADS);
    let pool = remotes.pool.get_or_init(|| Pool::new(threads));
    if let Err(error) = pool.submit(job) {
        panic!("cannot start a thread for a blocking job: {error}");
    }
}

impl Builder {
    /// How many threads [`spawn_blocking`](crate::spawn_blocking) may use at most; 32 if this is not called. They are
    /// started when there is work for them, and end when there is none for a while.
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut event_loop = looplet::EventLoop::builder().blocking_threads(1).build();
    /// event_loop.block_on(async {
    ///     let (first, second) = (looplet::spawn_blocking(|| 1), looplet::spawn_blocking(|| 2)); // one after the other
    ///     assert_eq!(first.await.unwrap() + second.await.unwrap(), 3);
    /// });
    /// ```
    #[doc(alias = "set_default_executor")]
    #[track_caller]
    pub fn blocking_threads(self, n: usize) -> Self {
        assert!(n > 0, "without a thread no blocking job would ever run");
        self.with(move |core| remotes(core).threads.set(Some(n)))
    }
}
