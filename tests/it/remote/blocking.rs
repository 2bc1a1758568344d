//! Blocking jobs: results, panics, cancellation, the bound, and what waits for what at the end.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use looplet::{EventLoop, spawn, spawn_blocking, yield_now};

use crate::support::process::name_of;
use crate::support::{panic_text, panics};

#[test]
fn a_job_runs_on_another_thread_while_the_loop_goes_on() {
    looplet::run(async {
        let (tick, ticks) = channel();
        let owner = thread::current().id();
        // The job ends only if the loop ticks meanwhile.
        let job = spawn_blocking(move || {
            ticks.recv().unwrap();
            (thread::current().id() != owner, 42)
        });
        spawn(async move {
            yield_now().await;
            tick.send(()).unwrap();
        })
        .detach();
        assert_eq!(job.await.unwrap(), (true, 42));
    });
}

#[test]
fn a_panic_in_a_job_is_the_tasks() {
    looplet::run(async {
        let job = spawn_blocking(|| panic!("no such file"));
        job.set_name("reader");
        let error = job.await.unwrap_err();
        assert_eq!(error.to_string(), "task 'reader' panicked: no such file");
        assert_eq!(spawn_blocking(|| 1).await.unwrap(), 1);
    });
}

#[test]
fn a_cancelled_job_runs_to_its_end_and_run_waits_for_it() {
    let trace = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&trace);
    looplet::run(async move {
        let ((begun, begins), (go, gate)) = (channel(), channel());
        let notes = Arc::clone(&log);
        let job = spawn_blocking(move || {
            begun.send(()).unwrap();
            gate.recv().unwrap();
            notes.lock().unwrap().push("job end");
        });
        begins.recv().unwrap();
        assert!(job.cancel());
        let error = job.await.unwrap_err();
        assert!(error.is_cancelled());
        log.lock().unwrap().push("main end");
        go.send(()).unwrap();
    });
    trace.lock().unwrap().push("run returned");
    assert_eq!(
        *trace.lock().unwrap(),
        ["main end", "job end", "run returned"]
    );
}

#[test]
fn a_job_that_has_not_begun_is_never_run() {
    let mut event_loop = EventLoop::builder().blocking_threads(1).build();
    let (ran, runs) = channel();
    event_loop.block_on(async {
        let ((begun, begins), (go, gate)) = (channel(), channel::<()>());
        let first = spawn_blocking(move || {
            begun.send(()).unwrap();
            gate.recv().unwrap();
        });
        begins.recv().unwrap();
        let witness = ran.clone();
        let second = spawn_blocking(move || witness.send("second").unwrap());
        let third = spawn_blocking(move || ran.send("third").unwrap());
        second.cancel();
        assert!(second.await.unwrap_err().is_cancelled());
        go.send(()).unwrap();
        first.await.unwrap();
        third.await.unwrap();
    });
    assert_eq!(runs.iter().collect::<Vec<_>>(), ["third"]);
}

#[test]
fn as_many_jobs_run_at_once_as_the_bound_says() {
    let mut event_loop = EventLoop::builder().blocking_threads(3).build();
    event_loop.block_on(async {
        let barrier = Arc::new(Barrier::new(3));
        let jobs: Vec<_> = (0..9)
            .map(|_| {
                let barrier = Arc::clone(&barrier);
                spawn_blocking(move || barrier.wait().is_leader())
            })
            .collect();
        let leaders = looplet::gather(jobs).await;
        assert_eq!(
            leaders
                .into_iter()
                .filter(|leader| *leader.as_ref().unwrap())
                .count(),
            3
        );
    });
    assert!(panics(|| EventLoop::builder().blocking_threads(0)));
}

#[test]
fn the_end_of_the_loop_drops_waiting_jobs_and_waits_for_running_ones() {
    for shutdown in [false, true] {
        let mut event_loop = EventLoop::builder().blocking_threads(1).build();
        let ((begun, begins), (ended, ends)) = (channel(), channel());
        let remote = event_loop.remote();
        let unrun = Arc::new(());
        event_loop.block_on(async {
            // It asks the loop for an answer that never comes, which must not keep the two waiting for each other.
            spawn_blocking(move || {
                begun.send(()).unwrap();
                while let Ok(task) = remote.spawn(|| async { pending::<()>().await }) {
                    assert!(task.join().unwrap_err().is_cancelled());
                }
                ended.send(()).unwrap();
            })
            .detach();
            begins.recv().unwrap();
            let witness = Arc::clone(&unrun);
            spawn_blocking(move || drop(witness)).detach();
        });
        if shutdown {
            event_loop.shutdown(Duration::ZERO);
        } else {
            drop(event_loop);
        }
        assert!(ends.try_recv().is_ok());
        assert_eq!(Arc::strong_count(&unrun), 1);
    }
}

