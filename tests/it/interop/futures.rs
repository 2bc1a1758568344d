//! The `futures` crate on looplet: its macros, streams, combinators and channels, and its `LocalSpawn` trait.

use std::thread;

use futures::channel::{mpsc, oneshot};
use futures::future::{AbortHandle, Abortable, Aborted, Either, select};
use futures::stream::{FuturesOrdered, FuturesUnordered};
use futures::task::LocalSpawnExt;
use futures::{FutureExt, SinkExt, StreamExt, TryStreamExt, join, pin_mut, select_biased};
use looplet::{EventLoop, Queue, as_completed, run, sleep, spawn, timeout};

use crate::support::trace::{
    Guard, elapsed, log, nap, note, play, secs, virtual_loop, wait_with_guard,
};

/// Takes so many seconds, and gives them back.
async fn takes(seconds: u32) -> u32 {
    nap(seconds.into()).await;
    seconds
}

#[test]
fn select_takes_whoever_is_first_and_drops_the_rest() {
    play(async {
        let mut slow = spawn(wait_with_guard("the slow one is gone")).fuse();
        let mut quick = spawn(takes(2)).fuse();
        let tick = sleep(secs(1.0)).fuse();
        pin_mut!(tick);
        let mut events = Vec::new();
        loop {
            futures::select! {
                _ = slow => events.push("slow"),
                () = tick => events.push("tick"),
                two = quick => {
                    assert_eq!(two.unwrap(), 2);
                    events.push("quick");
                    break;
                }
            }
        }
        assert_eq!((events, elapsed()), (vec!["tick", "quick"], 2.0));
    });
    assert_eq!(log(), ["the slow one is gone"]);
}

#[test]
fn a_biased_select_serves_a_queue_until_it_is_shut_down() {
    let eaten = play(async {
        let queue = Queue::bounded(1);
        let kitchen = queue.clone();
        spawn(async move {
            for plate in 1..=3 {
                nap(1.0).await;
                kitchen.put(plate).await.unwrap();
            }
            kitchen.shutdown();
        })
        .detach();
        let mut plates = queue.stream();
        let mut eaten = Vec::new();
        loop {
            let patience = sleep(secs(10.0)).fuse();
            pin_mut!(patience);
            select_biased! {
                plate = plates.next() => match plate {
                    Some(plate) => eaten.push(plate),
                    None => return eaten,
                },
                () = patience => panic!("the queue was shut down after three seconds"),
            }
        }
    });
    assert_eq!(eaten, [1, 2, 3]);
}

#[test]
fn select_of_two_gives_the_loser_back_alive() {
    play(async {
        let race = select(spawn(takes(3)), spawn(takes(1)));
        let Either::Right((one, three)) = race.await else {
            panic!("one second is shorter than three");
        };
        assert_eq!((one.unwrap(), three.await.unwrap()), (1, 3));
        assert_eq!(elapsed(), 3.0);
    });
}

#[test]
fn join_waits_for_all_at_once() {
    let together = play(async {
        let results = join!(spawn(takes(1)), takes(3), spawn(takes(2)));
        (results.0.unwrap(), results.1, results.2.unwrap(), elapsed())
    });
    assert_eq!(together, (1, 3, 2, 3.0));
}

#[test]
fn handles_in_futures_unordered_come_as_they_end() {
    let order = play(async {
        let tasks: FuturesUnordered<_> = [3, 1, 2].map(|n| spawn(takes(n))).into_iter().collect();
        tasks.try_collect::<Vec<_>>().await.unwrap()
    });
    assert_eq!(order, [1, 2, 3]);
}

#[test]
fn handles_in_futures_ordered_come_as_they_were_put_in() {
    let order = play(async {
        let tasks: FuturesOrdered<_> = [3, 1, 2].map(|n| spawn(takes(n))).into_iter().collect();
        tasks.try_collect::<Vec<_>>().await.unwrap()
    });
    assert_eq!(order, [3, 1, 2]);
}

#[test]
fn dropping_futures_unordered_cancels_the_tasks_in_it() {
    play(async {
        let mut tasks: FuturesUnordered<_> = ["a is gone", "b is gone"]
            .map(|name| spawn(wait_with_guard(name)))
            .into_iter()
            .collect();
        assert!(timeout(secs(1.0), tasks.next()).await.is_err());
        drop(tasks);
        note("dropped");
        nap(1.0).await;
        note("a second later");
    });
    let mut notes = log();
    notes[1..3].sort();
    assert_eq!(
        notes,
        ["dropped", "a is gone", "b is gone", "a second later"]
    );
}

#[test]
fn a_panic_is_an_item_of_the_stream_and_ends_nothing_else() {
    let outcomes = play(async {
        let tasks = [0, 1, 2].map(|n| spawn(async move { 2 / n }));
        let tasks: FuturesOrdered<_> = tasks.into_iter().collect();
        tasks.map(|result| result.ok()).collect::<Vec<_>>().await
    });
    assert_eq!(outcomes, [None, Some(2), Some(1)]);
}

#[test]
fn as_completed_is_a_stream() {
    let order = play(async {
        let first_two = as_completed([3, 1, 2].map(|n| spawn(takes(n)))).take(2);
        first_two.map(Result::unwrap).collect::<Vec<_>>().await
    });
    assert_eq!(order, [1, 2]);
}

