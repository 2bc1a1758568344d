//! Mischief with what waits for several tasks, and with kept futures of any kind.

use std::future::{Future, poll_fn};
use std::iter;
use std::panic::{self, AssertUnwindSafe};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use looplet::{
    JoinHandle, TaskGroup, Waited, as_completed, gather, shield, task_group, try_gather, wait,
};

use super::tasks::{keep_handle, keep_result};
use crate::values::{Aligned, Nothing, Sized, Value, any_waker, mischief, step};
use crate::world::{below, one_in, world};

/// Keeps a future, to be polled by any code. It stays what it is when a poll of it panics.
pub(crate) fn keep<F: Future<Output: 'static> + Unpin + 'static>(mut future: F) {
    let polled = poll_fn(move |cx| Pin::new(&mut future).poll(cx).map(keep_result));
    world().futures.put(Box::pin(polled));
}

pub(crate) fn poll_future() {
    poll_future_with(&mut Context::from_waker(&any_waker()));
}

pub(crate) fn poll_future_with(cx: &mut Context<'_>) {
    let Some(mut future) = world().futures.pick() else {
        return;
    };
    let polled = panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
    if !matches!(polled, Ok(Poll::Ready(()))) || one_in(8) {
        world().futures.put(future);
    }
    if let Err(payload) = polled {
        panic::resume_unwind(payload);
    }
}

pub(crate) fn drop_future() {
    drop(world().futures.pick());
}

/// Some of the kept handles, by an iterator that is up to mischief.
fn some_handles() -> impl Iterator<Item = JoinHandle<Value>> {
    let handles = iter::from_fn(|| {
        mischief();
        world().handles.pick()
    });
    handles.take(1 + below(3))
}

/// A future with another output. It is no `async` block: that would leak the output if the destructor of the awaited
/// future panicked.
pub(crate) fn map<R>(
    mut future: impl Future<Output = Value> + Unpin,
    f: impl Fn(Value) -> R,
) -> impl Future<Output = R> {
    poll_fn(move |cx| Pin::new(&mut future).poll(cx).map(&f))
}

fn fallible() -> impl Future<Output = Result<Value, Value>> {
    map(Sized::<24>::new(), |value| {
        if one_in(3) { Err(value) } else { Ok(value) }
    })
}

pub(crate) fn begin_gather() {
    match below(6) {
        0 => keep(gather((Nothing, Aligned(Sized::<8>::new())))),
        1 => keep(gather(some_handles().collect::<Vec<_>>())),
        2 => keep(gather([Nothing, Nothing]).return_exceptions()),
        3 => keep(try_gather([fallible(), fallible()])),
        _ => keep(gather([Sized::<24>::new(), Sized::<24>::new()])),
    }
}

pub(crate) fn begin_group() {
    keep(Box::pin(task_group(async |group: &TaskGroup<Value>| {
        let held = Value::new();
        world().groups.put(group.clone());
        mischief();
        let value = poll_fn(step).await;
        // Not at the end of its scope: its panic would leak what is returned.
        drop(held);
        if one_in(3) { Err(value) } else { Ok(value) }
    })));
}

pub(crate) fn spawn_in_group() {
    if let Some(group) = world().groups.pick() {
        world().groups.put(group.clone());
        keep_handle(group.spawn(fallible()));
    }
}

pub(crate) fn cancel_group() {
    world().groups.pick().iter().for_each(TaskGroup::cancel);
}

pub(crate) fn begin_shield() {
    world()
        .handles
        .pick()
        .map(shield)
        .into_iter()
        .for_each(keep);
}

pub(crate) fn begin_wait() {
    let wait = wait(some_handles());
    let mut wait = match below(3) {
        0 => wait,
        1 => wait.first_completed(),
        _ => wait.first_exception(),
    };
    keep(poll_fn(move |cx| {
        let Waited { done, pending } = ready!(Pin::new(&mut wait).poll(cx));
        done.into_iter()
            .chain(pending)
            .for_each(|handle| world().handles.put(handle));
        Poll::Ready(())
    }));
}

pub(crate) fn begin_as_completed() {
    let mut completed = as_completed(some_handles());
    keep(poll_fn(move |cx| {
        let Some(result) = ready!(pin!(completed.next()).poll(cx)) else {
            return Poll::Ready(());
        };
        keep_result(result);
        Poll::Pending
    }));
}
