//! Every interleaving of a blocking job's thread and the loop: the code that ships, on real tasks, with its locks and
//! counters replaced by those of the model checker. See `task::remote_loom` for how to run it.
//!
//! In a model no idle thread of the pool times out, and the threads are the model checker's own.

use std::array;
use std::cell::RefCell;
use std::future::pending;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use loom::sync::Arc as Counted;
use loom::thread;

use super::blocking::{Done, Work};
use super::pool::{Job, JobCount, JobGuard, Workers};
use crate::lock::{Lock, Signal};
use crate::task::remote_loom::{Loop, check};
use crate::task::{JoinHandle, Plain};

/// What `spawn_blocking` does, but for the choice of a thread.
fn submit<R: Send + 'static>(
    event_loop: &Loop,
    job_count: &Arc<JobCount>,
    f: impl FnOnce() -> R + Send + 'static,
) -> (JoinHandle<R>, Arc<dyn Job>) {
    let work = Arc::new(Work::new(f));
    work.state.lock().job_guard = Some(JobGuard::new(job_count));
    let vacant = event_loop.scheduler.vacant::<Plain<_>>(Location::caller());
    let task = vacant.spawn(Done { work: work.clone() });
    (task, work)
}

/// As many jobs, each on a thread of its own.
fn results_come_before_virtual_time_goes_on<const JOBS: usize>() {
    let event_loop = Loop::new();
    let job_count = Arc::new(JobCount::new(event_loop.scheduler.source(pending())));
    let submitted: [_; JOBS] = array::from_fn(|job| submit(&event_loop, &job_count, move || job));
    let (mut tasks, threads): (Vec<_>, Vec<_>) = submitted
        .into_iter()
        .map(|(task, job)| (task, thread::spawn(move || job.run())))
        .unzip();
    // A loop that is kept awake; then one that sleeps.
    for _ in 0..2 {
        // As the loop does before it waits: the count is read before the look.
        let in_flight = job_count.any();
        event_loop.run_ready();
        let is_too_late = !in_flight && !tasks.iter().all(JoinHandle::is_finished);
        assert!(!is_too_late, "time would go on before the result is there");
    }
    event_loop.run_until(|| tasks.iter().all(JoinHandle::is_finished));
    for (job, task) in tasks.iter_mut().enumerate() {
        assert_eq!(task.try_join().unwrap().unwrap(), job);
    }
    event_loop.run_until(|| !job_count.any());
    for thread in threads {
        thread.join().unwrap();
    }
    event_loop.close();
}

#[test]
fn loom_a_jobs_result_reaches_its_task_before_virtual_time_goes_on() {
    check(Some(3), results_come_before_virtual_time_goes_on::<1>);
}

#[test]
fn loom_two_jobs_results_reach_their_tasks_before_virtual_time_goes_on() {
    check(Some(1), results_come_before_virtual_time_goes_on::<2>);
}

#[test]
fn loom_a_job_whose_task_is_cancelled_runs_or_not_and_leaves_nothing() {
    check(Some(3), || {
        let event_loop = Loop::new();
        let job_count = Arc::new(JobCount::new(event_loop.scheduler.source(pending())));
        let witness = Counted::new(());
        let (held, still) = (witness.clone(), job_count.clone());
        let grounded = Arc::new(AtomicBool::new(false));
        let noted = grounded.clone();
        let (task, job) = submit(&event_loop, &job_count, move || {
            // Asked late, to leave time for the cancellation.
            thread::yield_now();
            noted.fetch_or(!still.any(), Relaxed);
            held
        });
        let other = thread::spawn(move || job.run());
        event_loop.run_ready();
        event_loop.scheduler.enter(|| task.as_task().end());
        event_loop.run_until(|| !job_count.any());
        other.join().unwrap();
        drop(task);
        event_loop.close();
        assert_eq!(Counted::strong_count(&witness), 1);
        assert!(!grounded.load(Relaxed), "a job that runs is in flight");
    });
}

/// Counts how often it was run.
struct Tally(Lock<usize>, Signal);

impl Job for Tally {
    fn run(&self) {
        *self.0.lock() += 1;
        self.1.notify_one();
    }
}

impl Tally {
    fn wait_for(&self, jobs: usize) {
        let mut run = self.0.lock();
        while *run < jobs {
            run = self.1.wait(run);
        }
    }
}

/// Two jobs, the second one after the first or at once, for at most so many threads.
fn all_jobs_are_run(one_by_one: bool, bound: usize) {
    let workers = Arc::new(Workers::new(Duration::MAX));
    let tally = Arc::new(Tally(Lock::new(0), Signal::new()));
    let threads = Rc::new(RefCell::new(Vec::new()));
    for job in 1..=2 {
        let submitted = workers.submit(tally.clone(), bound, || {
            let workers = workers.clone();
            threads
                .borrow_mut()
                .push(thread::spawn(move || workers.work()));
            Ok(())
        });
        submitted.unwrap();
        if one_by_one || job == 2 {
            tally.wait_for(job);
        }
    }
    workers.close();
    assert!(threads.borrow().len() <= bound);
    for thread in threads.take() {
        thread.join().unwrap();
    }
    tally.wait_for(2);
}

#[test]
fn loom_one_thread_runs_all_jobs_and_ends() {
    check(None, || all_jobs_are_run(true, 1));
    check(None, || all_jobs_are_run(false, 1));
}

#[test]
fn loom_two_threads_run_all_jobs_and_end() {
    check(Some(2), || all_jobs_are_run(false, 2));
}
