//! Allocations that fail: the process ends with the allocator's one message, as any Rust program does, and neither hangs
//! nor goes on with something half made. And what faults must not leave behind.

mod support;

use std::alloc::System;
use std::future::{Future, pending};
use std::pin::Pin;
use std::process::Command;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use cap::Cap;
use looplet::{
    ContextVar, EventLoop, Queue, call_later, call_soon, gather, sleep, spawn, spawn_named,
};
use support::probes::listening;
use support::process::name_of;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// What a child process is to do until its memory is used up.
const CASE: &str = "LOOPLET_TEST_MEMORY";
/// How much more memory it gets.
const LEFT: usize = 1 << 20;

static HELD: ContextVar<u64> = ContextVar::new("held");

/// Takes a little more memory of the running loop.
type Take = fn();

const CASES: [(&str, Take); 12] = [
    ("spawn", || spawn(pending::<()>()).detach()),
    ("spawn_large", || {
        let held = [1u8; 100_000];
        spawn(async move { (pending::<()>().await, held).1 }).detach();
    }),
    ("spawn_named", || {
        spawn_named("cook", pending::<()>()).detach()
    }),
    ("spawn_with_context", || {
        HELD.set(1);
        spawn(pending::<()>()).detach();
    }),
    ("call_soon", || _ = call_soon(|| ())),
    ("call_later", || {
        _ = call_later(Duration::from_secs(60), || ())
    }),
    ("on_done", || spawn(pending::<()>()).on_done(|_| ())),
    ("sleep", || {
        let mut nap = Box::pin(sleep(Duration::from_secs(60)));
        assert!(poll(nap.as_mut(), Waker::noop()));
        std::mem::forget(nap);
    }),
    ("gather", || {
        let mut group = Box::pin(gather(vec![pending::<()>(), pending()]));
        assert!(poll(group.as_mut(), Waker::noop()));
        std::mem::forget(group);
    }),
    ("queue", || {
        let queue = QUEUE.with(Queue::clone);
        (0..100).for_each(|item| queue.try_put(item).unwrap());
    }),
    ("remote", || {
        let remote = REMOTE.with(looplet::Remote::clone);
        drop(remote.spawn(|| async {}).unwrap());
    }),
    ("event_loop", || std::mem::forget(EventLoop::new())),
];

thread_local! {
    static QUEUE: Queue<u64> = Queue::unbounded();
    static REMOTE: looplet::Remote = {
        let event_loop = EventLoop::new();
        let remote = event_loop.remote();
        std::mem::forget(event_loop);
        remote
    };
}

/// Whether a future has to wait.
fn poll<F: Future>(future: Pin<&mut F>, waker: &Waker) -> bool {
    future.poll(&mut Context::from_waker(waker)).is_pending()
}

#[test]
fn an_allocation_that_fails_ends_the_process_with_one_message() {
    if let Ok(case) = std::env::var(CASE) {
        return use_up(&case);
    }
    for (case, _) in CASES {
        let child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                name_of(an_allocation_that_fails_ends_the_process_with_one_message),
            ])
            .args(["--nocapture", "--test-threads", "1"])
            .env(CASE, case)
            // A backtrace would need memory too.
            .env("RUST_BACKTRACE", "0")
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&child.stderr);
        assert!(!child.status.success(), "{case}: memory without end");
        let messages = output
            .lines()
            .filter(|line| line.starts_with("memory allocation of "));
        // The thread of the test harness may meet the limit at the same moment, and says so too.
        assert!((1..=2).contains(&messages.count()), "{case}: {output}");
        assert!(!output.contains("panicked"), "{case}: {output}");
        #[cfg(unix)]
        {
            use std::os::unix::process::ExitStatusExt;
            const SIGABRT: i32 = 6;
            assert_eq!(child.status.signal(), Some(SIGABRT), "{case}: {output}");
        }
    }
}

/// Takes memory until there is none.
fn use_up(case: &str) {
    let (_, take) = CASES.into_iter().find(|(name, _)| *name == case).unwrap();
    let mut event_loop = EventLoop::builder().virtual_time().build();
    event_loop.block_on(async {
        take();
        ALLOCATOR.set_limit(ALLOCATOR.allocated() + LEFT).unwrap();
        loop {
            take();
        }
    })
}

#[test]
fn a_remote_handles_waker_that_panics_leaves_nothing_behind() {
    const ROUNDS: usize = 10_000;

    struct Fatal;
    impl Wake for Fatal {
        fn wake(self: Arc<Self>) {
            // The message of a usual panic takes longer than all the rest.
            std::panic::resume_unwind(Box::new("the wakeup of a waker"));
        }
    }
    let (mut event_loop, reports) = listening(EventLoop::builder());
    let remote = event_loop.remote();
    let waker = Waker::from(Arc::new(Fatal));
    let mut round = || {
        let mut task = remote.spawn(|| async { 1 }).unwrap();
        assert!(poll(Pin::new(&mut task), &waker));
        event_loop.run_until_stalled();
        assert_eq!(futures::executor::block_on(task).unwrap(), 1);
        assert_eq!(reports.take().len(), 1);
    };
    round();
    let before = ALLOCATOR.allocated();
    (0..ROUNDS).for_each(|_| round());
    // The other test allocates a little at the same time.
    let left = ALLOCATOR.allocated().saturating_sub(before);
    assert!(left < ROUNDS * 16, "{left} bytes");
}
