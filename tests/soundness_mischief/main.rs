//! Random mischief: every piece of user code that a loop calls (polls, destructors, clones, comparisons, wakers, hooks,
//! callbacks, iterators, formatters) wakes, cancels, polls, drops, spawns, panics, runs a loop or ends it, whatever is
//! under way, and keeps all that the library hands out, also past its loop. Everything made is dropped once and at
//! home, no memory is left, every task ends with its loop, and only panics that are documented occur; the sanitizers
//! see the rest.
//!
//! A program is drawn from a number. `PROPTEST_CASES` says how many there are; `LOOPLET_SEED` plays a single one, or,
//! as `from..to`, a range, and names each on the way.

mod pieces;
#[path = "../support/mod.rs"]
mod support;
mod values;
mod world;

use std::env;
use std::ops::Range;
use std::pin::Pin;
use std::task::Context;

use allocation_counter::measure;

use pieces::loops;
use values::{mischief, stranger};
use world::{Kind, World, below, elsewhere, quietly, world};

/// How many programs of each kind there are, unless somebody says so.
const PROGRAMS: u64 = 1000;

/// How many pieces of mischief there are in the parts of a program.
const PIECES: u32 = 250;
const PIECES_AT_THE_END: u32 = 40;

/// Plays a program and drops all that is left of it.
fn play(kind: Kind, seed: u64) {
    World::begin(kind, seed);
    world().is_told.set(env::var_os("TELL").is_some());
    world().refill(env::var("PIECES").map_or(PIECES, |n| n.parse().unwrap()));
    quietly(loops::make);
    for _ in 0..6 {
        quietly(pieces::tasks::spawn_from_outside);
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
    elsewhere(|| ());
    check_what_was_kept();
    World::end();
}

fn end_loops() {
    while let Some(event_loop) = world().loops.pick() {
        quietly(|| drop(event_loop));
    }
}

/// With the loops gone, all tasks are finished, and who asks for a result gets an answer.
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
        quietly(|| drop(future.as_mut().poll(cx)));
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

fn play_all(kind: Kind) {
    let chosen = env::var("LOOPLET_SEED").ok();
    let count = env::var("PROPTEST_CASES").map_or(PROGRAMS, |count| count.parse().unwrap());
    let seeds = chosen.as_deref().map_or(0..count, range);
    for seed in seeds {
        if chosen.is_some() {
            eprintln!("{kind:?} {seed}");
        }
        if env::var_os("GOON").is_some() {
            let r = std::panic::catch_unwind(|| {
                if kind == Kind::Threads {
                    play(kind, seed)
                } else {
                    assert_eq!(leak(kind, seed), 0, "bytes lost");
                }
            });
            if let Err(e) = r {
                let t = e.downcast_ref::<String>().cloned().unwrap_or_default();
                eprintln!("FAIL {kind:?} {seed} {}", t.replace('\n', " "));
            }
            continue;
        }
        if kind == Kind::Threads {
            // What other threads free is not counted here.
            play(kind, seed);
        } else {
            assert_eq!(leak(kind, seed), 0, "bytes lost by program {seed}");
        }
    }
}

fn range(text: &str) -> Range<u64> {
    let number = |text: &str| {
        text.parse::<u64>()
            .expect("LOOPLET_SEED is a number or a range")
    };
    match text.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => number(text)..number(text) + 1,
    }
}

#[test]
fn mischief_harms_nobody_else() {
    play_all(Kind::Plain);
}

#[test]
fn mischief_of_an_observer_harms_nobody_else() {
    play_all(Kind::Observed);
}

#[test]
fn mischief_with_wakers_on_another_thread_harms_nobody_else() {
    play_all(Kind::Threads);
}
