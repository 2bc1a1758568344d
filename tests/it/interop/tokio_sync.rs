//! The `sync` module of tokio on looplet, without any tokio runtime.

use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use looplet::{gather, run, spawn, timeout};
use tokio::sync::{
    Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, broadcast, mpsc, oneshot, watch,
};

use crate::support::trace::{elapsed, log, nap, note_at, play};

#[test]
fn mpsc_holds_its_sender_back_and_loses_nothing_when_a_receive_is_cut_short() {
    let received = play(async {
        let (sender, mut receiver) = mpsc::channel(1);
        let sending = spawn(async move {
            for n in 0..5 {
                sender.send(n).await.unwrap();
            }
            elapsed()
        });
        let mut received = Vec::new();
        loop {
            nap(1.0).await;
            match timeout(Duration::ZERO, receiver.recv()).await {
                Ok(Some(n)) => received.push(n),
                Ok(None) => break,
                Err(_) => {}
            }
        }
        assert_eq!(sending.await.unwrap(), 4.0);
        received
    });
    assert_eq!(received, [0, 1, 2, 3, 4]);
}

#[test]
fn mpsc_brings_every_byte_from_other_threads() {
    const THREADS: u8 = 4;
    const CHUNKS: usize = 1_000;
    let (sender, mut receiver) = mpsc::channel::<Vec<u8>>(4);
    let threads: Vec<_> = (0..THREADS)
        .map(|id| {
            let sender = sender.clone();
            thread::spawn(move || {
                for chunk in 0..CHUNKS {
                    sender.blocking_send(vec![id; chunk % 10]).unwrap();
                }
            })
        })
        .collect();
    drop(sender);
    let counts = run(async move {
        let mut counts = [0usize; THREADS as usize];
        while let Some(chunk) = receiver.recv().await {
            for byte in chunk {
                counts[usize::from(byte)] += 1;
            }
        }
        counts
    });
    let expected: usize = (0..CHUNKS).map(|chunk| chunk % 10).sum();
    assert_eq!(counts, [expected; THREADS as usize]);
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

#[test]
fn oneshot_brings_an_answer_from_a_thread_and_reports_when_there_is_none() {
    run(async {
        let (answer, question) = oneshot::channel();
        let thread = thread::spawn(move || answer.send(42));
        assert_eq!(question.await, Ok(42));
        thread.join().unwrap().unwrap();

        let (answer, question) = oneshot::channel::<()>();
        spawn(async move { drop(answer) }).detach();
        assert!(question.await.is_err());
    });
}

#[test]
fn watch_shows_the_last_value_to_everybody() {
    play(async {
        let (sender, receiver) = watch::channel(0);
        let watchers = ["a", "b"].map(|name| {
            let mut receiver = receiver.clone();
            async move {
                while receiver.changed().await.is_ok() {
                    let value = *receiver.borrow_and_update();
                    note_at(format_args!("{name}: {value}"));
                }
            }
        });
        let watchers = gather(watchers);
        for value in 1..=2 {
            nap(1.0).await;
            sender.send(value * 10).unwrap();
            sender.send(value).unwrap();
        }
        nap(1.0).await;
        drop((sender, receiver));
        watchers.await;
    });
    let mut notes = log();
    notes[..2].sort();
    notes[2..].sort();
    assert_eq!(notes, ["a: 1 @1", "b: 1 @1", "a: 2 @2", "b: 2 @2"]);
}

#[test]
fn broadcast_tells_everybody_everything_and_the_slow_what_they_missed() {
    play(async {
        let (sender, mut prompt) = broadcast::channel(2);
        let mut slow = sender.subscribe();
        let reading = spawn(async move {
            let mut read = Vec::new();
            while let Ok(n) = prompt.recv().await {
                read.push(n);
            }
            read
        });
        for n in 1..=4 {
            sender.send(n).unwrap();
            nap(1.0).await;
        }
        drop(sender);
        assert_eq!(reading.await.unwrap(), [1, 2, 3, 4]);
        let missed = slow.recv().await.unwrap_err();
        assert_eq!(missed, broadcast::error::RecvError::Lagged(2));
        assert_eq!((slow.recv().await, slow.recv().await), (Ok(3), Ok(4)));
    });
}

#[test]
fn a_mutex_and_a_semaphore_serve_in_order() {
    play(async {
        let mutex = Rc::new(Mutex::new(0));
        let semaphore = Rc::new(Semaphore::new(2));
        let visits = ["a", "b", "c", "d"].map(|name| {
            let (mutex, semaphore) = (mutex.clone(), semaphore.clone());
            async move {
                let permit = semaphore.acquire().await.unwrap();
                note_at(format_args!("{name} is in"));
                let mut count = mutex.lock().await;
                nap(1.0).await;
                *count += 1;
                drop((count, permit));
            }
        });
        gather(visits).await;
        assert_eq!((*mutex.lock().await, elapsed()), (4, 4.0));
    });
    assert_eq!(
        log(),
        ["a is in @0", "b is in @0", "c is in @1", "d is in @2"]
    );
}

#[test]
fn readers_share_a_lock_and_a_writer_has_it_alone() {
    let seconds = play(async {
        let lock = Rc::new(RwLock::new(0));
        let read = |lock: Rc<RwLock<u32>>| async move {
            let value = lock.read().await;
            nap(1.0).await;
            *value
        };
        let write = |lock: Rc<RwLock<u32>>| async move {
            let mut value = lock.write().await;
            nap(1.0).await;
            *value += 1;
            *value
        };
        let all = (
            read(lock.clone()),
            read(lock.clone()),
            write(lock.clone()),
            read(lock),
        );
        assert_eq!(gather(all).await, (0, 0, 1, 1));
        elapsed()
    });
    assert_eq!(seconds, 3.0);
}

#[test]
fn notify_wakes_one_and_a_barrier_lets_all_go() {
    play(async {
        let (notify, barrier) = (Rc::new(Notify::new()), Rc::new(Barrier::new(3)));
        let waiters = [(); 3].map(|()| {
            let (notify, barrier) = (notify.clone(), barrier.clone());
            async move {
                notify.notified().await;
                let notified_at = elapsed();
                barrier.wait().await;
                (notified_at, elapsed())
            }
        });
        let waiters = gather(waiters);
        for _ in 0..3 {
            nap(1.0).await;
            notify.notify_one();
        }
        assert_eq!(waiters.await, [(1.0, 3.0), (2.0, 3.0), (3.0, 3.0)]);
    });
}

#[test]
fn a_once_cell_is_filled_once_also_if_the_first_to_try_is_cancelled() {
    play(async {
        let cell = Rc::new(OnceCell::new());
        let fill = |value: u32| {
            let cell = cell.clone();
            spawn(async move {
                *cell
                    .get_or_init(|| async {
                        nap(1.0).await;
                        value
                    })
                    .await
            })
        };
        let (first, second, third) = (fill(1), fill(2), fill(3));
        nap(0.5).await;
        first.cancel();
        let values = (second.await.unwrap(), third.await.unwrap());
        assert_eq!((values, elapsed()), ((2, 2), 1.5));
    });
}

#[test]
fn a_notification_from_a_thread_wakes_a_sleeping_loop() {
    let notify = Arc::new(Notify::new());
    let from_thread = notify.clone();
    let thread = run(async move {
        let notified = notify.notified();
        let thread = thread::spawn(move || from_thread.notify_waiters());
        notified.await;
        thread
    });
    thread.join().unwrap();
}
