//! Mischief with what other threads may have. Where there is no other thread in a program, it is done on the owner thread.

use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use looplet::spawn_blocking;

use super::many::map;
use super::tasks::{keep_handle, keep_result};
use crate::values::{Sized, Value, any_waker, mischief};
use crate::world::{Kind, below, meanwhile, on_thread, one_in, world};

fn on_any_thread(f: impl FnOnce() + Send + 'static) {
    if one_in(2) {
        meanwhile(f);
    } else {
        on_thread(f);
    }
}

pub(crate) fn with_waker() {
    let Some(waker) = world().wakers.pick() else {
        return;
    };
    match below(4) {
        0 => on_any_thread(|| waker.wake()),
        1 => on_any_thread(|| drop(waker)),
        2 => {
            world().wakers.put(waker.clone());
            on_any_thread(move || drop(waker.clone()));
        }
        _ => on_any_thread(move || {
            let again = waker.clone();
            waker.wake();
            again.wake_by_ref();
        }),
    }
}

pub(crate) fn use_remote() {
    let Some(remote) = world().remotes.pick() else {
        return;
    };
    world().remotes.put(remote.clone());
    let value = Value::anywhere();
    let future = move || {
        drop(value);
        mischief();
        map(Sized::<24>::new(), |value| {
            drop(value);
            Value::anywhere()
        })
    };
    match below(4) {
        0 => on_any_thread(move || drop(remote.spawn(future))),
        1 => on_any_thread(move || {
            let _ = remote.call_soon(move || drop(future()));
        }),
        _ => {
            let spawned = remote.spawn(future);
            spawned
                .into_iter()
                .for_each(|handle| world().remote_handles.put(handle));
        }
    }
}

pub(crate) fn use_remote_handle() {
    let Some(mut handle) = world().remote_handles.pick() else {
        return;
    };
    match below(5) {
        0 => on_any_thread(move || drop(handle)),
        1 => on_any_thread(move || {
            handle.cancel();
        }),
        2 if world().kind.get() == Some(Kind::Threads) => {
            on_thread(move || drop(handle.join_timeout(Duration::ZERO)));
        }
        3 => {
            handle.cancel();
            world().remote_handles.put(handle);
        }
        _ => {
            let waker = any_waker();
            let cx = &mut Context::from_waker(&waker);
            let polled = panic::catch_unwind(AssertUnwindSafe(|| Pin::new(&mut handle).poll(cx)));
            world().remote_handles.put(handle);
            if let Ok(Poll::Ready(result)) = polled {
                keep_result(result);
            }
        }
    }
}

pub(crate) fn use_remote_queue() {
    let Some(queue) = world().remote_queues.pick() else {
        if !world().must_end.get() {
            let shared = world().shared();
            world().remote_queues.put(shared.queue.remote());
        }
        return;
    };
    if !one_in(3) {
        world().remote_queues.put(queue.clone());
    }
    let value = Value::anywhere();
    on_any_thread(move || drop(queue.try_put(value)));
}

pub(crate) fn block() {
    if world().kind.get() == Some(Kind::Threads) {
        let value = Value::anywhere();
        keep_handle(spawn_blocking(move || value));
    }
}
