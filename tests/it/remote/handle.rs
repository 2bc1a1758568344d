//! `Remote` and its handles: results, errors, cancellation, order, and what becomes of them when the loop goes.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;
use std::sync::mpsc::{self, channel};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use looplet::{EventLoop, LoopGone, Remote, RemoteHandle};

use crate::support::{panic_text, panics};

fn is_shareable<T: Send + Sync + Clone>() {}
fn is_send<T: Send>() {}

/// Runs `thread` beside a loop that ends when the thread does.
fn beside<R: Send + 'static>(
    event_loop: &mut EventLoop,
    thread: impl FnOnce(Remote) -> R + Send + 'static,
) -> R {
    let remote = event_loop.remote();
    let spawner = event_loop.spawner();
    let thread = thread::spawn(move || {
        let result = thread(remote.clone());
        remote
            .call_soon(|| STOP.with(|stop| stop.take().unwrap().stop()))
            .unwrap();
        result
    });
    STOP.with(|stop| stop.replace(Some(spawner)));
    event_loop.run_forever();
    thread.join().unwrap()
}

thread_local!(static STOP: Cell<Option<looplet::Spawner>> = const { Cell::new(None) });

#[test]
fn the_traits_are_as_promised() {
    is_shareable::<Remote>();
    is_send::<RemoteHandle<Cell<u8>>>();
}

#[test]
fn a_thread_gets_the_result_the_panic_or_the_cancellation() {
    let mut event_loop = EventLoop::new();
    let results = beside(&mut event_loop, |remote| {
        let sum = remote.spawn(|| async {
            looplet::sleep(Duration::from_millis(1)).await;
            // A future that is not `Send`, made on the loop's thread.
            let rc = Rc::new(1);
            looplet::yield_now().await;
            *rc + 2
        });
        let failed = remote.spawn(|| async { panic!("Fail!") });
        let cancelled = remote.spawn(|| async {
            looplet::current_task().cancel();
            pending::<()>().await;
        });
        let early = remote.spawn(|| -> std::future::Ready<()> { panic!("in the closure") });
        (
            sum.unwrap().join(),
            failed.unwrap().join(),
            cancelled.unwrap().join(),
            early.unwrap().join(),
        )
    });
    assert_eq!(results.0.unwrap(), 3);
    let failed: Result<(), _> = results.1;
    let failed = failed.unwrap_err();
    assert!(failed.is_panic());
    assert_eq!(failed.to_string(), "task 'Task-2' panicked: Fail!");
    assert!(results.2.unwrap_err().is_cancelled());
    assert!(
        results
            .3
            .unwrap_err()
            .to_string()
            .contains("in the closure")
    );
}

#[test]
fn a_join_with_a_timeout_leaves_the_task_alone() {
    let mut event_loop = EventLoop::new();
    let joined = beside(&mut event_loop, |remote| {
        let mut task = remote.spawn(|| async { pending::<()>().await }).unwrap();
        let early = task.join_timeout(Duration::from_millis(1));
        assert!(early.is_none());
        assert!(task.cancel());
        (task.join_timeout(Duration::MAX), task.cancel())
    });
    assert!(joined.0.unwrap().unwrap_err().is_cancelled());
    assert!(!joined.1, "the task has finished");
}

#[test]
fn a_task_cancelled_before_the_loop_reaches_it_never_begins() {
    let mut event_loop = EventLoop::new();
    let (begun, ran) = (Arc::new(Barrier::new(2)), Arc::new(()));
    let witness = Arc::clone(&ran);
    let outcome = beside(&mut event_loop, move |remote| {
        let at_work = Arc::clone(&begun);
        remote
            .call_soon(move || {
                at_work.wait();
                at_work.wait();
            })
            .unwrap();
        begun.wait();
        let task = remote.spawn(move || async move { drop(witness) }).unwrap();
        let sent = task.cancel();
        begun.wait();
        (sent, task.join())
    });
    assert!(outcome.0 && outcome.1.unwrap_err().is_cancelled());
    assert_eq!(Arc::strong_count(&ran), 1, "the closure was dropped");
}

