//! Random mischief: every piece of user code that a loop calls (polls, destructors, clones, comparisons, wakers, hooks,
//! callbacks, iterators, formatters) wakes, cancels, polls, drops, spawns, panics, runs a loop or ends it, whatever is
//! under way, and keeps all that the library hands out, also past its loop. Everything made is dropped once and at
//! home, no memory is left, every task ends with its loop, and only documented panics occur; the sanitizers see the
//! rest.
//!
//! A program is drawn from a number. `PROPTEST_CASES` says how many there are. `LOOPLET_SEED=5` plays one and says what
//! it does, `LOOPLET_SEED=0..9000` plays some and names each on the way, in case that one ends the process.

mod pieces;
#[path = "../support/mod.rs"]
mod support;
mod values;
mod world;

use std::env;
use std::future::Future;
use std::ops::Range;
use std::panic;
use std::pin::Pin;
use std::task::Context;

use allocation_counter::measure;

use pieces::{loops, tasks};
use values::{mischief, stranger};
use world::{Kind, World, below, on_thread, quietly, world};

/// How many programs of each kind there are.
const PROGRAMS: u64 = if cfg!(miri) { 3 } else { 1000 };

/// How many pieces of mischief there are in the parts of a program.
const PIECES: u32 = 250;
const PIECES_AT_THE_END: u32 = 40;

/// Plays a program and drops all that is left of it.
fn play(kind: Kind, seed: u64) {
    World::begin(kind, seed);
    world().refill(PIECES);
    quietly(loops::make);
    for _ in 0..6 {
        quietly(tasks::spawn_from_outside);
    }
    for _ in 0..10 {
        quietly(loops::run);
        quietly(mischief);
    }
    world().refill(PIECES_AT_THE_END);
    end_loops();
    world().refill(PIECES_AT_THE_END);
    for _ in 0..below(30) {
        quietly(pieces::drop_anything);
    }
    world().refill(0);
    end_loops();
    on_thread(|| ());
    check_what_was_kept();
    World::end();
}

fn end_loops() {
    while let Some(event_loop) = world().loops.pick() {
        quietly(|| drop(event_loop));
    }
}

/// With the loops gone, all tasks are finished, and who asks for a result gets an answer. What fails here is noted as
/// a panic that is not documented.
fn check_what_was_kept() {
    let world = world();
    let waker = stranger();
    let cx = &mut Context::from_waker(&waker);
    for task in world.tasks.all().chain(world.witnesses.all()) {
        quietly(|| assert!(task.is_finished(), "{task:?} has outlived its loop"));
    }
    for mut handle in world.handles.all() {
        quietly(|| assert!(Pin::new(&mut handle).poll(cx).is_ready(), "no answer"));
        quietly(|| drop(handle));
    }
    for mut handle in world.remote_handles.all() {
        quietly(|| assert!(Pin::new(&mut handle).poll(cx).is_ready(), "no answer"));
        quietly(|| drop(handle));
    }
    for mut future in world.futures.all() {
        quietly(|| future.as_mut().poll(cx));
        quietly(|| drop(future));
    }
}

/// What a program has taken from the allocator and not given back. Whatever is made once and lives on is not there the
/// second time.
fn leak(kind: Kind, seed: u64) -> i64 {
    let left = || measure(|| play(kind, seed)).bytes_current;
    (0..5)
        .map(|_| left())
        .find(|&left| left == 0)
        .unwrap_or_else(left)
}

fn check(kind: Kind, seed: u64) {
    if kind == Kind::Threads {
        // What other threads free is not counted here.
        play(kind, seed);
    } else {
        assert_eq!(leak(kind, seed), 0, "bytes lost");
    }
}

fn check_all(kind: Kind) {
    let is_chosen = env::var_os("LOOPLET_SEED").is_some();
    let mut failed = Vec::new();
    for seed in seeds() {
        if is_chosen {
            eprintln!("{kind:?} {seed}");
        }
        if panic::catch_unwind(|| check(kind, seed)).is_err() {
            failed.push(seed);
        }
    }
    assert!(
        failed.is_empty(),
        "{kind:?} programs {failed:?} have failed"
    );
}

fn seeds() -> Range<u64> {
    if let Ok(chosen) = env::var("LOOPLET_SEED") {
        let number = |text: &str| text.parse::<u64>().expect("a number");
        return match chosen.split_once("..") {
            Some((first, end)) => number(first)..number(end),
            None => number(&chosen)..number(&chosen) + 1,
        };
    }
    0..env::var("PROPTEST_CASES").map_or(PROGRAMS, |count| count.parse().unwrap())
}

#[test]
fn mischief_does_no_harm() {
    check_all(Kind::Plain);
}

#[test]
fn mischief_of_an_observer_does_no_harm() {
    check_all(Kind::Observed);
}

#[test]
fn mischief_with_wakers_on_another_thread_does_no_harm() {
    check_all(Kind::Threads);
}
