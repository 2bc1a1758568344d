//! The thread pool for blocking jobs: it starts threads on demand, up to a bound, and ends those that stay idle.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::lock::{AtomicUsize, Lock, Ordering, Signal};

/// The default bound of threads: asyncio's upper limit. It does not depend on the number of cores, because jobs mostly
/// wait.
pub(super) const THREADS: usize = 32;

/// How long an idle thread waits for its next job. The value bridges the pauses of a busy program, because starting a
/// thread costs as much as about a hundred thousand polls of a task.
const KEEP_IDLE: Duration = Duration::from_secs(10);

/// A job for a thread of the pool. `run` must catch its own panics.
pub(super) trait Job: Send + Sync {
    fn run(&self);
}

pub(super) struct Pool {
    workers: Arc<Workers>,
    threads: RefCell<Vec<JoinHandle<()>>>,
    bound: usize,
}

/// The shared state of the threads, each of which runs [`Workers::work`].
pub(super) struct Workers {
    state: Lock<State>,
    changed: Signal,
    keep_idle: Duration,
}

/// A job counts as waiting, and its thread as idle, until the thread has taken the job. So a new thread is started
/// exactly when more jobs wait than threads are idle.
#[derive(Default)]
struct State {
    waiting: VecDeque<Arc<dyn Job>>,
    idle: usize,
    threads: usize,
    is_closed: bool,
}

impl Workers {
    pub(super) fn new(keep_idle: Duration) -> Self {
        Self {
            state: Lock::new(State::default()),
            changed: Signal::new(),
            keep_idle,
        }
    }

    /// Queues a job for the next idle thread, and calls `start` for another thread if more jobs wait than threads
    /// are idle.
    ///
    /// # Errors
    ///
    /// If there is no thread at all and none can be started. A job beyond that waits for another thread.
    pub(super) fn submit(
        &self,
        job: Arc<dyn Job>,
        bound: usize,
        start: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.is_closed {
            return Ok(());
        }
        if state.waiting.len() + 1 > state.idle && state.threads < bound {
            match start() {
                Ok(()) => state.threads += 1,
                Err(error) if state.threads == 0 => return Err(error),
                Err(_) => {}
            }
        }
        state.waiting.push_back(job);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for the next job. Returns none if the thread is to end.
    fn next(&self) -> Option<Arc<dyn Job>> {
        let mut state = self.state.lock();
        let mut is_over = false;
        loop {
            let job = state.waiting.pop_front();
            if job.is_some() {
                return job;
            }
            if state.is_closed || is_over {
                state.threads -= 1;
                return None;
            }
            state.idle += 1;
            (state, is_over) = self.changed.wait_timeout(state, self.keep_idle);
            state.idle -= 1;
        }
    }

    /// The main loop of a thread.
    pub(super) fn work(&self) {
        while let Some(job) = self.next() {
            job.run();
        }
    }

    /// Makes the threads end when no job waits any more. New jobs are dropped.
    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
        self.changed.notify_all();
    }
}

impl Pool {
    pub(super) fn new(bound: usize) -> Self {
        Self::with_keep_idle(bound, KEEP_IDLE)
    }

    fn with_keep_idle(bound: usize, keep_idle: Duration) -> Self {
        Self {
            workers: Arc::new(Workers::new(keep_idle)),
            threads: RefCell::default(),
            bound,
        }
    }

    /// Queues a job for the next idle thread.
    ///
    /// # Errors
    ///
    /// As [`Workers::submit`].
    pub(super) fn submit(&self, job: Arc<dyn Job>) -> io::Result<()> {
        self.workers.submit(job, self.bound, || self.start())
    }

    fn start(&self) -> io::Result<()> {
        let workers = Arc::clone(&self.workers);
        let thread = thread::Builder::new()
            .name("looplet-blocking".into())
            .spawn(move || workers.work())?;
        let mut threads = self.threads.borrow_mut();
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
        Ok(())
    }

