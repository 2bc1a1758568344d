//! The channels of async-channel and flume on looplet: between tasks in virtual time, and from threads in real time.

use std::thread;

use futures::StreamExt;
use looplet::{gather, run, spawn, timeout};

use crate::support::trace::{elapsed, nap, play, secs};

const THREADS: u64 = 4;
const ITEMS: u64 = 2_000;

/// Sends from several threads at once, each in its own order.
fn from_threads(send: impl Fn((u64, u64)) + Clone + Send + 'static) -> Vec<thread::JoinHandle<()>> {
    let thread = |id| {
        let send = send.clone();
        thread::spawn(move || (0..ITEMS).for_each(|item| send((id, item))))
    };
    (0..THREADS).map(thread).collect()
}

/// Everything has come, and what came from one thread is in its order.
fn assert_complete(received: &[(u64, u64)]) {
    assert_eq!(received.len() as u64, THREADS * ITEMS);
    for id in 0..THREADS {
        let items = received.iter().filter(|(from, _)| *from == id);
        assert!(items.map(|(_, item)| *item).eq(0..ITEMS));
    }
}

macro_rules! channel_tests {
    ($channel:ident, $bounded:path, $send:ident, $receive:ident, $send_blocking:ident, $stream:path) => {
        mod $channel {
            use super::*;

            #[test]
            fn a_full_channel_holds_its_sender_back() {
                let (received, sent_at) = play(async {
                    let (sender, receiver) = $bounded(1);
                    let sending = spawn(async move {
                        let mut sent_at = Vec::new();
                        for n in 0..4 {
                            sender.$send(n).await.unwrap();
                            sent_at.push(elapsed());
                        }
                        sent_at
                    });
                    let mut received = Vec::new();
                    nap(1.0).await;
                    while let Ok(n) = receiver.$receive().await {
                        received.push(n);
                        nap(1.0).await;
                    }
                    (received, sending.await.unwrap())
                });
                assert_eq!(received, [0, 1, 2, 3]);
                assert_eq!(sent_at, [0.0, 1.0, 2.0, 3.0]);
            }

            #[test]
            fn a_receive_that_is_cut_short_loses_nothing() {
                let received = play(async {
                    let (sender, receiver) = $bounded(2);
                    spawn(async move {
                        for n in 0..5 {
                            nap(1.5).await;
                            sender.$send(n).await.unwrap();
                        }
                    })
                    .detach();
                    let mut received = Vec::new();
                    loop {
                        match timeout(secs(1.0), receiver.$receive()).await {
                            Ok(Ok(n)) => received.push(n),
                            Ok(Err(_)) => return received,
                            Err(_) => {}
                        }
                    }
                });
                assert_eq!(received, [0, 1, 2, 3, 4]);
            }

            #[test]
            fn several_tasks_share_a_channel() {
                let total: u64 = play(async {
                    let (sender, receiver) = $bounded(3);
                    let workers = [(); 5].map(|()| {
                        let receiver = receiver.clone();
                        async move {
                            let mut sum = 0;
                            while let Ok(n) = receiver.$receive().await {
                                nap(1.0).await;
                                sum += n;
                            }
                            sum
                        }
                    });
                    let workers = gather(workers);
                    for n in 1..=100 {
                        sender.$send(n).await.unwrap();
                    }
                    drop(sender);
                    let sums = workers.await;
                    assert_eq!(elapsed(), 20.0);
                    sums.into_iter().sum()
                });
                assert_eq!(total, 5050);
            }

            #[test]
            fn threads_wake_a_sleeping_loop() {
                let (sender, receiver) = $bounded(8);
                let threads = from_threads(move |item| sender.$send_blocking(item).unwrap());
                let all = async move { $stream(receiver).collect::<Vec<_>>().await };
                assert_complete(&run(all));
                threads
                    .into_iter()
                    .for_each(|thread| thread.join().unwrap());
            }

            #[test]
            fn a_thread_answers_the_tasks_of_a_loop() {
                let (ask, asked) = $bounded(1);
                let (answer, answers) = $bounded(1);
                let thread = thread::spawn(move || {
                    futures::executor::block_on(async {
                        while let Ok(n) = asked.$receive().await {
                            let n: u64 = n;
                            answer.$send(n * n).await.unwrap();
                        }
                    });
                });
                run(async move {
                    for n in 0..ITEMS {
                        ask.$send(n).await.unwrap();
                        assert_eq!(answers.$receive().await, Ok(n * n));
                    }
                });
                thread.join().unwrap();
            }
        }
    };
}

channel_tests!(
    async_channels,
    async_channel::bounded,
    send,
    recv,
    send_blocking,
    std::convert::identity
);
channel_tests!(
    flumes,
    flume::bounded,
    send_async,
    recv_async,
    send,
    flume::Receiver::into_stream
);
