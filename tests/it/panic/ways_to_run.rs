//! Panics in polls, destructors, calls and callbacks, on every kind of loop, whichever way it is run: the rest of the
//! round, and all rounds after it, go on.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use looplet::{Builder, EventLoop, Task, TaskEvent, spawn, spawn_eager, yield_now};

use crate::support::Droppy;
use crate::support::probes::{Ledger, Reports, fatal, listening};

type Kind = (&'static str, fn(Builder) -> Builder);
type Drive = (&'static str, fn(EventLoop));

const KINDS: [Kind; 5] = [
    ("plain", |builder| builder),
    ("shuffled", |builder| builder.shuffle(7)),
    ("measured", |builder| {
        builder.slow_poll(Duration::ZERO, |_, _| ())
    }),
    ("observed", |builder| {
        builder.observer(|_, _: &Task, _: TaskEvent<'_>| ())
    }),
    ("hosted", |builder| builder.on_wake(|| ())),
];

/// Runs a loop until it has nothing left to do that is ready.
const DRIVES: [Drive; 6] = [
    ("block_on", |mut event_loop| {
        event_loop.block_on(async {
            for _ in 0..10 {
                yield_now().await;
            }
        });
    }),
    ("run_until_stalled", |mut event_loop| {
        event_loop.run_until_stalled()
    }),
    ("run_once", |mut event_loop| {
        while event_loop.run_once(Some(Duration::ZERO)) {}
    }),
    ("run_forever", |mut event_loop| {
        let spawner = event_loop.spawner();
        let stop = async move {
            for _ in 0..10 {
                yield_now().await;
            }
            spawner.stop();
        };
        event_loop.spawn(stop).detach();
        event_loop.run_forever();
    }),
    ("advance", |mut event_loop| {
        event_loop.advance(Duration::from_secs(1))
    }),
    ("shutdown", |event_loop| event_loop.shutdown(Duration::MAX)),
];

/// What panics; how many reports that makes.
fn spawn_faults(event_loop: &EventLoop, drops: &Rc<Cell<usize>>) -> usize {
    let spawner = event_loop.spawner();
    // In a poll, with the future's destructor as a second one.
    let held = Droppy {
        fatal: true,
        drops: drops.clone(),
    };
    let fatal_poll = poll_fn(move |_| -> Poll<()> { panic!("a poll {}", (1, &held).0) });
    event_loop.spawn(fatal_poll).detach();
    // In the destructor of a future that is cancelled, before and after it has begun.
    for rounds in 0..2 {
        let held = fatal(drops);
        let cancelled = event_loop.spawn(async move { (pending::<()>().await, held).0 });
        let task = cancelled.task();
        cancelled.detach();
        if rounds == 0 {
            task.cancel();
        } else {
            event_loop
                .spawn(async move { (yield_now().await, task.cancel()).1 })
                .detach();
        }
    }
    // In the destructor of an output that is not taken.
    let held = fatal(drops);
    event_loop.spawn(async { held }).detach();
    // In a call, and in a callback.
    let _ = spawner.call_soon(|| panic!("a call"));
    let task = event_loop.spawn(async {});
    task.on_done(|_| panic!("a callback"));
    task.detach();
    // In the first poll of an eager task, inside of another one that goes on.
    let eager = async {
        let child = spawn_eager(async { panic!("an eager poll") });
        assert!(child.is_finished());
        drop(child);
        spawn(async { panic!("a child") }).detach();
    };
    event_loop.spawn(eager).detach();
    8
}

#[test]
fn the_loop_goes_on_whatever_panics_and_however_it_is_run() {
    for (kind, build) in KINDS {
        for (drive, run) in DRIVES {
            let (event_loop, reports): (_, Reports) =
                listening(build(EventLoop::builder().manual_time()));
            let (drops, ledger) = (Rc::new(Cell::new(0)), Ledger::default());
            let healthy = |entry| async move {
                for _ in 0..4 {
                    yield_now().await;
                }
                drop(entry);
            };
            let first = event_loop.spawn(healthy(ledger.entry()));
            let expected = spawn_faults(&event_loop, &drops);
            let last = event_loop.spawn(healthy(ledger.entry()));
            run(event_loop);
            for task in [first, last] {
                assert!(
                    task.is_finished() && !task.is_cancelled(),
                    "{kind}, {drive}"
                );
            }
            ledger.settle();
            assert_eq!(drops.get(), 4, "{kind}, {drive}");
            assert_eq!(
                reports.borrow().len(),
                expected,
                "{kind}, {drive}: {reports:?}"
            );
        }
    }
}