#[test]
fn results_without_a_handle_are_dropped_quietly() {
    struct Fatal;
    impl Drop for Fatal {
        fn drop(&mut self) {
            panic!("a fatal drop");
        }
    }
    let reports = Rc::new(Cell::new(0));
    let count = Rc::clone(&reports);
    let mut event_loop = EventLoop::builder()
        .on_unhandled_panic(move |_, _| count.set(count.get() + 1))
        .build();
    event_loop.block_on(async {
        let ((begun, begins), (go, gate)) = (channel(), channel());
        let job = spawn_blocking(move || {
            begun.send(()).unwrap();
            gate.recv().unwrap();
            Fatal
        });
        begins.recv().unwrap();
        job.cancel();
        assert!(job.await.is_err());
        go.send(()).unwrap();
        // A detached one that panics is reported, for its task has not been cancelled.
        spawn_blocking(|| panic!("unseen")).detach();
        while reports.get() == 0 {
            spawn_blocking(|| ()).await.unwrap();
        }
    });
    drop(event_loop);
    assert_eq!(reports.get(), 1);
}

#[test]
fn what_cleanup_hands_to_a_thread_is_never_run() {
    struct Late(Arc<AtomicUsize>);
    impl Drop for Late {
        fn drop(&mut self) {
            // So many that a thread would get at some of them in time.
            for _ in 0..1000 {
                let runs = Arc::clone(&self.0);
                let job = spawn_blocking(move || runs.fetch_add(1, Ordering::Relaxed));
                assert!(job.is_cancelled());
            }
        }
    }
    let runs = Arc::new(AtomicUsize::new(0));
    let late = Late(Arc::clone(&runs));
    looplet::run(async {
        spawn(async move {
            let _late = late;
            pending::<()>().await;
        })
        .detach();
        yield_now().await;
    });
    let runs = Arc::try_unwrap(runs).expect("all jobs are gone");
    assert_eq!(runs.into_inner(), 0);
}

#[test]
fn virtual_time_stands_still_while_a_job_is_in_flight() {
    let mut event_loop = EventLoop::builder().virtual_time().build();
    let order = Rc::new(RefCell::new(Vec::new()));
    for _ in 0..50 {
        event_loop.block_on(async {
            let start = looplet::now();
            let sleeper = Rc::clone(&order);
            let sleep = spawn(async move {
                looplet::sleep(Duration::from_nanos(1)).await;
                sleeper.borrow_mut().push("sleep");
            });
            let answer = spawn_blocking(|| {
                thread::yield_now();
                7
            });
            assert_eq!(answer.await.unwrap(), 7);
            assert_eq!(looplet::now(), start);
            order.borrow_mut().push("job");
            sleep.await.unwrap();
        });
    }
    assert!(
        order
            .borrow()
            .chunks(2)
            .all(|pair| pair == ["job", "sleep"])
    );
    let text = panic_text(|| event_loop.block_on(pending::<()>())).unwrap();
    assert!(text.starts_with("deadlock:"));
}

#[test]
fn without_a_loop_it_panics() {
    let text = panic_text(|| spawn_blocking(|| ())).unwrap();
    assert_eq!(text, "no running event loop");
}

/// Threads of this size cannot be started, in a child process that has it in its environment.
const NO_THREADS: &str = "70000000000000";

#[test]
fn a_thread_that_cannot_be_started_is_reported_to_the_caller() {
    if std::env::var("RUST_MIN_STACK").is_ok_and(|size| size == NO_THREADS) {
        let text = looplet::run(async { panic_text(|| spawn_blocking(|| ())) });
        let text = text.expect("the thread was started");
        assert!(
            text.starts_with("cannot start a thread for a blocking job"),
            "{text}"
        );
        return;
    }
    let me = std::env::current_exe().unwrap();
    let child = std::process::Command::new(me)
        .args([
            "--exact",
            name_of(a_thread_that_cannot_be_started_is_reported_to_the_caller),
        ])
        .args(["--test-threads", "1"])
        .env("RUST_MIN_STACK", NO_THREADS)
        .output()
        .unwrap();
    assert!(
        child.status.success(),
        "{}",
        String::from_utf8_lossy(&child.stdout)
    );
}
