//! Four threads wake, clone and drop the wakers of tasks that finish, panic and are cancelled, while the loops of these
//! tasks come and go; and they spawn, cancel, join, and put into queues.
//!
//! Everything is counted. Each future is dropped once, on its loop's thread. Each task that waits for a wakeup from
//! another thread gets it. Each unhandled panic is reported. In the end the memory in use is what it was.
//!
//! `LOOPLET_STRESS=100 cargo test --release --test stress_wakers` does a hundred times as much. There is no test harness,
//! whose own thread would allocate in between.

mod crew;
mod household;
mod roll;

use std::alloc::System;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use looplet::{EventLoop, JoinError, Queue, Task, spawn};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use crew::{Errand, World};
use household::Household;
use roll::Roll;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The threads that wake.
const THREADS: usize = 4;
/// The threads that have loops, one after another.
const OWNERS: usize = 2;
/// The loops of each.
const LOOPS: usize = 1000;
/// The tasks of each loop.
const TASKS: usize = 40;
/// The longest wait of a loop that is about to go.
const MOMENT: Duration = Duration::from_micros(50);

/// What came of it.
#[derive(Debug, Default)]
struct Tally {
    loops: usize,
    futures: usize,
    /// Tasks that were promised a wakeup and ran to their end.
    woken: usize,
    /// Of what may cross threads.
    pieces: usize,
}

/// The life of one loop: with an end in peace, or at any moment.
fn live(world: &World, crew: &[Sender<Errand>], rng: &mut Rng, tally: &mut Tally) {
    let reports = Rc::new(Cell::new(0));
    let count = reports.clone();
    let report = move |_: Option<&Task>, _: &JoinError| count.set(count.get() + 1);
    let mut event_loop = EventLoop::builder().on_unhandled_panic(report).build();
    let roll = Roll::new();
    let mut household = Household::new(world, crew, rng.fork(), &roll);
    let remote = event_loop.remote();
    let in_peace = rng.bool();
    tally.woken += event_loop.block_on(async {
        let queue = Queue::bounded(4);
        household.populate(&remote, &queue.remote());
        spawn(async move { while queue.get().await.is_ok() {} }).detach();
        let unseen = household.unseen.get();
        if !in_peace {
            return 0;
        }
        let woken = household.see_through().await;
        assert_eq!(reports.get(), unseen, "reports of panics");
        woken
    });
    drop(remote);
    if !in_peace {
        (0..rng.u8(..8)).for_each(|_| _ = event_loop.run_once(Some(MOMENT)));
    }
    if rng.bool() {
        drop(household);
        drop(event_loop);
    } else {
        drop(event_loop);
        household.clear_out();
    }
    tally.loops += 1;
    tally.futures += roll.settle();
}

/// So many loops on each thread, one after another.
fn stress(loops: usize, seed: u64) -> Tally {
    let world = World::new();
    let mut rng = Rng::with_seed(seed);
    let mut total = Tally::default();
    thread::scope(|scope| {
        let (mut crew, mut threads) = (Vec::new(), Vec::new());
        for _ in 0..THREADS {
            let (sender, errands) = channel();
            let (world, rng) = (&world, rng.fork());
            threads.push(scope.spawn(move || world.wake_and_play(errands, rng)));
            crew.push(sender);
        }
        let owners = [(); OWNERS].map(|()| {
            let (world, crew, mut rng) = (&world, crew.clone(), rng.fork());
            scope.spawn(move || {
                let mut tally = Tally::default();
                (0..loops).for_each(|_| live(world, &crew, &mut rng, &mut tally));
                tally
            })
        });
        drop(crew);
        for owner in owners {
            let tally = owner.join().unwrap();
            total.loops += tally.loops;
            total.futures += tally.futures;
            total.woken += tally.woken;
        }
        // Joined one by one: a scope by itself does not wait until a thread has given its memory back.
        for thread in threads {
            thread.join().unwrap();
        }
    });
    world.clear();
    total.pieces = world.luggage.settle();
    total
}

fn main() {
    let words = std::env::args().skip(1);
    let mut names = words.filter(|word| !word.starts_with('-'));
    if names.any(|name| !"stress_wakers".contains(&name)) {
        return;
    }
    let times = std::env::var("LOOPLET_STRESS").map_or(1, |times| times.parse().unwrap());
    // What is made once in a process is made now.
    stress(2, 1);
    let region = Region::new(ALLOCATOR);
    let tally = stress(LOOPS * times, 2);
    let stats = region.change();
    println!("{tally:?}");
    assert_eq!(tally.loops, OWNERS * LOOPS * times);
    assert_eq!(stats.bytes_allocated, stats.bytes_deallocated, "{stats:?}");
}
