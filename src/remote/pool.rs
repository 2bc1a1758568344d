//! The threads that blocking jobs run on: as many as there is work for, up to a bound, and none that idles for long.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::lock::{AtomicUsize, Lock, Ordering, Signal};
use crate::task::Notifier;

/// How many threads a loop may have unless it is told otherwise: asyncio's upper limit. Jobs mostly wait, so it is not
/// a matter of cores; more than this would hardly be one loop's work.
pub(super) const THREADS: usize = 32;

/// How long a thread waits for its next job: long enough to bridge the pauses of a busy program, which saves it the
/// start of a thread, about as dear as a hundred thousand turns of a task.
const KEEP_IDLE: Duration = Duration::from_secs(10);

/// Something to run on a thread of the pool. It catches its own panics.
pub(super) trait Job: Send + Sync {
    fn run(&self);
}

pub(super) struct Pool {
    workers: Arc<Workers>,
    threads: RefCell<Vec<JoinHandle<()>>>,
    bound: usize,
}

/// What the threads share, each of which runs [`Workers::work`].
pub(super) struct Workers {
    state: Lock<State>,
    news: Signal,
    keep_idle: Duration,
}

/// A job counts as waiting until its thread has taken it, and so does the thread as idle. So neither is ever missed: a
/// thread is started exactly when more jobs wait than threads idle.
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
            news: Signal::new(),
            keep_idle,
        }
    }

    /// Hands a job to the next thread that is free, and calls `start` for one more if there is too much to do.
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
        self.news.notify_one();
        Ok(())
    }

    /// The next job for a thread that has none. None: the thread shall end.
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
            (state, is_over) = self.news.wait_timeout(state, self.keep_idle);
            state.idle -= 1;
        }
    }

    /// What a thread of the pool does.
    pub(super) fn work(&self) {
        while let Some(job) = self.next() {
            job.run();
        }
    }

    /// Lets the threads end when no job waits any more. New ones are dropped.
    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
        self.news.notify_all();
    }
}

impl Pool {
    pub(super) fn new(bound: usize) -> Self {
        Self::with_patience(bound, KEEP_IDLE)
    }

    fn with_patience(bound: usize, keep_idle: Duration) -> Self {
        Self {
            workers: Arc::new(Workers::new(keep_idle)),
            threads: RefCell::default(),
            bound,
        }
    }

    /// Hands a job to the next thread that is free.
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

    /// Lets the threads end after the jobs that they run now, and waits for that. Jobs that wait have been withdrawn.
    pub(super) fn close(&self) {
        self.workers.close();
        for thread in self.threads.take() {
            // It catches what its jobs panic with.
            let _ = thread.join();
        }
    }
}

/// How many jobs wait or run, for the clock: virtual time stands still meanwhile.
pub(super) struct JobCount {
    count: AtomicUsize,
    notifier: Notifier,
}

impl JobCount {
    pub(super) fn new(notifier: Notifier) -> Self {
        let count = AtomicUsize::new(0);
        Self { count, notifier }
    }

    pub(super) fn any(&self) -> bool {
        // Acquire: if there is none, what the last one woke is seen.
        self.count.load(Ordering::Acquire) > 0
    }
}

/// One of them; held until the job has told of its end.
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
            // Time may go on: the loop is to look again.
            self.0.notifier.announce_messages();
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
        let pool = Pool::with_patience(2, Duration::MAX);
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
        let pool = Pool::with_patience(1, Duration::ZERO);
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