#[test]
fn a_stream_of_a_queue_feeds_so_many_at_once() {
    let (mut squares, seconds) = play(async {
        let queue = Queue::unbounded();
        for n in 1..=6 {
            queue.put(n).await.unwrap();
        }
        queue.shutdown();
        let work = queue.stream().map(|n: u32| async move {
            nap(1.0).await;
            n * n
        });
        (
            work.buffer_unordered(2).collect::<Vec<_>>().await,
            elapsed(),
        )
    });
    squares.sort_unstable();
    assert_eq!(squares, [1, 4, 9, 16, 25, 36]);
    assert_eq!(seconds, 3.0);
}

#[test]
fn an_aborted_future_ends_its_task() {
    play(async {
        let (abort, registration) = AbortHandle::new_pair();
        let task = spawn(Abortable::new(wait_with_guard("aborted"), registration));
        nap(1.0).await;
        abort.abort();
        assert_eq!(task.await.unwrap(), Err(Aborted));
    });
    assert_eq!(log(), ["aborted"]);
}

#[test]
fn a_shared_handle_gives_its_result_to_everybody() {
    let sums = play(async {
        let answer = spawn(takes(2)).map(Result::unwrap).shared();
        let askers = [1, 2, 3].map(|n| {
            let answer = answer.clone();
            spawn(async move { answer.await + n })
        });
        let askers: FuturesOrdered<_> = askers.into_iter().collect();
        askers.try_collect::<Vec<_>>().await.unwrap()
    });
    assert_eq!(sums, [3, 4, 5]);
}

#[test]
fn a_mutex_of_futures_lets_one_in_at_a_time() {
    let seconds = play(async {
        let inside = std::rc::Rc::new(futures::lock::Mutex::new(0));
        let visits = [(); 3].map(|()| {
            let inside = inside.clone();
            async move {
                let mut inside = inside.lock().await;
                nap(1.0).await;
                *inside += 1;
            }
        });
        looplet::gather(visits).await;
        assert_eq!(*inside.lock().await, 3);
        elapsed()
    });
    assert_eq!(seconds, 3.0);
}

#[test]
fn the_spawner_spawns_for_code_that_knows_only_local_spawn() {
    let mut event_loop = virtual_loop();
    let spawner = event_loop.spawner();
    spawner
        .spawn_local(async {
            let _guard = Guard("dropped with the loop");
            nap(1.0).await;
            note("spawned");
            std::future::pending::<()>().await;
        })
        .unwrap();
    let handle = spawner.spawn_local_with_handle(takes(2)).unwrap();
    assert_eq!(event_loop.block_on(handle), 2);
    assert_eq!(log(), ["spawned"]);
    drop(event_loop);
    assert_eq!(log(), ["dropped with the loop"]);
    assert!(spawner.spawn_local(async {}).unwrap_err().is_shutdown());
}

#[test]
fn a_remote_handle_of_local_spawn_cancels_its_task_when_it_is_dropped() {
    let mut event_loop = virtual_loop();
    let spawner = event_loop.spawner();
    let handle = spawner
        .spawn_local_with_handle(wait_with_guard("gone"))
        .unwrap();
    event_loop.run_until_stalled();
    drop(handle);
    event_loop.run_until_stalled();
    assert_eq!(log(), ["gone"]);
    assert!(event_loop.tasks().is_empty());
}

#[test]
fn a_bounded_channel_of_futures_holds_its_sender_back() {
    play(async {
        let (mut sender, receiver) = mpsc::channel(0);
        let sending = spawn(async move {
            for n in 0..4 {
                sender.send(n).await.unwrap();
            }
            elapsed()
        });
        let slowly = receiver.then(|n| async move {
            nap(1.0).await;
            n
        });
        assert_eq!(slowly.collect::<Vec<_>>().await, [0, 1, 2, 3]);
        assert!(sending.await.unwrap() >= 2.0);
    });
}

#[test]
fn channels_of_futures_bring_every_byte_from_other_threads() {
    const THREADS: u8 = 4;
    const CHUNKS: usize = 500;
    let (sender, receiver) = mpsc::unbounded::<Vec<u8>>();
    let (done, is_done) = oneshot::channel();
    let threads = thread::spawn(move || {
        thread::scope(|scope| {
            for id in 0..THREADS {
                let sender = sender.clone();
                scope.spawn(move || {
                    for chunk in 0..CHUNKS {
                        sender.unbounded_send(vec![id; chunk % 7]).unwrap();
                    }
                });
            }
        });
        done.send("all sent").unwrap();
    });
    let bytes = run(async {
        let bytes = spawn(receiver.concat());
        assert_eq!(is_done.await, Ok("all sent"));
        bytes.await.unwrap()
    });
    threads.join().unwrap();
    for id in 0..THREADS {
        let expected: usize = (0..CHUNKS).map(|chunk| chunk % 7).sum();
        assert_eq!(bytes.iter().filter(|byte| **byte == id).count(), expected);
    }
}

#[test]
fn a_block_on_of_futures_can_wait_for_what_a_loop_made() {
    let (sender, receiver) = oneshot::channel();
    let thread = thread::spawn(move || futures::executor::block_on(receiver));
    EventLoop::new().block_on(async {
        spawn(async move { sender.send(42) })
            .await
            .unwrap()
            .unwrap();
    });
    assert_eq!(thread.join().unwrap(), Ok(42));
}
