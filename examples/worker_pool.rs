//! Three workers share a queue of jobs and shut down gracefully: at closing time new jobs are refused, waiting jobs get
//! a grace period, and a worker that is not done by then is cancelled.
//!
//! ```text
//! ann begins job 1
//! bob begins job 2
//! cleo begins job 3
//! ann has done job 1
//! ann begins job 4
//! bob has done job 2
//! bob begins job 5
//! closing time: 2 jobs wait
//! job 8 comes too late
//! ann has done job 4
//! ann begins job 6
//! bob has done job 5
//! bob begins job 7
//! ann has done job 6
//! bob has done job 7
//! the grace period is over
//! ann: 3 jobs
//! bob: 3 jobs
//! task 'cleo' was cancelled
//! ```
//!
//! It takes 0.8 s: 0.2 s until closing time, and the grace period, because job 3 would take an hour.

use std::time::Duration;

use looplet::{Queue, sleep, spawn_named, timeout};

fn main() {
    looplet::run(worker_pool());
}

struct Job {
    number: u32,
    /// In milliseconds.
    takes: u64,
}

pub(crate) async fn worker_pool() {
    let jobs = Queue::unbounded();
    let workers = ["ann", "bob", "cleo"].map(|name| spawn_named(name, work(name, jobs.clone())));
    for (number, takes) in (1..).zip([100, 150, 3_600_000, 200, 200, 200, 200]) {
        jobs.put(Job { number, takes }).await.unwrap();
    }

    sleep(Duration::from_millis(200)).await;
    println!("closing time: {} jobs wait", jobs.len());
    jobs.shutdown();
    let (number, takes) = (8, 100);
    if let Err(refused) = jobs.put(Job { number, takes }).await {
        println!("job {} comes too late", refused.0.number);
    }

    let grace = Duration::from_millis(600);
    if timeout(grace, jobs.join()).await.is_err() {
        println!("the grace period is over");
    }
    for worker in workers {
        worker.cancel();
        match worker.await {
            Ok(farewell) => println!("{farewell}"),
            Err(cancelled) => println!("{cancelled}"),
        }
    }
}

async fn work(name: &str, jobs: Queue<Job>) -> String {
    let mut done = 0;
    while let Ok(job) = jobs.get().await {
        println!("{name} begins job {}", job.number);
        sleep(Duration::from_millis(job.takes)).await;
        println!("{name} has done job {}", job.number);
        jobs.task_done();
        done += 1;
    }
    format!("{name}: {done} jobs")
}
