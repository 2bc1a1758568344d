//! Threads that the system refuses to start: the caller gets one panic, or the job waits for another thread;
//! the loop goes on. Each test runs itself again in a child process in which threads are scarce.

use std::collections::HashSet;
use std::process::Command;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use looplet::{now, sleep, spawn, spawn_blocking, yield_now};

use crate::support::panic_text;
use crate::support::probes::{Ledger, assert_alive, virtual_loop};
use crate::support::process::{myself, name_of};

/// Set in the child process.
const CHILD: &str = "LOOPLET_TEST_THREADS";
/// The size of a thread's stack that no system grants.
const BOUNDLESS: &str = "70000000000000";

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Runs one test of this file again.
#[track_caller]
fn in_child(test: &str, stack: &str, mut command: Command) {
    let child = command
        .args(["--exact", test, "--test-threads", "1"])
        .env(CHILD, "1")
        .env("RUST_MIN_STACK", stack)
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && output.contains("1 passed"),
        "{output}"
    );
}

#[test]
fn a_refused_thread_is_one_panic_at_the_caller_and_leaves_nothing_behind() {
    if !is_child() {
        let test = name_of(a_refused_thread_is_one_panic_at_the_caller_and_leaves_nothing_behind);
        return in_child(test, BOUNDLESS, myself());
    }
    let (mut event_loop, reports) = virtual_loop();
    let ledger = Ledger::default();
    event_loop.block_on(async {
        let other = spawn(sleep(Duration::from_secs(3600)));
        yield_now().await;
        for _ in 0..3 {
            let entry = ledger.entry();
            let text = panic_text(|| spawn_blocking(move || drop(entry)));
            let text = text.expect("the thread was started");
            assert!(
                text.starts_with("cannot start a thread for a blocking job: "),
                "{text}"
            );
            ledger.settle();
        }
        // A task that does not catch it ends, and no other one.
        let begun = now();
        let caller = spawn(async { spawn_blocking(|| ()).await });
        assert!(caller.await.unwrap_err().is_panic());
        // No job is in flight: virtual time goes on.
        other.await.unwrap();
        assert_eq!(now() - begun, Duration::from_secs(3600));
    });
    assert_alive(&mut event_loop);
    assert!(reports.borrow().is_empty(), "{reports:?}");
    // Neither main nor those whose job could not be begun are left.
    assert_eq!(event_loop.metrics().live_tasks, 0);
}

#[cfg(target_os = "linux")]
#[test]
fn jobs_beyond_a_refused_thread_wait_for_one_that_is_there() {
    const JOBS: usize = 12;
    if !is_child() {
        // 1 GiB of addresses, and threads of 128 MiB.
        let limited = || {
            let mut shell = Command::new("sh");
            shell.args(["-c", "ulimit -v 1048576 && exec \"$0\" \"$@\""]);
            shell.arg(std::env::current_exe().unwrap());
            shell
        };
        let listed = limited().arg("--list").output();
        if !listed.is_ok_and(|it| it.status.success()) {
            return; // As under a sanitizer, which needs terabytes of addresses.
        }
        let test = name_of(jobs_beyond_a_refused_thread_wait_for_one_that_is_there);
        return in_child(test, &(128 << 20).to_string(), limited());
    }
    let (mut event_loop, reports) = virtual_loop();
    let threads = event_loop.block_on(async {
        let (open, gate) = channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let jobs: Vec<_> = (0..JOBS)
            .map(|_| {
                let gate = gate.clone();
                spawn_blocking(move || {
                    let _closed = gate.lock().unwrap().recv();
                    thread::current().id()
                })
            })
            .collect();
        drop(open);
        let mut threads = HashSet::new();
        for job in jobs {
            threads.insert(job.await.unwrap());
        }
        threads.len()
    });
    assert!(threads < JOBS, "no thread was refused");
    assert_alive(&mut event_loop);
    assert!(reports.borrow().is_empty());
}

#[cfg(all(unix, feature = "signal"))]
#[test]
fn a_refused_watch_for_ctrl_c_is_one_panic_of_block_on() {
    if !is_child() {
        let test = name_of(a_refused_watch_for_ctrl_c_is_one_panic_of_block_on);
        return in_child(test, BOUNDLESS, myself());
    }
    let mut event_loop = looplet::EventLoop::builder().handle_interrupt().build();
    for _ in 0..2 {
        let text = panic_text(|| event_loop.block_on(async { 1 }));
        let text = text.expect("the thread was started");
        assert!(text.starts_with("cannot watch for Ctrl-C: "), "{text}");
    }
    let task = event_loop.spawn(async { 1 });
    event_loop.run_until_stalled();
    assert!(task.is_finished());
}
