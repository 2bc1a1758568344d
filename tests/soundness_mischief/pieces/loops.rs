//! Mischief with whole loops, whose hooks are up to mischief too.

use std::future::{Future, pending, poll_fn};
use std::panic::{self, AssertUnwindSafe};
use std::task::Poll;
use std::time::{Duration, Instant};

use looplet::{Builder, EventLoop, JoinError, Task, TaskEvent};

use super::tasks::{keep_handle, keep_result, keep_task};
use crate::values::{Sized, Value, mischief, step};
use crate::world::{Kind, below, one_in, quietly, world};

/// There are so many loops at once.
const LOOPS: usize = 3;

pub(crate) fn make() {
    if world().loops.len() < LOOPS {
        let event_loop = build();
        world().loops.put(event_loop);
    }
}

/// In real time a loop would wait.
fn build() -> EventLoop {
    let builder = EventLoop::builder();
    let mut builder = if one_in(2) {
        builder.virtual_time()
    } else {
        builder.manual_time()
    };
    if world().is_shuffled.get() {
        builder = builder.shuffle(below(1000) as u64);
    }
    for hook in [reported, measured, rung, observed] {
        builder = hook(builder);
    }
    builder.build()
}

fn reported(builder: Builder) -> Builder {
    let value = Value::new();
    builder.on_unhandled_panic(move |task: Option<&Task>, _: &JoinError| {
        let _held = &value;
        task.cloned().into_iter().for_each(keep_task);
        mischief();
    })
}

fn measured(builder: Builder) -> Builder {
    if !one_in(4) {
        return builder;
    }
    let value = Value::new();
    builder.slow_poll(Duration::ZERO, move |task: &Task, _: Duration| {
        let _held = &value;
        keep_task(task.clone());
        mischief();
    })
}

fn rung(builder: Builder) -> Builder {
    if !one_in(4) {
        return builder;
    }
    let value = Value::anywhere();
    builder.on_wake(move || {
        let _held = &value;
        mischief();
    })
}

fn observed(builder: Builder) -> Builder {
    if world().kind.get() != Some(Kind::Observed) {
        return builder;
    }
    let value = Value::new();
    builder.observer(move |_: Instant, task: &Task, _: TaskEvent<'_>| {
        let _held = &value;
        if one_in(8) {
            keep_task(task.clone());
        }
        // An observer that has panicked is not called any more.
        quietly(mischief);
    })
}

fn a_moment() -> Duration {
    Duration::from_millis(u64::from(one_in(4)))
}

/// A main that is always ready, until it ends.
fn main_of_mischief() -> impl Future<Output = Value> {
    let (value, mut polls) = (Value::new(), below(6));
    poll_fn(move |cx| {
        let _held = &value;
        cx.waker().wake_by_ref();
        let next = step(cx);
        polls = polls.saturating_sub(1);
        if polls == 0 { next } else { Poll::Pending }
    })
}

fn drive(event_loop: &mut EventLoop) {
    match below(6) {
        0 => drop(event_loop.run_once(Some(a_moment()))),
        1 => event_loop.run_until_stalled(),
        2 => event_loop.advance(a_moment()),
        3 => {
            event_loop.spawner().stop();
            event_loop.run_forever();
        }
        _ if world().is_shuffled.get() => event_loop.run_until_stalled(),
        _ => drop(event_loop.block_on(main_of_mischief())),
    }
}

/// Runs a loop that has no other owner meanwhile.
pub(crate) fn run() {
    let Some(mut event_loop) = world().loops.pick() else {
        return;
    };
    let ran = panic::catch_unwind(AssertUnwindSafe(|| drive(&mut event_loop)));
    world().loops.put(event_loop);
    if let Err(payload) = ran {
        panic::resume_unwind(payload);
    }
}

pub(crate) fn end() {
    match (below(4), world().loops.pick()) {
        (0, Some(event_loop)) => event_loop.shutdown(a_moment()),
        (_, event_loop) => drop(event_loop),
    }
}

pub(crate) fn look() {
    let Some(event_loop) = world().loops.pick() else {
        return;
    };
    match below(4) {
        0 => event_loop.tasks().into_iter().for_each(keep_task),
        1 => drop(event_loop.dump().to_string()),
        2 => keep_result((event_loop.metrics(), event_loop.next_deadline())),
        _ => world().remotes.put(event_loop.remote()),
    }
    world().loops.put(event_loop);
}

/// A loop of its own, which takes part for a moment. Where one is running it cannot run.
pub(crate) fn run_another() {
    match below(4) {
        0 => drop(looplet::run(main_of_mischief())),
        1 => run_into_a_deadlock(),
        _ => {
            let mut event_loop = build();
            keep_handle(event_loop.spawn(Sized::<24>::new()));
            quietly(|| drive(&mut event_loop));
            keep_handle(event_loop.spawn(Sized::<200>::new()));
        }
    }
}

/// Without another thread that it would wait for.
fn run_into_a_deadlock() {
    let outer = world().must_end.replace(true);
    quietly(|| {
        let mut event_loop = EventLoop::builder().virtual_time().build();
        keep_handle(event_loop.spawn(Sized::<24>::new()));
        event_loop.block_on(pending::<()>());
    });
    world().must_end.set(outer);
}
