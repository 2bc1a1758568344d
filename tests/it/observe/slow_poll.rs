//! `slow_poll` and `LOOPLET_DEBUG=1`.

use std::cell::RefCell;
use std::env;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use looplet::{Builder, EventLoop, advance, call_soon, spawn_named, yield_now};

use crate::support::process::name_of;

const LIMIT: Duration = Duration::from_millis(50);

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Who took how long.
type Notes = Rc<RefCell<Vec<(String, Duration)>>>;

/// A loop in virtual time, and the reports of its hook.
fn watched() -> (EventLoop, Notes) {
    let notes = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&notes);
    let builder = EventLoop::builder().virtual_time();
    let event_loop = builder
        .slow_poll(LIMIT, move |task, took| {
            seen.borrow_mut().push((task.name().to_string(), took))
        })
        .build();
    (event_loop, notes)
}

#[test]
fn each_slow_poll_is_reported_and_no_fast_one() {
    let (mut event_loop, notes) = watched();
    event_loop.block_on(async {
        let slow = spawn_named("slow", async {
            advance(ms(100));
            yield_now().await;
            advance(ms(49));
            yield_now().await;
            // Exactly the limit counts.
            advance(LIMIT);
        });
        let fast = spawn_named("fast", async { yield_now().await });
        // A plain call is no task, so the hook is not called.
        call_soon(|| advance(ms(200)));
        slow.await.unwrap();
        fast.await.unwrap();
    });
    assert_eq!(
        *notes.borrow(),
        [("slow".into(), ms(100)), ("slow".into(), LIMIT)]
    );
}

#[test]
fn in_real_time_the_wall_clock_counts() {
    let notes = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&notes);
    let mut event_loop = EventLoop::builder()
        .slow_poll(ms(1), move |_, took| seen.borrow_mut().push(took))
        .build();
    event_loop.block_on(async { std::thread::sleep(ms(2)) });
    assert!(notes.borrow()[0] >= ms(2));
}

#[test]
fn the_drop_of_a_future_is_measured_too() {
    struct Slow;
    impl Drop for Slow {
        fn drop(&mut self) {
            advance(ms(70));
        }
    }
    let (mut event_loop, notes) = watched();
    event_loop.block_on(async {
        let slow = Slow;
        let task = spawn_named("ends", async move {
            let _slow = slow;
            std::future::pending::<()>().await;
        });
        yield_now().await;
        task.cancel();
        assert!(task.await.is_err());
    });
    assert_eq!(*notes.borrow(), [("ends".into(), ms(70))]);
}

#[test]
fn panics_of_tasks_and_of_the_hook_do_no_harm() {
    let builder = EventLoop::builder().virtual_time();
    let mut event_loop = builder
        .slow_poll(ms(1), |_, _| panic!("a bad hook"))
        .build();
    event_loop.block_on(async {
        let panicked = spawn_named("bad", async { panic!("a bad task") });
        let error = panicked.await.unwrap_err();
        assert_eq!(error.to_string(), "task 'bad' panicked: a bad task");
        advance(ms(5));
    });
}

/// What the child process does: one slow task and one slow call.
fn debugged(builder: Builder) {
    let mut event_loop = builder.virtual_time().build();
    event_loop.block_on(async {
        spawn_named("glutton", async { advance(ms(100)) })
            .await
            .unwrap();
        spawn_named("sparrow", async { advance(ms(99)) })
            .await
            .unwrap();
        call_soon(|| advance(ms(300)));
        yield_now().await;
    });
}

#[test]
fn the_environment_switches_it_on_and_an_explicit_value_wins() {
    const CHILD: &str = "LOOPLET_TEST_CHILD";
    match env::var(CHILD).as_deref() {
        Ok("plain") => return debugged(EventLoop::builder()),
        Ok(_) => return debugged(EventLoop::builder().slow_poll(ms(1000), |_, _| ())),
        Err(_) => {}
    }
    let run = |debug: &str, how: &str| {
        let child = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                name_of(the_environment_switches_it_on_and_an_explicit_value_wins),
            ])
            .arg("--nocapture")
            .env("LOOPLET_DEBUG", debug)
            .env(CHILD, how)
            .output()
            .unwrap();
        assert!(child.status.success());
        let text = String::from_utf8(child.stderr).unwrap();
        text.lines()
            .filter(|line| line.starts_with("looplet:"))
            .map(String::from)
            .collect::<Vec<_>>()
    };
    let lines = run("1", "plain");
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with(
        "looplet: a poll of task 'glutton' (spawned at tests/it/observe/slow_poll.rs:"
    ));
    assert!(lines[0].ends_with("took 100ms"));
    assert!(
        lines[1].starts_with("looplet: a plain call (queued at tests/it/observe/slow_poll.rs:")
    );
    assert!(run("0", "plain").is_empty() && run("1", "explicit").is_empty());
}
