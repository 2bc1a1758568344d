//! The programs of five beginners' tutorials on asyncio, for the tour and for the tests.
//!
//! A program that is an example of its own is read from there: what the tour plays and the tests assert is the very
//! text that `cargo run --example` runs. The others stand in `awaiting` and `tasks`. All print with `println!`, which
//! is the stage's here (see `stage`).

use std::time::Duration;

#[macro_use]
pub(crate) mod stage;

mod awaiting;
#[cfg(feature = "timeline")]
#[allow(dead_code, reason = "only the example `timeline` films")]
pub(crate) mod pictures;
mod tasks;
pub(crate) mod tour;

#[path = "../chained_coroutines.rs"]
#[allow(dead_code, reason = "its own main")]
pub(crate) mod chained_coroutines;
#[path = "../concurrent_tasks.rs"]
#[allow(dead_code, reason = "its own main")]
pub(crate) mod concurrent_tasks;
#[path = "../gather.rs"]
#[allow(dead_code, reason = "its own main")]
pub(crate) mod gather;
#[path = "../hello.rs"]
#[allow(dead_code, reason = "its own main")]
pub(crate) mod hello;
#[path = "../named_tasks.rs"]
#[allow(dead_code, reason = "its own main")]
pub(crate) mod named_tasks;
#[path = "../potato_stew.rs"]
#[allow(dead_code, reason = "its own main")]
pub(crate) mod potato_stew;
#[path = "../producer_consumer.rs"]
#[allow(dead_code, reason = "its own main")]
pub(crate) mod producer_consumer;
#[path = "../queue_join.rs"]
#[allow(dead_code, reason = "its own main")]
pub(crate) mod queue_join;
#[path = "../return_values.rs"]
#[allow(dead_code, reason = "its own main")]
pub(crate) mod return_values;
#[path = "../sequential_awaits.rs"]
#[allow(dead_code, reason = "its own main")]
pub(crate) mod sequential_awaits;
#[path = "../spawn_without_await.rs"]
#[allow(dead_code, reason = "its own main")]
pub(crate) mod spawn_without_await;
#[path = "../sync_vs_async.rs"]
#[allow(dead_code, reason = "its own main")]
pub(crate) mod sync_vs_async;
#[path = "../two_step_tasks.rs"]
#[allow(dead_code, reason = "its own main")]
pub(crate) mod two_step_tasks;

use stage::Plot;

/// A program of a tutorial.
pub(crate) struct Program {
    /// Its number among all snippets of the five tutorials. Two are missing: S-016 is a sketch that does not run,
    /// S-031 a function that is not called.
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) plot: Plot,
}

