//! Ctrl-C, in child processes: this program runs itself again and plays a part.
#![cfg(all(unix, feature = "signal"))]

use std::env;
use std::future::pending;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

use looplet::EventLoop;
use signal_hook::consts::SIGINT;

const PART: &str = "LOOPLET_TEST_PART";

struct Guard(&'static str);

impl Drop for Guard {
    fn drop(&mut self) {
        eprintln!("> {}", self.0);
    }
}

fn handling() -> EventLoop {
    EventLoop::builder().handle_interrupt().build()
}

/// A process that plays a part, and what it says.
struct Actor(Child, BufReader<ChildStderr>);

impl Actor {
    fn new(test: &str, part: &str) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(PART, part)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let says = BufReader::new(child.stderr.take().unwrap());
        Self(child, says)
    }

    /// The next thing that it says.
    fn next(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert!(self.1.read_line(&mut line).unwrap() > 0, "it has ended");
            if let Some(note) = line.trim_end().strip_prefix("> ") {
                return note.into();
            }
        }
    }

    fn interrupt(&self) {
        let id = self.0.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &id])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Its end, and what it said up to then.
    fn end(mut self) -> (ExitStatus, Vec<String>) {
        let mut rest = String::new();
        self.1.read_to_string(&mut rest).unwrap();
        let notes = rest.lines().filter_map(|line| line.strip_prefix("> "));
        (self.0.wait().unwrap(), notes.map(String::from).collect())
    }
}

fn part() -> Option<String> {
    env::var(PART).ok()
}

#[test]
fn r_07_the_first_one_cancels_main_and_cleans_up() {
    if part().is_some() {
        let (go, gate) = channel::<()>();
        handling().block_on(async {
            let leftover = async move {
                let _guards = (go, Guard("task guard"));
                pending::<()>().await;
            };
            looplet::spawn(leftover).detach();
            let (begin, has_begun) = channel();
            looplet::spawn_blocking(move || {
                begin.send(()).unwrap();
                assert!(gate.recv().is_err());
                eprintln!("> job end");
            })
            .detach();
            let _guard = Guard("main guard");
            looplet::yield_now().await;
            has_begun.recv().unwrap();
            eprintln!("> ready");
            pending::<()>().await;
        });
        eprintln!("> block_on returned");
        return;
    }
    let mut actor = Actor::new("r_07_the_first_one_cancels_main_and_cleans_up", "wait");
    assert_eq!(actor.next(), "ready");
    actor.interrupt();
    let (status, notes) = actor.end();
    // The job is let go by the first of the task's guards, so it may end before or after the second.
    assert_eq!(notes[0], "main guard");
    assert!(notes.contains(&"task guard".into()) && notes.contains(&"job end".into()));
    assert_eq!((notes.len(), status.signal()), (3, Some(SIGINT)));
}

#[test]
fn r_08_the_second_one_ends_a_main_that_does_not_listen() {
    if part().is_some() {
        handling().block_on(async {
            let _guard = Guard("main guard");
            eprintln!("> ready");
            loop {
                std::thread::park();
            }
        });
        return;
    }
    let mut actor = Actor::new(
        "r_08_the_second_one_ends_a_main_that_does_not_listen",
        "deaf",
    );
    assert_eq!(actor.next(), "ready");
    // Two signals in a row may become one.
    while actor.0.try_wait().unwrap().is_none() {
        actor.interrupt();
    }
    let (status, notes) = actor.end();
    assert!(notes.is_empty());
    assert_eq!(status.signal(), Some(SIGINT));
}

#[test]
fn afterwards_ctrl_c_does_what_it_did_before() {
    match part().as_deref() {
        Some("default") => {
            handling().block_on(async {});
            let mut event_loop = handling();
            event_loop.block_on(async {});
            eprintln!("> ready");
            let _ = std::io::stdin().read_line(&mut String::new());
            eprintln!("> still there");
        }
        Some(_) => {
            let seen = Arc::new(AtomicBool::new(false));
            signal_hook::flag::register(SIGINT, Arc::clone(&seen)).unwrap();
            handling().block_on(async {});
            signal_hook::low_level::raise(SIGINT).unwrap();
            assert!(seen.load(Ordering::SeqCst));
            eprintln!("> survived");
        }
        None => {
            let mut actor = Actor::new("afterwards_ctrl_c_does_what_it_did_before", "default");
            assert_eq!(actor.next(), "ready");
            actor.interrupt();
            let (status, notes) = actor.end();
            assert_eq!((status.signal(), notes), (Some(SIGINT), vec![]));
            let actor = Actor::new("afterwards_ctrl_c_does_what_it_did_before", "own");
            let (status, notes) = actor.end();
            assert!(status.success() && notes == ["survived"]);
        }
    }
}

#[test]
fn without_it_ctrl_c_ends_the_process_as_ever() {
    if part().is_some() {
        EventLoop::new().block_on(async {
            let _guard = Guard("main guard");
            eprintln!("> ready");
            pending::<()>().await;
        });
        return;
    }
    let mut actor = Actor::new("without_it_ctrl_c_ends_the_process_as_ever", "plain");
    assert_eq!(actor.next(), "ready");
    actor.interrupt();
    let (status, notes) = actor.end();
    assert_eq!((status.signal(), notes), (Some(SIGINT), vec![]));
}
