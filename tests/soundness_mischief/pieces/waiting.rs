//! Mischief with time, queues, locks and context variables.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Context;
use std::time::Duration;

use looplet::{interval, now, oneshot, sleep, timeout};

use super::many::keep;
use super::tasks::keep_result;
use crate::values::{CONTEXT, Sized, Value};
use crate::world::{below, world};

fn a_moment() -> Duration {
    Duration::from_millis(below(4) as u64)
}

pub(crate) fn begin_sleep() {
    world().sleeps.put(sleep(a_moment()));
}

pub(crate) fn poll_sleep_with(cx: &mut Context<'_>) {
    if let Some(mut sleep) = world().sleeps.pick() {
        if Pin::new(&mut sleep).poll(cx).is_pending() {
            world().sleeps.put(sleep);
        }
    }
}

pub(crate) fn reset_sleep() {
    if let Some(mut sleep) = world().sleeps.pick() {
        sleep.reset(now() + a_moment());
        world().sleeps.put(sleep);
    }
}

pub(crate) fn begin_timer() {
    match (below(3), world().handles.pick()) {
        (0, Some(handle)) => keep(timeout(a_moment(), handle)),
        (1, _) => keep(timeout(a_moment(), Sized::<24>::new())),
        _ => {
            let mut interval = interval(Duration::from_millis(1));
            keep(poll_fn(move |cx| pin!(interval.tick()).poll(cx).map(drop)));
        }
    }
}

pub(crate) fn advance() {
    looplet::advance(a_moment());
}

pub(crate) fn use_queue() {
    let shared = world().shared();
    match below(10) {
        0 => keep_result(shared.queue.try_put(Value::new())),
        1 => keep_result(shared.stack.try_put(Value::new())),
        2 | 3 => keep_result(shared.heap.try_put(Value::new())),
        4 => keep_result(shared.queue.try_get()),
        5 => keep_result(shared.heap.try_get()),
        6 => shared.queue.task_done(),
        7 => shared.queue.shutdown_now(),
        8 => shared.stack.shutdown(),
        _ => shared.heap.shutdown_now(),
    }
}

pub(crate) fn wait_for_others() {
    let shared = world().shared();
    match below(10) {
        0 => keep(Box::pin(async move { shared.queue.get().await })),
        1 => keep(Box::pin(async move { shared.heap.get().await })),
        2 => keep(Box::pin(
            async move { shared.stack.put(Value::new()).await },
        )),
        3 => keep(Box::pin(async move { shared.heap.put(Value::new()).await })),
        4 => keep(Box::pin(async move { shared.queue.join().await })),
        5 => keep(Box::pin(shared.mutex.clone().lock_owned())),
        6 => keep(Box::pin(shared.semaphore.clone().acquire_owned())),
        7 => keep(Box::pin(async move {
            let guard = shared.mutex.lock().await;
            drop(shared.condition.wait(guard).await);
        })),
        8 => keep(Box::pin(async move { shared.barrier.wait().await })),
        _ => keep(Box::pin(async move { shared.event.wait().await })),
    }
}

pub(crate) fn let_others_go() {
    let shared = world().shared();
    match below(6) {
        0 => shared.semaphore.add_permits(1),
        1 => shared.condition.notify_all(),
        2 => shared.barrier.abort(),
        3 => shared.barrier.reset(),
        4 => shared.event.set(),
        _ => drop(world().others.pick()),
    }
}

pub(crate) fn use_oneshot() {
    match (below(3), world().senders.pick()) {
        (0, Some(sender)) => keep_result(sender.send(Value::new())),
        (1, Some(mut sender)) => keep(Box::pin(async move { sender.closed().await })),
        _ => {
            let (sender, receiver) = oneshot();
            world().senders.put(sender);
            keep(receiver);
        }
    }
}

pub(crate) fn change_context() {
    match below(4) {
        0 => keep_result(CONTEXT.get()),
        1 => world()
            .tokens
            .pick()
            .into_iter()
            .for_each(|token| CONTEXT.reset(token)),
        _ => world().tokens.put(CONTEXT.set(Value::new())),
    }
}
