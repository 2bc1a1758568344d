//! The combinators of futures-concurrency and the generators of async-stream on looplet.

use std::rc::Rc;

use async_stream::{stream, try_stream};
use futures::{Stream, StreamExt, TryStreamExt, pin_mut};
use futures_concurrency::prelude::*;
use looplet::{JoinError, Queue, spawn, timeout};

use crate::support::trace::{Guard, elapsed, log, nap, note, play, secs, wait_with_guard};

/// Takes so many seconds, and gives them back.
async fn takes(seconds: u32) -> u32 {
    nap(seconds.into()).await;
    seconds
}

#[test]
fn join_takes_as_long_as_the_slowest() {
    let (all, list, seconds) = play(async {
        let all = (takes(1), takes(3), spawn(takes(2))).join();
        let list = vec![takes(2), takes(1)].join();
        let ((one, three, two), list) = (all, list).join().await;
        ((one, three, two.unwrap()), list, elapsed())
    });
    assert_eq!((all, list), ((1, 3, 2), vec![2, 1]));
    assert_eq!(seconds, 3.0);
}

#[test]
fn race_cancels_the_task_that_lost() {
    play(async {
        let slow = spawn(async {
            wait_with_guard("the slow task is gone").await;
            0
        });
        let winner = [slow, spawn(takes(1))].race().await;
        assert_eq!(winner.unwrap(), 1);
        note("the race is over");
        nap(1.0).await;
    });
    assert_eq!(log(), ["the race is over", "the slow task is gone"]);
}

#[test]
fn try_join_ends_with_the_first_panic_and_cancels_the_rest() {
    play(async {
        let fine = spawn(wait_with_guard("the other is gone"));
        let broken = spawn(async {
            nap(1.0).await;
            panic!("no salt");
        });
        let error: JoinError = [fine, broken].try_join().await.unwrap_err();
        assert!(error.is_panic());
        assert_eq!(elapsed(), 1.0);
        nap(1.0).await;
    });
    assert_eq!(log(), ["the other is gone"]);
}

#[test]
fn race_ok_passes_over_failures() {
    let answer = play(async {
        let failing = spawn(async { panic!("no route") });
        [failing, spawn(takes(2)), spawn(takes(5))].race_ok().await
    });
    assert_eq!(answer.unwrap(), 2);
}

#[test]
fn merge_takes_from_several_queues_as_they_fill() {
    let items = play(async {
        let queues = [Queue::bounded(1), Queue::bounded(1)];
        for (queue, (seconds, item)) in queues.iter().cloned().zip([(2, 10), (3, 20)]) {
            spawn(async move {
                for n in 0..3 {
                    takes(seconds).await;
                    queue.put(item + n).await.unwrap();
                }
                queue.shutdown();
            })
            .detach();
        }
        let [a, b] = queues.map(|queue| queue.stream());
        (a, b)
            .merge()
            .map(|item| (elapsed(), item))
            .collect::<Vec<_>>()
            .await
    });
    let (last_two, others) = (&items[2..4], [&items[..2], &items[4..]].concat());
    assert_eq!(others, [(2.0, 10), (3.0, 20), (6.0, 12), (9.0, 22)][..]);
    assert_eq!(last_two.len(), 2);
}

/// Counts down once a second.
fn countdown(from: u32) -> impl Stream<Item = u32> {
    stream! {
        let _guard = Guard("the countdown is over");
        for n in (1..=from).rev() {
            nap(1.0).await;
            yield n;
        }
    }
}

#[test]
fn a_generator_sleeps_between_its_items() {
    let (items, seconds) = play(async {
        let items: Vec<_> = countdown(3).collect().await;
        (items, elapsed())
    });
    assert_eq!((items, seconds), (vec![3, 2, 1], 3.0));
    assert_eq!(log(), ["the countdown is over"]);
}

#[test]
fn a_generator_in_a_cancelled_task_is_dropped_where_it_sleeps() {
    play(async {
        let counting = spawn(countdown(10).for_each(|n| async move { note(n) }));
        assert!(timeout(secs(2.5), counting).await.is_err());
        nap(1.0).await;
    });
    assert_eq!(log(), ["10", "9", "the countdown is over"]);
}

#[test]
fn a_generator_feeds_a_queue_with_back_pressure() {
    let (received, pulled_early) = play(async {
        let queue = Queue::bounded(1);
        let pulled = Rc::new(std::cell::Cell::new(0));
        let feeding = {
            let (queue, pulled) = (queue.clone(), pulled.clone());
            spawn(async move {
                let source = stream! {
                    for n in 0..5 {
                        pulled.set(n + 1);
                        yield n;
                    }
                };
                pin_mut!(source);
                while let Some(n) = source.next().await {
                    queue.put(n).await.unwrap();
                }
                queue.shutdown();
            })
        };
        nap(1.0).await;
        let pulled_early = pulled.get();
        let received: Vec<_> = queue.stream().collect().await;
        feeding.await.unwrap();
        (received, pulled_early)
    });
    assert_eq!((received, pulled_early), (vec![0, 1, 2, 3, 4], 2));
}

#[test]
fn a_fallible_generator_ends_with_the_failure_of_a_task() {
    let (items, failed) = play(async {
        let divided = try_stream! {
            for n in [2, 1, 0, 3] {
                yield spawn(async move { 6 / n }).await?;
            }
        };
        pin_mut!(divided);
        let mut items = Vec::new();
        let failed: Result<(), JoinError> = async {
            while let Some(item) = divided.try_next().await? {
                items.push(item);
            }
            Ok(())
        }
        .await;
        (items, failed)
    });
    assert_eq!(items, [3, 6]);
    assert!(failed.unwrap_err().is_panic());
}