#[test]
fn calls_of_one_thread_keep_their_order_and_wake_a_sleeping_loop() {
    let mut event_loop = EventLoop::new();
    thread_local!(static SEEN: RefCell<Vec<(u8, u32)>> = const { RefCell::new(Vec::new()) });
    beside(&mut event_loop, |remote| {
        let threads = [1, 2].map(|id| {
            let remote = remote.clone();
            thread::spawn(move || {
                for n in 0..1000 {
                    remote
                        .call_soon(move || SEEN.with(|seen| seen.borrow_mut().push((id, n))))
                        .unwrap();
                }
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
    });
    let seen = SEEN.take();
    for id in [1, 2] {
        let of_one: Vec<_> = seen
            .iter()
            .filter(|seen| seen.0 == id)
            .map(|seen| seen.1)
            .collect();
        assert!(of_one.iter().copied().eq(0..1000));
    }
}

#[test]
fn a_panic_in_a_call_is_reported_and_the_loop_goes_on() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let reports = Rc::clone(&seen);
    let mut event_loop = EventLoop::builder()
        .on_unhandled_panic(move |task, error| {
            reports
                .borrow_mut()
                .push((task.map(|task| task.name().to_string()), error.to_string()));
        })
        .build();
    beside(&mut event_loop, |remote| {
        remote.call_soon(|| panic!("a bad call")).unwrap();
        // A later panic of a task that is not awaited, and one that was not read.
        drop(remote.spawn(|| async { panic!("detached") }).unwrap());
        let unread = remote.spawn(|| async { panic!("unread") }).unwrap();
        while remote.spawn(|| async {}).unwrap().join().is_err()
            || !format!("{unread:?}").contains("true")
        {}
        drop(unread);
        let read = remote.spawn(|| async { panic!("read") }).unwrap();
        assert!(read.join().unwrap_err().is_panic());
    });
    let seen = seen.borrow();
    assert!(seen[0].0.is_none() && seen[0].1.contains("a bad call"));
    let detached = (
        Some("Task-1".into()),
        "task 'Task-1' panicked: detached".into(),
    );
    let unread = (
        Some("Task-2".into()),
        "task 'Task-2' panicked: unread".into(),
    );
    assert_eq!(seen[1..], [detached, unread]);
}

#[test]
fn dropping_the_handle_detaches_the_task() {
    let mut event_loop = EventLoop::new();
    let (done, ended) = channel();
    beside(&mut event_loop, move |remote| {
        let task = remote.spawn(|| async move {
            looplet::yield_now().await;
            done.send(()).unwrap();
        });
        drop(task.unwrap());
        ended.recv().unwrap();
    });
}

#[test]
fn a_handle_can_be_awaited_on_another_loop_and_on_its_own() {
    let mut event_loop = EventLoop::new();
    let sum = beside(&mut event_loop, |remote| {
        let again = remote.clone();
        looplet::run(async move {
            let one = remote.spawn(|| async { 1 }).unwrap();
            let two = remote.spawn(|| async move {
                let inner = again.spawn(|| async { 2 }).unwrap();
                inner.await.unwrap()
            });
            one.await.unwrap() + two.unwrap().await.unwrap()
        })
    });
    assert_eq!(sum, 3);
}

#[test]
fn awaiting_a_handle_and_dropping_the_await_does_not_cancel() {
    let mut event_loop = EventLoop::new();
    let remote = event_loop.remote();
    event_loop.block_on(async move {
        let mut task = remote.spawn(|| async { looplet::sleep(Duration::from_millis(2)).await });
        let task = task.as_mut().unwrap();
        assert!(looplet::timeout(Duration::ZERO, &mut *task).await.is_err());
        task.await.unwrap();
    });
}

#[test]
fn joining_on_the_loops_own_thread_panics() {
    let event_loop = EventLoop::new();
    let task = event_loop.remote().spawn(|| async {}).unwrap();
    let text = panic_text(|| task.join()).unwrap();
    assert!(text.contains("the event loop's own thread"), "{text}");
}

#[test]
fn when_the_loop_goes_every_handle_tells_of_a_cancellation() {
    let mut event_loop = EventLoop::new();
    let remote = event_loop.remote();
    let waiting = remote.spawn(|| async { pending::<()>().await }).unwrap();
    event_loop.run_until_stalled();
    let unread = remote.spawn(|| async {}).unwrap();
    let (begun, begins) = channel();
    let thread = thread::spawn(move || {
        begun.send(()).unwrap();
        (waiting.join(), futures::executor::block_on(unread))
    });
    begins.recv().unwrap();
    drop(event_loop);
    let (waiting, unread) = thread.join().unwrap();
    assert!(waiting.unwrap_err().is_cancelled());
    assert!(unread.unwrap_err().is_cancelled());
    assert_eq!(remote.call_soon(|| ()), Err(LoopGone));
    assert!(remote.spawn(|| async {}).is_err());
}

#[test]
fn a_finished_result_survives_the_loop() {
    let mut event_loop = EventLoop::new();
    let task = event_loop.remote().spawn(|| async { "kept" }).unwrap();
    event_loop.run_until_stalled();
    drop(event_loop);
    assert!(!task.cancel());
    assert_eq!(task.join().unwrap(), "kept");
}

#[test]
fn messages_left_in_the_mailbox_are_dropped_on_the_owner_thread_whatever_their_destructors_do() {
    struct Bomb(mpsc::Sender<thread::ThreadId>, Remote);
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.send(thread::current().id()).unwrap();
            let _ = self.1.call_soon(|| ());
            panic!("a fatal drop");
        }
    }
    let event_loop = EventLoop::new();
    let remote = event_loop.remote();
    let (dropped, drops) = channel();
    for _ in 0..3 {
        let bomb = Bomb(dropped.clone(), remote.clone());
        remote.call_soon(move || drop(bomb)).unwrap();
    }
    let last = remote.spawn(|| async {}).unwrap();
    drop(event_loop);
    assert!(last.join().unwrap_err().is_cancelled());
    let owner = thread::current().id();
    assert_eq!(drops.try_iter().collect::<Vec<_>>(), [owner; 3]);
}

#[test]
fn senders_race_with_the_end_and_nothing_is_lost() {
    for round in 0..200 {
        let mut event_loop = EventLoop::new();
        let remote = event_loop.remote();
        let barrier = Arc::new(Barrier::new(3));
        let alive = Arc::new(());
        let threads = [(); 2].map(|()| {
            let (remote, barrier, alive) =
                (remote.clone(), Arc::clone(&barrier), Arc::clone(&alive));
            thread::spawn(move || {
                barrier.wait();
                while let Ok(task) = remote.spawn({
                    let alive = Arc::clone(&alive);
                    || async { drop(alive) }
                }) {
                    let _ = task.join();
                }
            })
        });
        barrier.wait();
        for _ in 0..round % 7 {
            event_loop.run_until_stalled();
        }
        drop(event_loop);
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}

#[test]
fn virtual_time_waits_for_a_remote_and_tells_of_a_deadlock_once_it_is_gone() {
    let mut event_loop = EventLoop::builder().virtual_time().build();
    let (remote, queue) = (event_loop.remote(), looplet::Queue::unbounded());
    let thread = thread::spawn(move || {
        let task = remote.spawn(|| async { looplet::sleep(Duration::from_secs(3600)).await });
        drop(remote);
        task.unwrap().join().unwrap();
    });
    let text = panic_text(|| event_loop.block_on(async { queue.get().await as Result<(), _> }));
    assert!(text.unwrap().starts_with("deadlock:"));
    thread.join().unwrap();
    assert!(panics(|| event_loop.block_on(pending::<()>())));
}

#[test]
fn a_sleeping_loop_is_notified_that_the_last_thread_that_could_wake_it_has_gone() {
    for _ in 0..20 {
        let mut event_loop = EventLoop::builder().virtual_time().build();
        let remote = event_loop.remote();
        let (ready, readies) = channel();
        let thread = thread::spawn(move || {
            readies.recv().unwrap();
            // Mostly while the loop sleeps; it need not be.
            drop(remote);
        });
        let main = async {
            ready.send(()).unwrap();
            pending::<()>().await;
        };
        assert!(panic_text(|| event_loop.block_on(main)).is_some());
        thread.join().unwrap();
    }
}

#[test]
fn the_panic_of_an_external_waker_does_no_harm() {
    struct Fatal;
    impl std::task::Wake for Fatal {
        fn wake(self: Arc<Self>) {
            panic!("a fatal waker");
        }
    }
    let reports = Rc::new(Cell::new(0));
    let count = Rc::clone(&reports);
    let mut event_loop = EventLoop::builder()
        .on_unhandled_panic(move |_, _| count.set(count.get() + 1))
        .build();
    let mut task = event_loop.remote().spawn(|| async { 1 }).unwrap();
    let waker = std::task::Waker::from(Arc::new(Fatal));
    let mut cx = std::task::Context::from_waker(&waker);
    assert!(std::pin::Pin::new(&mut task).poll(&mut cx).is_pending());
    event_loop.run_until_stalled();
    assert_eq!(reports.get(), 1);
    assert_eq!(futures::executor::block_on(task).unwrap(), 1);
}
