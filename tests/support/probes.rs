//! What shows whether everything is dropped, once, and where; and values that misbehave when they are.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;

use looplet::{Builder, EventLoop, sleep, spawn, yield_now};

use super::Droppy;

/// Calls `f` when it is dropped.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Counts what it has handed out and what of that was dropped, and whether that was on the thread it was made on.
#[derive(Clone)]
pub(crate) struct Ledger(Arc<Account>);

struct Account {
    owner: ThreadId,
    made: AtomicUsize,
    dropped: AtomicUsize,
    strayed: AtomicUsize,
}

/// One entry of a [`Ledger`].
pub(crate) struct Entry(Arc<Account>);

impl Default for Ledger {
    fn default() -> Self {
        Self(Arc::new(Account {
            owner: thread::current().id(),
            made: AtomicUsize::new(0),
            dropped: AtomicUsize::new(0),
            strayed: AtomicUsize::new(0),
        }))
    }
}

impl Ledger {
    pub(crate) fn entry(&self) -> Entry {
        self.0.made.fetch_add(1, Ordering::SeqCst);
        Entry(self.0.clone())
    }

    pub(crate) fn made(&self) -> usize {
        self.0.made.load(Ordering::SeqCst)
    }

    pub(crate) fn dropped(&self) -> usize {
        self.0.dropped.load(Ordering::SeqCst)
    }

    /// Everything was dropped, each once, on the owner thread.
    #[track_caller]
    pub(crate) fn settle(&self) {
        let strayed = self.0.strayed.load(Ordering::SeqCst);
        assert_eq!(strayed, 0, "dropped on another thread");
        assert_eq!(self.made(), self.dropped(), "made and dropped");
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
        if thread::current().id() != self.0.owner {
            self.0.strayed.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// A waker that panics when its last clone goes.
pub(crate) fn fragile_waker() -> Waker {
    struct Fragile;
    impl Wake for Fragile {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for Fragile {
        fn drop(&mut self) {
            panic!("the last clone of a waker");
        }
    }
    Waker::from(Arc::new(Fragile))
}

/// A panic payload that panics when it is dropped.
pub(crate) struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("a panic's payload");
    }
}

/// The unhandled panics that a loop has reported.
pub(crate) type Reports = Rc<RefCell<Vec<String>>>;

/// Makes the builder's loop note what it would report.
pub(crate) fn listening(builder: Builder) -> (EventLoop, Reports) {
    let reports = Reports::default();
    let list = reports.clone();
    let event_loop = builder
        .on_unhandled_panic(move |_, error| list.borrow_mut().push(error.to_string()))
        .build();
    (event_loop, reports)
}

/// A virtual loop that notes what it would report.
pub(crate) fn virtual_loop() -> (EventLoop, Reports) {
    listening(EventLoop::builder().virtual_time())
}

/// Panics when it is dropped, and says so in a count before.
pub(crate) fn fatal(drops: &Rc<Cell<usize>>) -> Droppy {
    let drops = drops.clone();
    Droppy { fatal: true, drops }
}

/// The same, for other threads.
pub(crate) fn fatal_anywhere(drops: &Arc<AtomicUsize>) -> OnDrop<impl FnMut() + Send + use<>> {
    let drops = drops.clone();
    OnDrop(move || {
        drops.fetch_add(1, Ordering::SeqCst);
        panic!("a fatal drop");
    })
}

/// The loop still does what loops do.
#[track_caller]
pub(crate) fn assert_alive(event_loop: &mut EventLoop) {
    let sum = event_loop.block_on(async {
        let other = spawn(async {
            sleep(Duration::from_secs(1)).await;
            1
        });
        yield_now().await;
        other.await.unwrap() + 1
    });
    assert_eq!(sum, 2);
}
