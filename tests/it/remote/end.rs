//! A loop that ends while other threads go on sending: it refuses what is new first, and its end does not wait for them.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::Duration;

use crate::support::panic_text;
use crate::support::probes::OnDrop;
use looplet::sync::TryPutError;
use looplet::{EventLoop, LoopGone, NoDump, Queue, Remote, now, sleep, spawn_blocking};

const SECOND: Duration = Duration::from_secs(1);

/// How a loop ends. What has to be dropped is dropped in each.
const ENDS: [fn(EventLoop); 3] = [
    drop,
    |event_loop| event_loop.shutdown(Duration::ZERO),
    |event_loop| event_loop.shutdown(Duration::from_millis(1)),
];

/// Spawns a task that waits for ever, and is there to call this when it is dropped.
fn at_the_end(event_loop: &mut EventLoop, f: impl FnMut() + 'static) {
    let hold = OnDrop(f);
    let waits = async move {
        let _hold = hold;
        pending::<()>().await;
    };
    event_loop.spawn(waits).detach();
    event_loop.run_until_stalled();
}

/// Spawns tasks until the loop is gone.
fn spawn_for_ever(remote: &Remote, alive: &Arc<()>) {
    loop {
        // The memory of the machine has a bound.
        if Arc::strong_count(alive) > 50_000 {
            thread::yield_now();
            continue;
        }
        let alive = Arc::clone(alive);
        if remote.spawn(|| async { drop(alive) }).is_err() {
            return;
        }
    }
}

