//! What tools cost: timeouts, locks, events, groups, cancels.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::leaf::{Answer, YieldTimes};
use crate::tools::{Flag, Limit, Lock, Oneshot, Tools};

/// Far enough away that no timeout elapses.
const FAR: Duration = Duration::from_secs(10);
/// Tasks that fight over a mutex.
const FIGHTERS: usize = 4;
/// Permits of the semaphore.
const PERMITS: usize = 10;

/// Times `work` inside a task.
async fn timed<R: Tools>(rt: &R, work: impl Future<Output = ()> + 'static) -> Duration {
    let timed = async move {
        let start = Instant::now();
        work.await;
        start.elapsed()
    };
    rt.spawn(timed).await
}

/// A timeout around a future that is ready, `n` times.
pub async fn timeout_ready<R: Tools>(rt: &R, n: usize) -> Duration {
    let rt2 = rt.clone();
    let work = async move {
        for i in 0..n {
            let answer = rt2.timeout(FAR, Answer(i as u64)).await;
            assert!(answer.is_some());
        }
    };
    timed(rt, work).await
}

/// A timeout around a future that yields once, `n` times.
pub async fn timeout_yield<R: Tools>(rt: &R, n: usize) -> Duration {
    let rt2 = rt.clone();
    let work = async move {
        for _ in 0..n {
            assert!(rt2.timeout(FAR, YieldTimes(1)).await.is_some());
        }
    };
    timed(rt, work).await
}

/// Locks a mutex that is free, `n` times.
pub async fn mutex_free<R: Tools>(rt: &R, n: usize) -> Duration {
    let work = async move {
        let mutex = R::Mutex::default();
        for _ in 0..n {
            mutex
                .with(|count| {
                    *count += 1;
                    std::future::ready(())
                })
                .await;
        }
    };
    timed(rt, work).await
}

/// Four tasks lock one mutex `n` times in all, and yield while they hold it.
pub async fn mutex_fought<R: Tools>(rt: &R, n: usize) -> Duration {
    let rt2 = rt.clone();
    let work = async move {
        let mutex = Rc::new(R::Mutex::default());
        let fight = |_| {
            let mutex = mutex.clone();
            rt2.spawn(async move {
                for _ in 0..n / FIGHTERS {
                    mutex
                        .with(|count| {
                            *count += 1;
                            YieldTimes(1)
                        })
                        .await;
                }
            })
        };
        let fighters: Vec<_> = (0..FIGHTERS).map(fight).collect();
        for fighter in fighters {
            fighter.await;
        }
    };
    timed(rt, work).await
}

/// `n` tasks wait for an event, which is set once.
pub async fn event<R: Tools>(rt: &R, n: usize) -> Duration {
    let rt2 = rt.clone();
    let driver = async move {
        let event = Rc::new(R::Event::default());
        let mut waiters = Vec::with_capacity(n);
        waiters.extend((0..n).map(|_| {
            let event = event.clone();
            rt2.spawn(async move { event.wait().await })
        }));
        // A task that is spawned now runs after all of them have begun to wait.
        rt2.spawn(std::future::ready(())).await;
        let start = Instant::now();
        event.wake_all();
        for waiter in waiters {
            waiter.await;
        }
        start.elapsed()
    };
    rt.spawn(driver).await
}

/// A group of `n` tasks that yield once each.
pub async fn group<R: Tools>(rt: &R, n: usize) -> Duration {
    let rt2 = rt.clone();
    timed(rt, async move {
        rt2.group((0..n).map(|_| YieldTimes(1)).collect()).await
    })
    .await
}

/// Takes the results of `n` tasks that yield once each as they end.
pub async fn as_completed<R: Tools>(rt: &R, n: usize) -> Duration {
    let rt2 = rt.clone();
    let work = async move {
        rt2.as_completed((0..n).map(|_| YieldTimes(1)).collect())
            .await
    };
    timed(rt, work).await
}

/// Cancels `n` tasks that wait.
pub async fn cancel<R: Tools>(rt: &R, n: usize) -> Duration {
    let rt2 = rt.clone();
    let driver = async move { rt2.cancel((0..n).map(|_| pending::<()>()).collect()).await };
    rt.spawn(driver).await
}

/// Gathers two futures that yield once, `n` times.
pub async fn gather_two<R: Tools>(rt: &R, n: usize) -> Duration {
    let rt2 = rt.clone();
    let work = async move {
        for _ in 0..n {
            rt2.gather_two(YieldTimes(1), YieldTimes(1)).await;
        }
    };
    timed(rt, work).await
}

/// Asks a task that is spawned for it and gets the answer through a oneshot, `n` times.
pub async fn oneshot<R: Tools>(rt: &R, n: usize) -> Duration {
    let rt2 = rt.clone();
    let work = async move {
        for i in 0..n {
            let (sender, receiver) = R::Oneshot::open();
            let answer = rt2.spawn(async move { R::Oneshot::send(sender, i as u64) });
            assert_eq!(receiver.await, i as u64);
            answer.await;
        }
    };
    timed(rt, work).await
}

/// `n` tasks yield once each, ten at a time.
pub async fn semaphore<R: Tools>(rt: &R, n: usize) -> Duration {
    let rt2 = rt.clone();
    let work = async move {
        let (semaphore, inside) = (Rc::new(R::Semaphore::new(PERMITS)), Rc::new(Cell::new(0)));
        let mut tasks = Vec::with_capacity(n);
        tasks.extend((0..n).map(|_| {
            let (semaphore, inside) = (semaphore.clone(), inside.clone());
            rt2.spawn(async move {
                let work = async {
                    inside.set(inside.get() + 1);
                    assert!(inside.get() <= PERMITS);
                    YieldTimes(1).await;
                    inside.set(inside.get() - 1);
                };
                semaphore.with(work).await;
            })
        }));
        for task in tasks {
            task.await;
        }
    };
    timed(rt, work).await
}
