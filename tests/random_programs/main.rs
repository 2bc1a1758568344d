//! Random programs on a loop in virtual time: tasks that sleep, share queues and locks, wait for each other in all ways
//! there are, fail, and are cancelled at any point. Whatever they do, the counts come out even: nothing is lost, nothing
//! is doubled, nobody is forgotten or overtaken, and everybody ends.
//!
//! A panic that belongs to a program does not pass through the panic hook; any other one does, wherever it is caught
//! later, and fails the test.

mod counts;
mod perform;
mod program;
mod world;

use std::cell::Cell;
use std::panic;
use std::rc::Rc;
use std::sync::Once;

use looplet::{EventLoop, all_tasks};
use proptest::prelude::*;

use perform::spawn_program;
use program::{LONG, Program, programs};
use world::{World, pause};

/// Virtual seconds within which all programs end once the world is closed.
const PATIENCE: u32 = 3_600;

thread_local! {
    static PANICS: Cell<usize> = const { Cell::new(0) };
}

fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANICS.set(PANICS.get() + 1);
            report(info);
        }));
    });
    PANICS.set(0);
}

fn virtual_loop() -> EventLoop {
    count_panics();
    EventLoop::builder()
        .virtual_time()
        .on_unhandled_panic(|_, _| {})
        .build()
}

fn begin(world: &Rc<World>, programs: Vec<Program>) {
    for program in programs {
        spawn_program(world, program).detach();
    }
}

/// Runs all programs until they rest, then gives them what they wait for.
fn play_to_the_end(programs: Vec<Program>) {
    let world = World::new();
    let mut event_loop = virtual_loop();
    event_loop.block_on(async {
        begin(&world, programs);
        pause(LONG).await;
        world.check_at_rest();
        world.close().await;
        for _ in 0..PATIENCE {
            pause(1_000).await;
            if all_tasks().len() == 1 {
                return;
            }
        }
        panic!("these tasks never end: {:?}", all_tasks());
    });
    assert_eq!(world.ended.get(), world.tasks.borrow().len());
    world.check_at_the_end();
    assert_eq!(event_loop.metrics().armed_timers, 0);
    assert_eq!(PANICS.get(), 0);
}

/// Runs all programs for a while, then drops the loop under them.
fn play_and_drop(programs: Vec<Program>, millis: u64) {
    let world = World::new();
    let mut event_loop = virtual_loop();
    event_loop.block_on(async {
        begin(&world, programs);
        pause(millis).await;
    });
    drop(event_loop);
    assert!(world.tasks.borrow().iter().all(|task| task.is_finished()));
    world.check_at_the_end();
    assert_eq!(PANICS.get(), 0);
}

proptest! {
    #[test]
    fn the_counts_of_a_random_program_come_out_even(programs in programs()) {
        play_to_the_end(programs);
    }

    #[test]
    fn the_counts_come_out_even_also_if_the_loop_is_dropped(programs in programs(), millis in 0..40u64) {
        play_and_drop(programs, millis);
    }
}
