//! The waits and wakeups that an observer receives: for what a task waits, and what made it ready.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use looplet::{EventLoop, Queue, gather, sleep, spawn, spawn_named, yield_now};

use crate::support::observed::{observed, observed_with};

#[test]
fn other_threads_and_plain_calls_are_named_as_causes() {
    let (mut event_loop, log) = observed_with(EventLoop::builder());
    event_loop.block_on(async {
        let (sender, receiver) = looplet::oneshot();
        let waiter = spawn_named("by thread", async {
            let mut waker = None;
            poll_fn(|cx| match waker.replace(cx.waker().clone()) {
                None => {
                    let waker = cx.waker().clone();
                    thread::spawn(move || waker.wake());
                    Poll::Pending
                }
                Some(_) => Poll::Ready(()),
            })
            .await;
        });
        let called = spawn_named("by call", async { receiver.await.unwrap() });
        yield_now().await;
        looplet::call_soon(move || sender.send(()).unwrap());
        gather((waiter, called)).await.0.unwrap();
    });
    let log = log.take();
    let has = |line: &str| assert!(log.iter().any(|it| it == line), "{line}: {log:#?}");
    has("by thread waits for Elsewhere");
    has("by thread queued by OtherThread");
    has("by call waits for Message");
    has("by call queued by Call");
}

#[test]
fn another_thread_is_named_as_the_cause_of_a_wakeup_by_its_item_and_of_its_request_to_cancel() {
    let (mut event_loop, log) = observed();
    let remote = event_loop.remote();
    event_loop.block_on(async {
        let queue = Queue::unbounded();
        let to_queue = queue.remote();
        let getter = spawn_named("getter", async move { queue.get().await.unwrap() });
        yield_now().await;
        thread::spawn(move || to_queue.put(1).unwrap());
        getter.await.unwrap();
    });
    let handle = remote.spawn(pending::<()>).unwrap();
    event_loop.run_until_stalled();
    thread::spawn(move || handle.cancel()).join().unwrap();
    event_loop.run_until_stalled();
    let log = log.take();
    let has = |line: &str| assert!(log.iter().any(|it| it == line), "{line}: {log:#?}");
    has("getter queued by OtherThread");
    has("Task-2 queued by OtherThread");
}

#[test]
fn a_cancellation_from_outside_and_one_at_the_end_of_the_loop_are_not_a_timers() {
    let (mut event_loop, log) = observed();
    let task = event_loop.spawn(pending::<()>());
    event_loop.run_until_stalled();
    task.cancel();
    event_loop.spawn(pending::<()>()).detach();
    event_loop.run_until_stalled();
    event_loop.shutdown(Duration::ZERO);
    let mut log = log.take();
    log.retain(|line| line.contains("queued"));
    assert_eq!(
        log,
        ["Task-1 queued by Outside", "Task-2 queued by Outside"]
    );
}

#[test]
fn only_the_owner_of_the_waker_waits_for_a_handle() {
    let (mut event_loop, log) = observed();
    event_loop.block_on(async {
        let shelf = Rc::new(Cell::new(None));
        let copy = shelf.clone();
        let lender = poll_fn(move |cx| {
            copy.set(Some(cx.waker().clone()));
            Poll::<()>::Pending
        });
        spawn_named("lender", lender).detach();
        let mut awaited = spawn(pending::<()>());
        let borrower = poll_fn(move |_| {
            let waker: Waker = shelf.take().unwrap();
            Pin::new(&mut awaited).poll(&mut Context::from_waker(&waker))
        });
        spawn_named("borrower", borrower).detach();
        yield_now().await;
    });
    let log = log.take();
    assert!(
        log.contains(&"borrower waits for Elsewhere".into()),
        "{log:#?}"
    );
}

#[test]
fn every_primitive_says_what_it_makes_wait_for() {
    use std::future::Future;
    use std::pin::Pin;
    let queue = Queue::<u8>::bounded(1);
    queue.try_put(1).unwrap();
    let empty = Queue::<u8>::unbounded();
    let mutex = Rc::new(looplet::Mutex::new(()));
    let taken = mutex.clone();
    let semaphore = Rc::new(looplet::Semaphore::new(0));
    let event = Rc::new(looplet::Event::new());
    let barrier = Rc::new(looplet::Barrier::new(2));
    let group = looplet::task_group(async |group| {
        group.spawn(pending::<Result<(), ()>>()).detach();
        Ok(())
    });
    type Case = (&'static str, Pin<Box<dyn Future<Output = ()>>>);
    let cases: Vec<Case> = vec![
        ("QueuePut", {
            let queue = queue.clone();
            Box::pin(async move {
                let _ = queue.put(2).await;
            })
        }),
        ("QueueJoin", {
            let queue = queue.clone();
            Box::pin(async move { queue.join().await })
        }),
        (
            "QueueGet",
            Box::pin(async move {
                let _ = empty.get().await;
            }),
        ),
        ("Lock", Box::pin(async move { drop(mutex.lock().await) })),
        (
            "Lock",
            Box::pin(async move { drop(semaphore.acquire().await) }),
        ),
        ("Event", Box::pin(async move { event.wait().await })),
        (
            "Barrier",
            Box::pin(async move {
                let _ = barrier.wait().await;
            }),
        ),
        ("Result+Group", Box::pin(async move { drop(group.await) })),
        ("Forever", Box::pin(async { sleep(Duration::MAX).await })),
        (
            "Result+AnyOfMany",
            Box::pin(async { drop(looplet::as_completed([spawn(pending::<()>())]).next().await) }),
        ),
        (
            "Until+Result",
            Box::pin(async {
                drop(looplet::timeout(Duration::from_secs(9), spawn(pending::<()>())).await);
            }),
        ),
        ("Elsewhere", Box::pin(pending())),
    ];
    let (mut event_loop, log) = observed();
    event_loop.block_on(async {
        let _guard = taken.lock().await;
        for (wait, future) in cases {
            let task = spawn_named(wait, future);
            yield_now().await;
            yield_now().await;
            task.detach();
            let line = format!("{wait} waits for {wait}");
            assert!(log.take().contains(&line), "{line}");
        }
    });
}

#[test]
fn a_wait_is_reported_in_full_again_after_a_wakeup_for_nothing() {
    let (mut event_loop, log) = observed();
    event_loop.block_on(async {
        let waker = Rc::new(Cell::new(None));
        let kept = waker.clone();
        let waiter = spawn_named("waiter", async move {
            let child = looplet::timeout(Duration::from_secs(9), spawn(pending::<()>()));
            let mut child = std::pin::pin!(child);
            poll_fn(|cx| {
                kept.set(Some(cx.waker().clone()));
                child.as_mut().poll(cx).map(|_| ())
            })
            .await;
        });
        yield_now().await;
        yield_now().await;
        log.take();
        waker.take().unwrap().wake();
        yield_now().await;
        let line = "waiter waits for Until+Result".to_string();
        assert!(log.borrow().contains(&line), "{log:?}");
        drop(waiter);
    });
}