    /// Makes the threads end after their current jobs, and joins them. Waiting jobs were withdrawn before.
    pub(super) fn close(&self) {
        self.workers.close();
        for thread in self.threads.take() {
            // A thread never panics, since its jobs catch their panics.
            let _ = thread.join();
        }
    }
}

/// The number of jobs that wait or run. Virtual time stands still while it is not zero.
pub(super) struct JobCount {
    count: AtomicUsize,
    /// Of a source that only ends the loop's sleep.
    waker: Waker,
}

impl JobCount {
    pub(super) fn new(waker: Waker) -> Self {
        let count = AtomicUsize::new(0);
        Self { count, waker }
    }

    pub(super) fn any(&self) -> bool {
        // Acquire: a loop that reads zero also sees the wakeup of the last job.
        self.count.load(Ordering::Acquire) > 0
    }
}

/// Counts one job; held until the job has woken its task.
pub(super) struct JobGuard(Arc<JobCount>);

impl JobGuard {
    pub(super) fn new(job_count: &Arc<JobCount>) -> Self {
        job_count.count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(job_count))
    }
}

impl Drop for JobGuard {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::Release) == 1 {
            // Wakes the loop, because virtual time may go on.
            self.0.waker.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::{Receiver, Sender, unbounded};

    use super::*;

    struct Note(Sender<thread::ThreadId>, Receiver<()>);

    impl Job for Note {
        fn run(&self) {
            self.0.send(thread::current().id()).unwrap();
            self.1.recv().unwrap();
        }
    }

    #[test]
    fn threads_are_started_on_demand_up_to_the_bound() {
        let pool = Pool::new(2);
        let (started, starts) = unbounded();
        let (go, gate) = unbounded();
        for _ in 0..3 {
            let job = Note(started.clone(), gate.clone());
            pool.submit(Arc::new(job)).unwrap();
        }
        assert_ne!(starts.recv(), starts.recv());
        assert!(starts.is_empty() && pool.threads.borrow().len() == 2);
        for _ in 0..3 {
            go.send(()).unwrap();
        }
        starts.recv().unwrap();
        pool.close();
        assert!(starts.is_empty() && gate.is_empty());
    }

    #[test]
    fn a_thread_that_idles_takes_the_next_job_and_no_other_is_started() {
        let pool = Pool::with_keep_idle(2, Duration::MAX);
        let (started, starts) = unbounded();
        let (go, gate) = unbounded();
        for _ in 0..3 {
            pool.submit(Arc::new(Note(started.clone(), gate.clone())))
                .unwrap();
            starts.recv().unwrap();
            go.send(()).unwrap();
            while pool.workers.state.lock().idle == 0 {
                thread::yield_now();
            }
        }
        assert_eq!(pool.workers.state.lock().threads, 1);
        pool.close();
    }

    #[test]
    fn a_job_waits_if_there_is_a_thread_and_no_other_can_be_started() {
        let (workers, (note, gate)) = (Workers::new(KEEP_IDLE), (unbounded().0, unbounded().1));
        let submit = |start| {
            let job = Note(note.clone(), gate.clone());
            workers.submit(Arc::new(job), 2, || start)
        };
        let refused = || Err(io::ErrorKind::OutOfMemory.into());
        assert!(submit(refused()).is_err());
        submit(Ok(())).unwrap();
        submit(refused()).unwrap();
        let state = workers.state.lock();
        assert_eq!((state.waiting.len(), state.threads), (2, 1));
    }

    #[test]
    fn a_thread_without_work_ends_and_another_one_takes_its_place() {
        let pool = Pool::with_keep_idle(1, Duration::ZERO);
        let (started, starts) = unbounded();
        let (go, gate) = unbounded();
        let mut seen = Vec::new();
        for _ in 0..2 {
            let job = Note(started.clone(), gate.clone());
            pool.submit(Arc::new(job)).unwrap();
            go.send(()).unwrap();
            seen.push(starts.recv().unwrap());
            while !pool.threads.borrow()[0].is_finished() {
                thread::yield_now();
            }
            assert_eq!(pool.workers.state.lock().threads, 0);
        }
        assert_ne!(seen[0], seen[1]);
    }
}
