//! Ctrl-C, in child processes: this program runs itself again and plays a part.
use std::future::pending;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio, exit};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread::{spawn, yield_now};
use std::{env, fs};

use looplet::EventLoop;
use signal_hook::consts::SIGINT;

use crate::support::process::{myself, name_of};

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
        let mut child = myself()
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
fn the_first_one_cancels_main_and_cleans_up() {
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
    let mut actor = Actor::new(name_of(the_first_one_cancels_main_and_cleans_up), "wait");
    assert_eq!(actor.next(), "ready");
    actor.interrupt();
    let (status, notes) = actor.end();
    // The job is let go by the first of the task's guards, so it may end before or after the second.
    assert_eq!(notes[0], "main guard");
    assert!(notes.contains(&"task guard".into()) && notes.contains(&"job end".into()));
    assert_eq!((notes.len(), status.signal()), (3, Some(SIGINT)));
}

#[test]
fn the_second_one_ends_a_main_that_does_not_listen() {
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
        name_of(the_second_one_ends_a_main_that_does_not_listen),
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
            let mut actor = Actor::new(
                name_of(afterwards_ctrl_c_does_what_it_did_before),
                "default",
            );
            assert_eq!(actor.next(), "ready");
            actor.interrupt();
            let (status, notes) = actor.end();
            assert_eq!((status.signal(), notes), (Some(SIGINT), vec![]));
            let actor = Actor::new(name_of(afterwards_ctrl_c_does_what_it_did_before), "own");
            let (status, notes) = actor.end();
            assert!(status.success() && notes == ["survived"]);
        }
    }
}

#[test]
fn a_main_that_ends_otherwise_than_by_ctrl_c_ends_as_ever() {
    struct Fatal;
    impl Drop for Fatal {
        fn drop(&mut self) {
            panic!("a fatal guard");
        }
    }
    let test = name_of(a_main_that_ends_otherwise_than_by_ctrl_c_ends_as_ever);
    let text = |f: &mut dyn FnMut()| {
        let panic = catch_unwind(AssertUnwindSafe(f)).unwrap_err();
        eprintln!("> {}", panic.downcast_ref::<&str>().unwrap());
    };
    match part().as_deref() {
        Some("asked") => text(&mut || {
            handling().block_on(async {
                let _guard = Fatal;
                signal_hook::low_level::raise(SIGINT).unwrap();
                pending::<()>().await;
            });
        }),
        Some(_) => text(&mut || {
            handling().block_on(async {
                looplet::current_task().cancel();
                pending::<()>().await;
            });
        }),
        None => {
            let (status, notes) = Actor::new(test, "asked").end();
            assert!(status.success() && notes == ["a fatal guard"]);
            let (status, notes) = Actor::new(test, "not asked").end();
            assert!(status.success() && notes == ["the main task was cancelled"]);
        }
    }
}

/// The names of this process's threads, where the system shows them.
fn threads() -> Vec<String> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten();
    let name = |thread: io::Result<fs::DirEntry>| fs::read_to_string(thread?.path().join("comm"));
    threads.filter_map(|thread| name(thread).ok()).collect()
}

#[test]
fn the_thread_that_waits_for_ctrl_c_goes_with_main() {
    let is_watching = || threads().iter().any(|name| name.starts_with("looplet-int"));
    if part().is_some() {
        // If the test is ended while this waits, so is this.
        spawn(|| {
            let _ = io::stdin().read_line(&mut String::new());
            exit(1);
        });
        for _ in 0..3 {
            handling().block_on(async {
                // A thread takes its name itself, when it begins.
                while !threads().is_empty() && !is_watching() {
                    yield_now();
                }
            });
            // The system may show a thread for a moment after its end.
            while is_watching() {
                yield_now();
            }
        }
        eprintln!("> nobody waits");
        return;
    }
    let actor = Actor::new(
        name_of(the_thread_that_waits_for_ctrl_c_goes_with_main),
        "watch",
    );
    let (status, notes) = actor.end();
    assert!(status.success() && notes == ["nobody waits"]);
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
    let mut actor = Actor::new(name_of(without_it_ctrl_c_ends_the_process_as_ever), "plain");
    assert_eq!(actor.next(), "ready");
    actor.interrupt();
    let (status, notes) = actor.end();
    assert_eq!((status.signal(), notes), (Some(SIGINT), vec![]));
}
