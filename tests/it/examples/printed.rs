//! Every small example prints what its head comment says, is at most 80 lines long, and is known to this test.

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use super::life;
use super::programs::stage::{self, Plot, Time};
use super::programs::*;

const LINES_AT_MOST: usize = 80;

/// These wait for sockets, of which virtual time knows nothing.
const IN_REAL_TIME: &[&str] = &["crawler", "echo_server"];

/// Every small example, as its `main` plays it.
const EXAMPLES: &[(&str, &[Plot])] = &[
    (
        "chained_coroutines",
        &[Plot::OnLoop(|event_loop| {
            fastrand::seed(chained_coroutines::SEED);
            let draw = chained_coroutines::random_delay;
            event_loop.block_on(chained_coroutines::chained_coroutines([9, 6, 3], draw));
        })],
    ),
    (
        "chat_room",
        &[Plot::OnLoop(|event_loop| {
            event_loop.block_on(life::chat_room::chat_room())
        })],
    ),
    (
        "concurrent_tasks",
        &[Plot::OnLoop(|event_loop| {
            event_loop.block_on(concurrent_tasks::concurrent_tasks())
        })],
    ),
    (
        "crawler",
        &[Plot::OnLoop(|event_loop| {
            event_loop.block_on(life::crawler::crawler())
        })],
    ),
    (
        "dining_philosophers",
        &[Plot::OnLoop(|event_loop| {
            event_loop.block_on(life::dining_philosophers::dining_philosophers())
        })],
    ),
    (
        "echo_server",
        &[Plot::OnLoop(|event_loop| {
            event_loop.block_on(life::echo_server::echo_server())
        })],
    ),
    (
        "gather",
        &[Plot::OnLoop(|event_loop| {
            event_loop.block_on(gather::gather())
        })],
    ),
    (
        "hello",
        &[Plot::OnLoop(|event_loop| {
            event_loop.block_on(hello::hello())
        })],
    ),
    (
        "named_tasks",
        &[Plot::OnLoop(|event_loop| {
            event_loop.block_on(named_tasks::named_tasks())
        })],
    ),
    (
        "pipeline",
        &[Plot::OnLoop(|event_loop| {
            event_loop.block_on(life::pipeline::pipeline())
        })],
    ),
    (
        "potato_stew",
        &[Plot::OnLoop(|event_loop| {
            event_loop.block_on(potato_stew::potato_stew())
        })],
    ),
    (
        "producer_consumer",
        &[Plot::OnLoop(|event_loop| {
            let endless = async { producer_consumer::producer_consumer(stage::block_thread).await };
            event_loop.block_on(producer_consumer::cut_after(
                Duration::from_secs(6),
                endless,
            ));
        })],
    ),
    (
        "progress_bar",
        &[Plot::OnLoop(|event_loop| {
            event_loop.block_on(life::progress_bar::progress_bar())
        })],
    ),
    (
        "queue_join",
        &[Plot::OnLoop(|event_loop| {
            fastrand::seed(queue_join::SEED);
            event_loop.block_on(queue_join::queue_join(queue_join::random_value));
        })],
    ),
    (
        "return_values",
        &[Plot::OnLoop(|event_loop| {
            event_loop.block_on(return_values::return_values())
        })],
    ),
    (
        "sequential_awaits",
        &[Plot::OnLoop(|event_loop| {
            event_loop.block_on(sequential_awaits::sequential_awaits())
        })],
    ),
    (
        "spawn_without_await",
        &[Plot::OnLoop(|event_loop| {
            event_loop.block_on(spawn_without_await::spawn_without_await())
        })],
    ),
    (
        "sync_vs_async",
        &[
            Plot::WithoutLoop(|| {
                sync_vs_async::synchronous(SYNC_VS_ASYNC, stage::now, stage::block_thread)
            }),
            Plot::OnLoop(|event_loop| {
                event_loop.block_on(sync_vs_async::asynchronous(SYNC_VS_ASYNC))
            }),
        ],
    ),
    (
        "thermostat",
        &[Plot::OnLoop(|event_loop| {
            event_loop.block_on(life::thermostat::thermostat())
        })],
    ),
    (
        "two_step_tasks",
        &[Plot::OnLoop(|event_loop| {
            event_loop.block_on(two_step_tasks::two_step_tasks())
        })],
    ),
    (
        "worker_pool",
        &[Plot::OnLoop(|event_loop| {
            event_loop.block_on(life::worker_pool::worker_pool())
        })],
    ),
];

