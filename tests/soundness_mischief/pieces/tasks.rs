//! Mischief with tasks, their handles and wakers, and plain calls.

use std::fmt::Write;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::task::LocalSpawnExt;
use looplet::{
    JoinHandle, Task, all_tasks, call_later, call_soon, dump, spawn, spawn_eager, spawn_named,
    try_current_task,
};

use super::many::map;
use crate::values::{Aligned, Nothing, Paper, Sized, Value, any_waker, mischief};
use crate::world::{below, one_in, world};

pub(crate) fn wake() {
    world().wakers.pick().into_iter().for_each(Waker::wake);
}

pub(crate) fn wake_by_ref() {
    if let Some(waker) = world().wakers.pick() {
        waker.wake_by_ref();
        world().wakers.put(waker);
    }
}

pub(crate) fn cancel() {
    if let Some(task) = world().tasks.pick() {
        task.cancel();
        if one_in(2) {
            world().tasks.put(task);
        }
    }
}

pub(crate) fn keep_current() {
    if let Some(task) = try_current_task() {
        if one_in(2) {
            task.cancel();
        }
        keep_task(task);
    }
}

pub(crate) fn keep_all() {
    if one_in(2) {
        drop(dump().to_string());
    }
    for task in all_tasks() {
        if one_in(8) {
            keep_task(task);
        }
    }
}

pub(crate) fn keep_task(task: Task) {
    if one_in(4) {
        world().witnesses.put(task);
    } else {
        world().tasks.put(task);
    }
}

pub(crate) fn print() {
    if let Some(task) = world().tasks.pick() {
        let _ = write!(Paper, "{task:?}");
        world().tasks.put(task);
    }
    if let Some(handle) = world().handles.pick() {
        let _ = write!(Paper, "{handle:?}");
        world().handles.put(handle);
    }
}

pub(crate) fn rename() {
    if let Some(task) = world().tasks.pick() {
        task.set_name("renamed");
        world().tasks.put(task);
    }
}

pub(crate) fn poll_handle() {
    poll_handle_with(&mut Context::from_waker(&any_waker()));
}

pub(crate) fn poll_handle_with(cx: &mut Context<'_>) {
    let Some(mut handle) = world().handles.pick() else {
        return;
    };
    let polled = panic::catch_unwind(AssertUnwindSafe(|| Pin::new(&mut handle).poll(cx)));
    world().handles.put(handle);
    match polled {
        Ok(Poll::Ready(result)) => keep_result(result),
        Ok(Poll::Pending) => {}
        Err(payload) => panic::resume_unwind(payload),
    }
}

pub(crate) fn keep_result<T: 'static>(result: T) {
    if one_in(3) {
        world().others.put(Box::new(result));
    }
}

pub(crate) fn take_result() {
    if let Some(mut handle) = world().handles.pick() {
        keep_result(handle.try_join());
        world().handles.put(handle);
    }
}

pub(crate) fn drop_handle() {
    let handle = world().handles.pick();
    if one_in(3) {
        handle.into_iter().for_each(JoinHandle::detach);
    }
}

pub(crate) fn on_done() {
    if let Some(handle) = world().handles.pick() {
        let value = Value::new();
        handle.on_done(move |task| {
            keep_task(task.clone());
            mischief();
            drop(value);
        });
        world().handles.put(handle);
    }
}

pub(crate) fn keep_handle(handle: JoinHandle<Value>) {
    if !one_in(4) {
        keep_task(handle.task());
    }
    match below(6) {
        0 => handle.detach(),
        1 => drop(handle),
        _ => world().handles.put(handle),
    }
}

/// Cells of several sizes and alignments, and without a size.
macro_rules! with_any_future {
    ($spawn:expr) => {
        match below(5) {
            0 => $spawn(Nothing),
            1 => $spawn(Sized::<24>::new()),
            2 => $spawn(Sized::<200>::new()),
            3 => $spawn(Sized::<3000>::new()),
            _ => $spawn(Aligned(Sized::<8>::new())),
        }
    };
}

pub(crate) fn spawn_from_outside() {
    if one_in(2) {
        let Some(event_loop) = world().loops.pick() else {
            return;
        };
        world().spawners.put(event_loop.spawner());
        let handle = with_any_future!(|future| event_loop.spawn(future));
        world().loops.put(event_loop);
        return keep_handle(handle);
    }
    let Some(spawner) = world().spawners.pick() else {
        return;
    };
    world().spawners.put(spawner.clone());
    match below(4) {
        0 => drop(spawner.spawn_local(map(Nothing, drop))),
        1 => spawner.stop(),
        _ => keep_handle(with_any_future!(|future| spawner.spawn(future))),
    }
}

pub(crate) fn spawn_inside() {
    keep_handle(match below(4) {
        0 => with_any_future!(spawn),
        1 => with_any_future!(|future| spawn_named("odd", future)),
        _ => with_any_future!(spawn_eager),
    });
}

pub(crate) fn call() {
    let value = Value::new();
    let f = move || {
        mischief();
        drop(value);
    };
    let call = match (below(3), world().spawners.pick()) {
        (0, _) => call_later(Duration::from_millis(1), f),
        (1, _) | (_, None) => call_soon(f),
        (_, Some(spawner)) => {
            world().spawners.put(spawner.clone());
            spawner.call_soon(f)
        }
    };
    world().calls.put(call);
}

pub(crate) fn cancel_call() {
    if let Some(call) = world().calls.pick() {
        call.cancel();
        world().calls.put(call);
    }
}
