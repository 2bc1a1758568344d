//! All operations of the loop's local path, each in a task of its own: `.ci/hot_path` checks the machine code.
//!
//! It measures no times: `cargo bench --bench hot_path` only shows that it runs.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use looplet::{Mutex, Queue, call_soon, run, sleep, spawn, yield_now};

fn main() {
    let n = black_box(100);
    run(async move {
        let tasks = [
            spawn(yields(n)),
            spawn(wakes(n)),
            spawn(spawns(n)),
            spawn(cancels(n)),
            spawn(timers(n)),
            spawn(bounded(n)),
            spawn(unbounded(n)),
            spawn(locks(n)),
            spawn(calls(n)),
        ];
        for task in tasks {
            task.await.expect("no part of the path fails");
        }
    });
    println!("all of the local path has been walked");
}

async fn yields(n: u64) {
    for _ in 0..n {
        yield_now().await;
    }
}

/// A place for one waker; the clone, the wakeup by value and the drop of a waker.
#[derive(Default)]
struct Signal {
    is_set: Cell<bool>,
    waker: Cell<Option<Waker>>,
}

impl Signal {
    fn set(&self) {
        self.is_set.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

struct Received<'a>(&'a Signal);

impl Future for Received<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.is_set.take() {
            return Poll::Ready(());
        }
        drop(self.0.waker.replace(Some(cx.waker().clone())));
        Poll::Pending
    }
}

async fn wakes(n: u64) {
    let (ping, pong) = (Rc::new(Signal::default()), Rc::new(Signal::default()));
    let (received, answer) = (ping.clone(), pong.clone());
    let echo = spawn(async move {
        for _ in 0..n {
            Received(&received).await;
            answer.set();
        }
    });
    for _ in 0..n {
        ping.set();
        Received(&pong).await;
    }
    let _ = echo.await;
}

async fn spawns(n: u64) {
    for i in 0..n {
        assert_eq!(spawn(async move { i }).await.ok(), Some(i));
        spawn(async move { black_box(i) }).detach();
        yield_now().await;
    }
}

async fn cancels(n: u64) {
    for _ in 0..n {
        let task = spawn(pending::<()>());
        yield_now().await;
        task.cancel();
        assert!(task.await.is_err());
    }
}

async fn timers(n: u64) {
    for i in 0..n {
        let mut sleep = pin!(sleep(Duration::from_secs(3600)));
        poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx).is_ready())).await;
        if i % 50 == 0 {
            looplet::sleep(Duration::from_micros(1)).await;
        }
    }
}

async fn bounded(n: u64) {
    let queue = Queue::bounded(1);
    let inlet = queue.clone();
    let producer = spawn(async move {
        for i in 0..n {
            let _ = inlet.put(i).await;
        }
    });
    for i in 0..n {
        assert_eq!(queue.get().await, Ok(i));
    }
    let _ = producer.await;
}

async fn unbounded(n: u64) {
    let queue = Queue::unbounded();
    for i in 0..n {
        let _ = queue.put(i).await;
        assert_eq!(queue.get().await, Ok(i));
    }
}

async fn locks(n: u64) {
    let mutex = Rc::new(Mutex::new(0));
    let other = mutex.clone();
    let rival = spawn(async move {
        for _ in 0..n {
            let mut count = other.lock().await;
            yield_now().await;
            *count += 1;
        }
    });
    for _ in 0..n {
        *mutex.lock().await += 1;
        yield_now().await;
    }
    let _ = rival.await;
    assert_eq!(*mutex.lock().await, 2 * n);
}

async fn calls(n: u64) {
    for i in 0..n {
        let _ = call_soon(move || _ = black_box(i));
        yield_now().await;
    }
}