/// What `file!()` is in that example.
const SYNC_VS_ASYNC: &str = "examples/sync_vs_async.rs";

#[test]
fn every_small_example_prints_what_its_head_comment_says() {
    for (name, plots) in EXAMPLES {
        let time = if IN_REAL_TIME.contains(name) {
            Time::Real
        } else {
            Time::Virtual
        };
        let printed: Vec<String> = plots.iter().flat_map(|plot| play(*plot, time)).collect();
        let source = fs::read_to_string(examples().join(format!("{name}.rs"))).unwrap();
        assert_shows(name, &promised(&source), &printed);
    }
}

/// Those with threads or a loop of their own, run as the programs they are.
const PROGRAMS: &[&str] = &["blocking_work", "host_loop", "thread_per_core"];

#[test]
fn every_program_prints_what_its_head_comment_says() {
    for name in PROGRAMS {
        let output = program(name).output().unwrap();
        assert!(output.status.success(), "{name} failed");
        let text = String::from_utf8(output.stdout).unwrap();
        let printed: Vec<String> = text.lines().map(String::from).collect();
        let source = fs::read_to_string(examples().join(format!("{name}.rs"))).unwrap();
        assert_shows(name, &promised(&source), &printed);
    }
}

/// The example as it was built beside this test; or, if only the tests were built, by way of cargo.
fn program(name: &str) -> Command {
    let me = std::env::current_exe().unwrap();
    let built = me.ancestors().nth(2).unwrap().join("examples").join(name);
    if built.exists() {
        return Command::new(built);
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["run", "--quiet", "--example", name])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("RUSTFLAGS");
    cargo
}

#[test]
fn every_small_example_is_known_here_and_short() {
    let mut known: Vec<&str> = EXAMPLES.iter().map(|(name, _)| *name).collect();
    known.extend(["tour", "explore", "timeline", "metrics"]);
    known.extend(PROGRAMS);
    for entry in fs::read_dir(examples()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(
                known.contains(&name),
                "examples/{name}.rs has no line in this test"
            );
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            assert!(
                lines <= LINES_AT_MOST,
                "examples/{name}.rs has {lines} lines"
            );
        }
    }
}

fn examples() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples"))
}

fn play(plot: Plot, time: Time) -> Vec<String> {
    let lines = Rc::new(RefCell::new(Vec::new()));
    let audience = {
        let lines = Rc::clone(&lines);
        move |_, line: &str| lines.borrow_mut().push(line.to_owned())
    };
    stage::play(plot, time, audience);
    lines.take()
}

/// The lines between the head comment's fences.
fn promised(source: &str) -> Vec<&str> {
    let head = source.lines().map_while(|line| line.strip_prefix("//!"));
    let text = head.map(|line| line.strip_prefix(' ').unwrap_or(line));
    let block = text.skip_while(|line| *line != "```text");
    block.skip(1).take_while(|line| *line != "```").collect()
}

/// Compares line by line; `...` stands for any number of lines.
#[track_caller]
fn assert_shows(name: &str, promised: &[&str], printed: &[String]) {
    assert!(!promised.is_empty(), "{name} promises no output");
    let mut rest = printed;
    let mut parts = promised.split(|line| *line == "...").peekable();
    let mut is_first = true;
    while let Some(part) = parts.next() {
        let skipped = match (is_first, parts.peek()) {
            (true, _) => 0,
            (false, None) => rest.len().saturating_sub(part.len()),
            (false, Some(_)) => rest
                .iter()
                .position(|line| Some(&line.as_str()) == part.first())
                .unwrap_or(0),
        };
        rest = &rest[skipped..];
        let shown: Vec<&str> = rest.iter().take(part.len()).map(String::as_str).collect();
        assert_eq!(shown, part, "what {name} prints");
        rest = &rest[shown.len()..];
        is_first = false;
    }
    assert!(rest.is_empty(), "{name} prints more: {rest:?}");
}
