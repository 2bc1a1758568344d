//! Random programs on a loop in virtual time, with everything counted.
//!
//! A panic that belongs to a program does not pass through the panic hook; any other one does, wherever it is caught
//! later, and fails the test.

use std::cell::Cell;
use std::panic::PanicHookInfo;
use std::rc::Rc;

use looplet::{EventLoop, all_tasks};

use super::hook::with_panic_hook;
use super::perform::spawn_program;
use super::program::{LONG, Millis, Program};
use super::world::{World, pause};

/// Virtual seconds within which all programs end once the world is closed.
const PATIENCE: u32 = 3_600;

thread_local! {
    static PANICS: Cell<usize> = const { Cell::new(0) };
}

/// Runs `f`, in which nothing panics but what `resume_unwind` throws.
fn count_panics(f: impl FnOnce()) {
    PANICS.set(0);
    let count = |info: &PanicHookInfo<'_>| {
        PANICS.set(PANICS.get() + 1);
        eprintln!("{info}");
    };
    with_panic_hook(count, f);
    assert_eq!(PANICS.get(), 0);
}

/// A loop in virtual time, whose rounds are in the order of the seed, if there is one.
fn virtual_loop(seed: Option<u64>) -> EventLoop {
    let mut builder = EventLoop::builder()
        .virtual_time()
        .on_unhandled_panic(|_, _| {});
    if let Some(seed) = seed {
        builder = builder.shuffle(seed);
    }
    builder.build()
}

fn begin(world: &Rc<World>, programs: Vec<Program>) {
    for program in programs {
        spawn_program(world, program).detach();
    }
}

/// Runs all programs until they rest, then gives them what they wait for.
pub(crate) fn play_to_the_end(programs: Vec<Program>, seed: Option<u64>) {
    count_panics(|| {
        let world = World::new();
        let mut event_loop = virtual_loop(seed);
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
    });
}

/// Runs all programs for a while, then drops the loop under them.
pub(crate) fn play_and_drop(programs: Vec<Program>, seed: Option<u64>, millis: Millis) {
    count_panics(|| {
        let world = World::new();
        let mut event_loop = virtual_loop(seed);
        event_loop.block_on(async {
            begin(&world, programs);
            pause(millis).await;
        });
        drop(event_loop);
        assert!(world.tasks.borrow().iter().all(|task| task.is_finished()));
        world.check_at_the_end();
    });
}