/// All programs, in the order of the tutorials.
pub(crate) const PROGRAMS: &[Program] = &[
    Program {
        id: "S-001",
        name: "sequential_awaits",
        title: "two awaits in a row take turns",
        plot: Plot::OnLoop(|event_loop| {
            event_loop.block_on(sequential_awaits::sequential_awaits())
        }),
    },
    Program {
        id: "S-002",
        name: "concurrent_tasks",
        title: "two tasks wait at the same time",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(concurrent_tasks::concurrent_tasks())),
    },
    Program {
        id: "S-003",
        name: "two_step_tasks",
        title: "two tasks of several steps",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(two_step_tasks::two_step_tasks())),
    },
    Program {
        id: "S-004",
        name: "producer_consumer",
        title: "a producer that blocks the thread, five consumers, no end",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(producer_consumer_cut())),
    },
    Program {
        id: "S-005",
        name: "queue_join",
        title: "two producers, two consumers, and a join of their queue",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(queue_join_scripted())),
    },
    Program {
        id: "S-006",
        name: "spawn_without_await",
        title: "a task that nobody waits for",
        plot: Plot::OnLoop(|event_loop| {
            event_loop.block_on(spawn_without_await::spawn_without_await())
        }),
    },
    Program {
        id: "S-007",
        name: "spawn_then_await",
        title: "a task that is waited for",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(tasks::spawn_then_await())),
    },
    Program {
        id: "S-008",
        name: "potato_stew",
        title: "boil water and cut potatoes at the same time, then cook",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(potato_stew::potato_stew())),
    },
    Program {
        id: "S-009",
        name: "hello",
        title: "hello, a second, world",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(hello::hello())),
    },
    Program {
        id: "S-010",
        name: "say_after_in_turn",
        title: "say_after twice, awaited one after the other",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(awaiting::say_after_in_turn())),
    },
    Program {
        id: "S-011",
        name: "say_after_together",
        title: "say_after twice, as two tasks",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(tasks::say_after_together())),
    },
    Program {
        id: "S-012",
        name: "return_values",
        title: "what two tasks return",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(return_values::return_values())),
    },
    Program {
        id: "S-013",
        name: "gather_tasks",
        title: "gather of two tasks",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(tasks::gather_tasks())),
    },
    Program {
        id: "S-014",
        name: "gather",
        title: "gather of two futures",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(gather::gather())),
    },
    Program {
        id: "S-015",
        name: "spawn_before_running",
        title: "tasks on a loop that does not run yet",
        plot: Plot::OnLoop(tasks::spawn_before_running),
    },
    Program {
        id: "S-017",
        name: "lazy_future",
        title: "calling an async function runs nothing",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(awaiting::lazy_future())),
    },
    Program {
        id: "S-018",
        name: "run_a_future",
        title: "run runs it to its end",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(awaiting::run_a_future())),
    },
    Program {
        id: "S-019",
        name: "await_sleep",
        title: "awaiting a sleep",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(awaiting::await_sleep())),
    },
    Program {
        id: "S-020",
        name: "nested_await",
        title: "awaiting an async function for its value",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(awaiting::nested_await())),
    },
    Program {
        id: "S-021",
        name: "nested_await_twice",
        title: "awaiting it twice",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(awaiting::nested_await_twice())),
    },
    Program {
        id: "S-022",
        name: "tasks_without_values",
        title: "two tasks that return nothing",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(tasks::tasks_without_values())),
    },
    Program {
        id: "S-023",
        name: "named_tasks",
        title: "named tasks, waited for, printed",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(named_tasks::named_tasks())),
    },
    Program {
        id: "S-024",
        name: "hello_twice",
        title: "hello, a second, hello",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(awaiting::hello_twice())),
    },
    Program {
        id: "S-025",
        name: "say_after_in_turn_again",
        title: "the same as S-010",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(awaiting::say_after_in_turn())),
    },
    Program {
        id: "S-026",
        name: "say_after_together_again",
        title: "the same as S-011",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(tasks::say_after_together())),
    },
    Program {
        id: "S-027",
        name: "return_values_again",
        title: "the same as S-012",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(return_values::return_values())),
    },
    Program {
        id: "S-028",
        name: "gather_tasks_again",
        title: "the same as S-013",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(tasks::gather_tasks())),
    },
    Program {
        id: "S-029",
        name: "synchronous",
        title: "three counts, without a loop",
        plot: Plot::WithoutLoop(synchronous),
    },
    Program {
        id: "S-030",
        name: "asynchronous",
        title: "three counts, gathered",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(sync_vs_async::asynchronous(FILE))),
    },
    Program {
        id: "S-032",
        name: "chained_coroutines",
        title: "three chains of two steps",
        plot: Plot::OnLoop(|event_loop| event_loop.block_on(chained_coroutines_scripted())),
    },
];

/// Stands for the name of the program's file.
const FILE: &str = "FILE";

async fn producer_consumer_cut() {
    use producer_consumer::{cut_after, producer_consumer};
    let limit = Duration::from_secs(12);
    cut_after(limit, producer_consumer(stage::block_thread)).await;
}

async fn queue_join_scripted() {
    stage::script(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    queue_join::queue_join(stage::draw).await;
}

fn synchronous() {
    sync_vs_async::synchronous(FILE, stage::now, stage::block_thread);
}

async fn chained_coroutines_scripted() {
    stage::script(&[4, 4, 0, 4, 7, 4]);
    chained_coroutines::chained_coroutines([9, 6, 3], stage::draw).await;
}
