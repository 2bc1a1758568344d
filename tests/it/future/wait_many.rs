//! What waits for many tasks does not look at all of them whenever something happens. With a hundred thousand of them
//! that would take minutes.

use std::future::{Future, pending};
use std::time::Duration;

use futures::future::{Either, select};
use looplet::{JoinHandle, sleep, spawn, wait, yield_now};

use crate::support::trace::{nap, play};

const MANY: u64 = 100_000;

/// Tasks that sleep for one, two, three .. milliseconds.
fn sleepers() -> impl Iterator<Item = JoinHandle<()>> {
    (1..=MANY).map(|n| spawn(sleep(Duration::from_millis(n))))
}

fn sleepers_for_ever() -> impl Iterator<Item = JoinHandle<()>> {
    (0..MANY).map(|_| spawn(pending()))
}

/// Does something many times, next to a wait that is not over before.
async fn next_to<T>(waiting: impl Future<Output = T> + Unpin, mut step: impl AsyncFnMut()) {
    let steps = Box::pin(async {
        for _ in 0..MANY {
            step().await;
        }
    });
    assert!(matches!(select(waiting, steps).await, Either::Right(_)));
}

#[test]
fn a_wait_for_an_exception_goes_from_end_to_end() {
    play(async {
        let waited = wait(sleepers()).first_exception().await;
        assert_eq!(waited.done.len() as u64, MANY);
    });
}

#[test]
fn a_wait_for_an_exception_goes_past_cancelled_tasks() {
    play(async {
        let handles: Vec<_> = sleepers_for_ever().collect();
        let tasks: Vec<_> = handles.iter().rev().map(JoinHandle::task).collect();
        let canceller = spawn(async move {
            for task in tasks {
                task.cancel();
                nap(1.0).await;
            }
        });
        let waited = wait(handles).first_exception().await;
        assert!(waited.done.iter().all(JoinHandle::is_cancelled));
        drop(canceller);
    });
}

#[test]
fn a_wait_can_be_polled_often() {
    play(async {
        next_to(wait(sleepers_for_ever()).first_completed(), yield_now).await;
        next_to(wait(sleepers_for_ever()).first_exception(), yield_now).await;
    });
}

#[test]
fn a_wait_can_be_polled_whenever_another_task_ends() {
    play(async {
        let end_another = async || spawn(async {}).await.unwrap();
        next_to(wait(sleepers_for_ever()).first_completed(), end_another).await;
        let cancel_another = async || {
            let other = spawn(pending::<()>());
            other.cancel();
            assert!(other.await.is_err());
        };
        next_to(wait(sleepers_for_ever()).first_exception(), cancel_another).await;
    });
}