#[test]
fn the_end_comes_though_two_threads_never_stop_spawning() {
    for end in ENDS {
        let mut event_loop = EventLoop::new();
        at_the_end(&mut event_loop, || ());
        let (alive, (begun, begins)) = (Arc::new(()), channel());
        let threads = [(); 2].map(|()| {
            let (remote, alive, begun) = (event_loop.remote(), alive.clone(), begun.clone());
            thread::spawn(move || {
                remote.call_soon(|| ()).unwrap();
                begun.send(()).unwrap();
                spawn_for_ever(&remote, &alive);
            })
        });
        begins.iter().take(2).for_each(drop);
        end(event_loop);
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}

#[test]
fn the_end_comes_though_a_job_on_another_thread_never_stops_spawning() {
    let mut event_loop = EventLoop::new();
    let (remote, alive) = (event_loop.remote(), Arc::new(()));
    let spawned = alive.clone();
    event_loop.block_on(async {
        spawn_blocking(move || spawn_for_ever(&remote, &spawned)).detach();
    });
    drop(event_loop);
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn the_end_comes_though_threads_never_stop_asking_and_cancelling() {
    let mut event_loop = EventLoop::new();
    let (begun, begins) = channel();
    let threads = [(); 2].map(|()| {
        let (remote, begun) = (event_loop.remote(), begun.clone());
        thread::spawn(move || {
            let task = remote.spawn(pending::<()>).unwrap();
            begun.send(()).unwrap();
            while !matches!(remote.dump(), Err(NoDump::LoopGone)) {
                task.cancel();
            }
        })
    });
    begins.iter().take(2).for_each(drop);
    event_loop.run_until_stalled();
    drop(event_loop);
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Sends a message with another one of these when it is dropped; notes what became of it, and where.
struct Again {
    remote: Remote,
    sender: Sender<(bool, ThreadId)>,
}

thread_local!(static SENDING: Cell<usize> = const { Cell::new(0) });

impl Drop for Again {
    fn drop(&mut self) {
        // Not in one that was refused and is dropped by the sender; and no test lasts for ever.
        if SENDING.get() % 2 == 1 || SENDING.get() > 10_000 {
            return;
        }
        SENDING.set(SENDING.get() + 1);
        let next = Self {
            remote: self.remote.clone(),
            sender: self.sender.clone(),
        };
        let sent = self.remote.call_soon(move || drop(next)).is_ok();
        self.sender.send((sent, thread::current().id())).unwrap();
        SENDING.set(SENDING.get() + 1);
    }
}

#[test]
fn the_end_comes_though_each_message_that_is_dropped_sends_another_one() {
    let event_loop = EventLoop::new();
    let remote = event_loop.remote();
    let (sender, receiver) = channel();
    let first = Again {
        remote: remote.clone(),
        sender,
    };
    remote.call_soon(move || drop(first)).unwrap();
    drop(event_loop);
    let owner = thread::current().id();
    assert_eq!(receiver.recv(), Ok((false, owner)));
    assert_eq!(receiver.iter().count(), 0);
}

#[test]
fn what_is_new_is_refused_from_the_moment_the_end_begins() {
    for end in ENDS {
        let mut event_loop = EventLoop::new();
        let (remote, refused) = (event_loop.remote(), Rc::new(Cell::new(0)));
        let count = refused.clone();
        at_the_end(&mut event_loop, move || {
            let asker = remote.clone();
            let thread = thread::spawn(move || {
                let here = thread::current().id();
                let (dropped, drops) = channel();
                let hold = || {
                    let dropped = dropped.clone();
                    OnDrop(move || dropped.send(thread::current().id()).unwrap())
                };
                let (one, other) = (hold(), hold());
                assert_eq!(asker.call_soon(move || drop(one)), Err(LoopGone));
                assert!(asker.spawn(move || async { drop(other) }).is_err());
                assert_eq!(drops.try_iter().collect::<Vec<_>>(), [here; 2]);
            });
            thread.join().unwrap();
            count.set(count.get() + 1);
        });
        end(event_loop);
        assert_eq!(refused.get(), 1);
    }
}

#[test]
fn a_shutdown_still_takes_what_comes_during_its_grace() {
    let event_loop = EventLoop::builder().virtual_time().build();
    let remote = event_loop.remote();
    let (sender, receiver) = channel();
    event_loop
        .spawn(async move {
            let start = now();
            for _ in 0..10 {
                sleep(SECOND).await;
                let sender = sender.clone();
                let task = remote.spawn(move || async move { sender.send(now() - start).unwrap() });
                task.unwrap().await.unwrap();
            }
        })
        .detach();
    event_loop.shutdown(3 * SECOND + SECOND / 2);
    let seconds: Vec<_> = receiver.iter().collect();
    assert_eq!(seconds, [SECOND, 2 * SECOND, 3 * SECOND]);
}

#[test]
fn a_remote_queue_refuses_from_the_moment_the_end_begins_and_frees_who_waits_for_room() {
    for end in ENDS {
        let mut event_loop = EventLoop::new();
        let queue = Queue::bounded(1);
        let remote = event_loop.block_on(async { queue.remote() });
        let (putter, (begun, begins)) = (remote.clone(), channel());
        let thread: JoinHandle<_> = thread::spawn(move || {
            let accepted = (0..).take_while(|n| {
                begun.send(()).unwrap();
                putter.put(*n).is_ok()
            });
            accepted.count()
        });
        // One is in the queue, one on its way, and the next one waits.
        begins.iter().take(2).for_each(drop);
        let (thread, late) = (Cell::new(Some(thread)), remote.clone());
        let (sender, receiver) = channel();
        at_the_end(&mut event_loop, move || {
            let refused = late.try_put(9) == Err(TryPutError::Closed(9));
            let thread = thread.take().unwrap();
            // It would wait for ever otherwise.
            let accepted = refused.then(|| thread.join().unwrap());
            sender.send(accepted).unwrap();
        });
        end(event_loop);
        assert!(matches!(receiver.recv(), Ok(Some(1..))));
        assert!(remote.try_put(9).is_err());
    }
}

#[test]
fn a_message_that_waits_for_another_one_when_it_is_dropped_panics_and_the_end_comes() {
    let event_loop = EventLoop::new();
    let remote = event_loop.remote();
    let (sender, receiver) = channel();
    let last = Arc::new(std::sync::Mutex::new(None));
    let other = last.clone();
    let hold = OnDrop(move || {
        let handle: looplet::RemoteHandle<()> = other.lock().unwrap().take().unwrap();
        sender.send(panic_text(|| handle.join())).unwrap();
    });
    remote.call_soon(move || drop(hold)).unwrap();
    *last.lock().unwrap() = Some(remote.spawn(|| async {}).unwrap());
    drop(event_loop);
    let text = receiver.recv().unwrap().unwrap();
    assert!(text.contains("the event loop's own thread"), "{text}");
}

#[test]
fn what_was_accepted_before_the_end_is_notified_of_it() {
    for end in ENDS {
        let event_loop = EventLoop::new();
        let remote = event_loop.remote();
        let tasks: Vec<_> = (0..1000)
            .map(|_| remote.spawn(pending::<()>).unwrap())
            .collect();
        end(event_loop);
        for task in tasks {
            assert!(task.join().unwrap_err().is_cancelled());
        }
    }
}
