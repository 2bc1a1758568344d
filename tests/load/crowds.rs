//! Crowds: many tasks at each thing that can be waited for, half of which give up.

use std::future::Future;
use std::rc::Rc;

use looplet::{
    Barrier, Condition, Event, EventLoop, Mutex, Queue, Semaphore, TaskGroup, as_completed, gather,
    shield, spawn, task_group, wait, yield_now,
};

use crate::gauge::Gauge;

/// Everybody waits for the same, every other one is cancelled, and the rest is let go. How many those are.
async fn crowd<T: Clone, F: Future + 'static>(
    (size, gauge): (u64, &Gauge),
    shared: &T,
    wait: impl Fn(T) -> F,
    release: impl FnOnce(),
) -> u64 {
    let mut tasks: Vec<_> = (0..size).map(|_| spawn(wait(shared.clone()))).collect();
    yield_now().await;
    yield_now().await;
    gauge.note_most();
    let mut is_kept = false;
    tasks.retain(|task| {
        is_kept = !is_kept;
        is_kept || !task.cancel()
    });
    yield_now().await;
    yield_now().await;
    release();
    let kept = tasks.len() as u64;
    for task in tasks {
        task.await.unwrap();
    }
    kept
}

/// At what tasks share.
async fn crowds_that_share(size: u64, gauge: &Gauge) -> u64 {
    let setup = (size, gauge);
    let event = Rc::new(Event::new());
    let wait = async |it: Rc<Event>| it.wait().await;
    let mut kept = crowd(setup, &event, wait, || event.set()).await;

    let mutex = Rc::new(Mutex::new(0));
    let guard = mutex.clone().lock_owned().await;
    let lock = async |it: Rc<Mutex<u64>>| *it.lock().await += 1;
    kept += crowd(setup, &mutex, lock, || drop(guard)).await;
    assert_eq!(*mutex.lock().await, size / 2);

    let semaphore = Rc::new(Semaphore::new(0));
    let acquire = async |it: Rc<Semaphore>| it.acquire().await.forget();
    let add = || semaphore.add_permits(size as usize / 2);
    kept += crowd(setup, &semaphore, acquire, add).await;
    assert_eq!(semaphore.available(), 0);

    let shared = Rc::new((Mutex::new(()), Condition::new()));
    let wait = async |it: Rc<(Mutex<()>, Condition)>| drop(it.1.wait(it.0.lock().await).await);
    kept += crowd(setup, &shared, wait, || shared.1.notify_all()).await;

    let barrier = Rc::new(Barrier::new(size as usize + 1));
    let fail = async |it: Rc<Barrier>| it.wait().await.unwrap_err();
    kept += crowd(setup, &barrier, fail, || barrier.abort()).await;

    kept + crowds_at_queues(setup).await
}

async fn crowds_at_queues(setup: (u64, &Gauge)) -> u64 {
    let empty = Queue::unbounded();
    let get = async |it: Queue<u64>| it.get().await.unwrap();
    let fill = || (0..setup.0 / 2).for_each(|item| empty.try_put(item).unwrap());
    let kept = crowd(setup, &empty, get, fill).await;

    let full = Queue::bounded(1);
    full.try_put(0).unwrap();
    let put = async |it: Queue<u64>| it.put(1).await.unwrap();
    let outlet = full.clone();
    let drain = || spawn(async move { while outlet.get().await.is_ok() {} }).detach();
    let kept = kept + crowd(setup, &full, put, drain).await;
    full.shutdown();
    kept
}

/// Many who wait for an event that is set in some rounds.
fn children(size: u64) -> Vec<impl Future<Output = u64> + 'static> {
    let event = Rc::new(Event::new());
    let open = event.clone();
    let opener = spawn(async move {
        for _ in 0..4 {
            yield_now().await;
        }
        open.set();
    });
    opener.detach();
    let child = |number| {
        let event = event.clone();
        async move { (event.wait().await, number).1 }
    };
    (0..size).map(child).collect()
}

/// Of those that are awaited.
async fn crowds_of_children(size: u64, gauge: &Gauge) -> u64 {
    let mut given_up = gather(children(size));
    assert!(futures::poll!(&mut given_up).is_pending());
    yield_now().await;
    gauge.note_most();
    drop(given_up);
    let mut sum: u64 = gather(children(size)).await.into_iter().sum();

    let ended = wait(children(size).into_iter().map(spawn)).await;
    for task in ended.done {
        sum += task.await.unwrap();
    }

    let shielded = |child| spawn(async { shield(spawn(child)).await.unwrap() });
    let mut ends = as_completed(children(size).into_iter().map(shielded));
    while let Some(end) = ends.next().await {
        sum += end.unwrap();
    }

    let group = task_group(async |group: &TaskGroup<()>| {
        let members = children(size).into_iter();
        let tasks: Vec<_> = members
            .map(|child| group.spawn(async { Ok(child.await) }))
            .collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await.unwrap();
        }
        Ok::<_, ()>(sum)
    });
    sum += group.await.unwrap();
    assert_eq!(sum, 4 * (size * (size - 1) / 2));
    5 * size
}

pub(crate) fn at_everything(size: u64, gauge: &Gauge) -> (u64, &'static str) {
    let each = 100 * size;
    let mut event_loop = EventLoop::new();
    let served = event_loop.block_on(async {
        crowds_that_share(each, gauge).await + crowds_of_children(each, gauge).await
    });
    assert_eq!(served, 7 * each / 2 + 5 * each);
    assert_eq!(event_loop.metrics().live_tasks, 0);
    gauge.note_idle();
    (served, "waiters")
}
