//! What the tests of several subjects share: counting wakers, hand-polled futures, a crew of them, and hostile values; in
//! [`trace`], programs on a loop in virtual time; in [`process`], child processes; in [`hook`], the panic hook.
#![allow(dead_code)] // No test binary uses all of it.

#[cfg(feature = "timeline")]
pub(crate) mod film;
pub(crate) mod groups;
pub(crate) mod hook;
pub(crate) mod observed;
pub(crate) mod probes;
pub(crate) mod process;
pub(crate) mod trace;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// A waker that counts how often it was woken.
#[derive(Default)]
pub(crate) struct Wakes(AtomicUsize);

impl Wakes {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A future polled by hand.
pub(crate) struct Hand<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + 'a>>,
    wakes: Arc<Wakes>,
}

pub(crate) fn hand<'a, T>(future: impl Future<Output = T> + 'a) -> Hand<'a, T> {
    Hand {
        future: Box::pin(future),
        wakes: Arc::default(),
    }
}

impl<T> Hand<'_, T> {
    pub(crate) fn poll(&mut self) -> Poll<T> {
        let waker = Waker::from(Arc::clone(&self.wakes));
        self.poll_with(&waker)
    }

    pub(crate) fn poll_with(&mut self, waker: &Waker) -> Poll<T> {
        self.future.as_mut().poll(&mut Context::from_waker(waker))
    }

    /// Polls once more, which must finish it.
    #[track_caller]
    pub(crate) fn finish(&mut self) -> T {
        match self.poll() {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("the future is not ready"),
        }
    }

    /// Polls once more, which must not finish it.
    #[track_caller]
    pub(crate) fn wait(&mut self) {
        assert!(self.poll().is_pending(), "the future is ready");
    }

    pub(crate) fn wakes(&self) -> usize {
        self.wakes.count()
    }
}

type Boxed = Pin<Box<dyn Future<Output = ()>>>;

/// Futures that run in rounds, in the order in which they were woken, and can be dropped at any time.
#[derive(Default)]
pub(crate) struct Crew {
    members: RefCell<Vec<Option<Boxed>>>,
    ready: Arc<Mutex<VecDeque<usize>>>,
}

struct Member {
    index: usize,
    ready: Arc<Mutex<VecDeque<usize>>>,
}

impl Wake for Member {
    fn wake(self: Arc<Self>) {
        let mut ready = self.ready.lock().unwrap();
        if !ready.contains(&self.index) {
            ready.push_back(self.index);
        }
    }
}

impl Crew {
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + 'static) -> usize {
        let mut members = self.members.borrow_mut();
        members.push(Some(Box::pin(future)));
        self.ready.lock().unwrap().push_back(members.len() - 1);
        members.len() - 1
    }

    /// Drops a member at once.
    pub(crate) fn cancel(&self, index: usize) {
        let gone = self.members.borrow_mut()[index].take();
        drop(gone);
    }

    pub(crate) fn is_finished(&self, index: usize) -> bool {
        self.members.borrow()[index].is_none()
    }

    /// Polls those who are ready at the start.
    pub(crate) fn round(&self) {
        let now: Vec<_> = self.ready.lock().unwrap().drain(..).collect();
        for index in now {
            let Some(mut future) = self.members.borrow_mut()[index].take() else {
                continue;
            };
            let ready = Arc::clone(&self.ready);
            let waker = Waker::from(Arc::new(Member { index, ready }));
            if future
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
            {
                self.members.borrow_mut()[index] = Some(future);
            }
        }
    }

    /// Runs rounds until no task is ready.
    pub(crate) fn run(&self) {
        while !self.ready.lock().unwrap().is_empty() {
            self.round();
        }
    }
}

/// Notes in the order in which they were made.
#[derive(Clone, Default)]
pub(crate) struct Trace(Rc<RefCell<Vec<String>>>);

impl Trace {
    pub(crate) fn note(&self, text: impl ToString) {
        self.0.borrow_mut().push(text.to_string());
    }

    /// All notes so far, which are taken away.
    pub(crate) fn take(&self) -> Vec<String> {
        self.0.take()
    }
}

/// Counts its drops, and panics in the one with `fatal` set.
pub(crate) struct Droppy {
    pub(crate) fatal: bool,
    pub(crate) drops: Rc<Cell<usize>>,
}

impl Drop for Droppy {
    fn drop(&mut self) {
        self.drops.set(self.drops.get() + 1);
        assert!(!self.fatal, "a fatal drop");
    }
}

/// Lets all other ready tasks run first.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A waker that runs `f` on the spot when it is woken, to call back into what woke it.
pub(crate) fn calling(f: impl Fn() + 'static) -> Waker {
    thread_local!(static CALLS: RefCell<Vec<Rc<dyn Fn()>>> = const { RefCell::new(Vec::new()) });

    struct Call(usize);

    impl Wake for Call {
        fn wake(self: Arc<Self>) {
            let call = CALLS.with(|calls| Rc::clone(&calls.borrow()[self.0]));
            call();
        }
    }

    CALLS.with(|calls| {
        let mut calls = calls.borrow_mut();
        calls.push(Rc::new(f));
        Waker::from(Arc::new(Call(calls.len() - 1)))
    })
}

/// Whether `f` panicked, without the noise.
pub(crate) fn panics<R>(f: impl FnOnce() -> R) -> bool {
    panic_text(f).is_some()
}

/// What `f` panicked with.
pub(crate) fn panic_text<R>(f: impl FnOnce() -> R) -> Option<String> {
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
    let payload = result.err()?;
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    Some(
        text.or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_default(),
    )
}
