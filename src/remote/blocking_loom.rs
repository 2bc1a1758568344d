//! Checks every interleaving of a blocking job's thread and the loop: the production code, on real tasks, with locks
//! and counters of the model checker. See `task::remote_loom` for how to run it.
//!
//! In a model no idle thread of the pool times out, and the threads are those of the model checker.

use std::cell::RefCell;
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

/// Does what `spawn_blocking` does, except for the choice of a thread.
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

#[test]
fn loom_a_jobs_result_reaches_its_task_before_virtual_time_goes_on() {
    check(Some(3), || {
        let event_loop = Loop::new();
        let job_count = Arc::new(JobCount::new(event_loop.scheduler.notifier()));
        let (mut task, job) = submit(&event_loop, &job_count, || 7);
        let other = thread::spawn(move || job.run());
        // First a loop that is kept awake by other work, then one that sleeps.
        for _ in 0..2 {
            // The order of the loop before a wait: it reads the count, then looks.
            let in_flight = job_count.any();
            event_loop.run_ready();
            let is_too_late = !in_flight && !task.is_finished();
            assert!(!is_too_late, "time would go on before the result is there");
        }
        event_loop.run_until(|| task.is_finished());
        assert_eq!(task.try_join().unwrap().unwrap(), 7);
        event_loop.run_until(|| {
            event_loop.scheduler.take_messages();
            !job_count.any()
        });
        other.join().unwrap();
        event_loop.close();
    });
}

#[test]
fn loom_a_job_whose_task_is_cancelled_runs_or_not_and_leaves_nothing() {
    check(Some(3), || {
        let event_loop = Loop::new();
        let job_count = Arc::new(JobCount::new(event_loop.scheduler.notifier()));
        let witness = Counted::new(());
        let (held, still) = (witness.clone(), job_count.clone());
        let grounded = Arc::new(AtomicBool::new(false));
        let noted = grounded.clone();
        let (task, job) = submit(&event_loop, &job_count, move || {
            // Read late, to leave time for the cancellation.
            thread::yield_now();
            noted.fetch_or(!still.any(), Relaxed);
            held
        });
        let other = thread::spawn(move || job.run());
        event_loop.run_ready();
        event_loop.scheduler.enter(|| task.as_task().end());
        event_loop.run_until(|| {
            event_loop.scheduler.take_messages();
            !job_count.any()
        });
        other.join().unwrap();
        drop(task);
        event_loop.close();
        assert_eq!(Counted::strong_count(&witness), 1);
        assert!(!grounded.load(Relaxed), "a job that runs is in flight");
    });
}

/// A job that counts its runs.
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

/// Submits two jobs, the second one after the first or at once, with a bound on the threads.
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
