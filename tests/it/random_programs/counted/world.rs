//! What the programs share: a queue, locks and signals, and the counts that must come out even.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use looplet::{Barrier, Condition, Event, JoinHandle, Mutex, Queue, Semaphore, Task, sleep};

use super::counts::{Count, Line};
use super::program::Millis;

pub(crate) const CAPACITY: usize = 2;
pub(crate) const PERMITS: usize = 2;
pub(crate) const PARTIES: usize = 3;
/// Eggs for all getters that may still wait when the world closes.
const PLENTY: usize = 1_000_000;

/// An item of the queue. While it lives, so does its share of `World::items`.
pub(crate) struct Item {
    number: u32,
    _alive: Rc<()>,
}

pub(crate) struct World {
    queue: Queue<Item>,
    items: Rc<()>,
    made: Cell<u32>,
    accepted: RefCell<Vec<u32>>,
    received: RefCell<Vec<u32>>,
    putters: Count,
    getters: Count,

    mutex: Mutex<()>,
    holders: Count,
    lockers: Line,

    semaphore: Semaphore,
    guests: Count,
    outside: Count,

    pub(crate) event: Event,
    hopeful: Count,

    pot: Mutex<usize>,
    cooked: Condition,
    eggs: Cell<usize>,
    eaten: Cell<usize>,
    hungry: Count,

    barrier: Barrier,
    at_barrier: Count,

    /// Programs whose futures have not been dropped, whether they have begun or not.
    pub(crate) playing: Count,
    pub(crate) tasks: RefCell<Vec<Task>>,
    pub(crate) ended: Cell<usize>,
    is_closed: Cell<bool>,
}

pub(crate) async fn pause(millis: Millis) {
    sleep(Duration::from_millis(millis)).await;
}

impl World {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            queue: Queue::bounded(CAPACITY),
            items: Rc::new(()),
            made: Cell::new(0),
            accepted: RefCell::default(),
            received: RefCell::default(),
            putters: Count::default(),
            getters: Count::default(),
            mutex: Mutex::new(()),
            holders: Count::default(),
            lockers: Line::default(),
            semaphore: Semaphore::new(PERMITS),
            guests: Count::default(),
            outside: Count::default(),
            event: Event::new(),
            hopeful: Count::default(),
            pot: Mutex::new(0),
            cooked: Condition::new(),
            eggs: Cell::new(0),
            eaten: Cell::new(0),
            hungry: Count::default(),
            barrier: Barrier::new(PARTIES),
            at_barrier: Count::default(),
            playing: Count::default(),
            tasks: RefCell::default(),
            ended: Cell::new(0),
            is_closed: Cell::new(false),
        })
    }

    /// Watches a task: any other may cancel it, and it must end once.
    pub(crate) fn watch<T>(self: &Rc<Self>, handle: JoinHandle<T>) -> JoinHandle<T> {
        self.tasks.borrow_mut().push(handle.task());
        let world = self.clone();
        handle.on_done(move |_| world.ended.set(world.ended.get() + 1));
        handle
    }

    pub(crate) async fn put(&self) {
        let number = self.made.get();
        self.made.set(number + 1);
        let item = Item {
            number,
            _alive: self.items.clone(),
        };
        let waiting = self.putters.one();
        let outcome = self.queue.put(item).await;
        drop(waiting);
        match outcome {
            Ok(()) => self.accepted.borrow_mut().push(number),
            Err(refused) => assert_eq!(refused.0.number, number),
        }
    }

    pub(crate) async fn get(&self) {
        let waiting = self.getters.one();
        let item = self.queue.get().await;
        drop(waiting);
        if let Ok(item) = item {
            self.received.borrow_mut().push(item.number);
        }
    }

    pub(crate) async fn lock(&self, millis: Millis) {
        let place = self.lockers.stand();
        let guard = self.mutex.lock().await;
        place.leave_as_first();
        let holder = self.holders.one();
        assert_eq!(self.holders.get(), 1, "two hold the mutex");
        pause(millis).await;
        drop(holder);
        drop(guard);
    }

    pub(crate) async fn visit(&self, millis: Millis) {
        let waiting = self.outside.one();
        let _permit = self.semaphore.acquire().await;
        drop(waiting);
        let _guest = self.guests.one();
        assert!(self.guests.get() <= PERMITS, "more guests than permits");
        pause(millis).await;
    }

    pub(crate) async fn hope(&self) {
        let _waiting = self.hopeful.one();
        self.event.wait().await;
    }

    pub(crate) fn clear_event(&self) {
        if !self.is_closed.get() {
            self.event.clear();
        }
    }

    pub(crate) async fn cook(&self, millis: Millis) {
        let mut pot = self.pot.lock().await;
        pause(millis).await;
        *pot += 1;
        self.eggs.set(self.eggs.get() + 1);
        self.cooked.notify(1);
    }

    pub(crate) async fn eat(&self, millis: Millis) {
        let waiting = self.hungry.one();
        let pot = self.pot.lock().await;
        let mut pot = self.cooked.wait_while(pot, |eggs| *eggs == 0).await;
        drop(waiting);
        *pot -= 1;
        self.eaten.set(self.eaten.get() + 1);
        pause(millis).await;
    }

    pub(crate) async fn arrive(&self) {
        let _waiting = self.at_barrier.one();
        if let Ok(rank) = self.barrier.wait().await {
            assert!(rank < PARTIES);
        }
    }

    /// Whoever waits now waits for something that is not there.
    pub(crate) fn check_at_rest(&self) {
        assert!(self.getters.get() == 0 || self.queue.is_empty());
        assert!(self.putters.get() == 0 || self.queue.is_full());
        assert_eq!(self.lockers.len() + self.outside.get(), 0);
        assert!(self.hopeful.get() == 0 || !self.event.is_set());
        assert!(self.hungry.get() == 0 || self.eggs.get() == self.eaten.get());
        assert_eq!(self.at_barrier.get(), self.barrier.n_waiting());
        assert!(self.at_barrier.get() < PARTIES);
    }

    /// Gives all waiters what they wait for.
    pub(crate) async fn close(&self) {
        self.is_closed.set(true);
        self.queue.shutdown();
        self.event.set();
        self.barrier.abort();
        *self.pot.lock().await += PLENTY;
        self.eggs.set(self.eggs.get() + PLENTY);
        self.cooked.notify_all();
    }

    /// Everybody is gone: nothing is lost, nothing doubled, nothing taken along.
    pub(crate) fn check_at_the_end(&self) {
        assert_eq!(self.playing.get(), 0);
        let waiting = [&self.putters, &self.getters, &self.outside];
        assert_eq!(waiting.map(Count::get), [0; 3]);
        assert_eq!(self.lockers.len() + self.hopeful.get(), 0);
        assert_eq!(self.hungry.get() + self.at_barrier.get(), 0);
        assert_eq!(self.barrier.n_waiting(), 0);

        assert!(!self.mutex.is_locked());
        assert_eq!(self.semaphore.available(), PERMITS);
        let pot = self.pot.try_lock().expect("nobody holds the pot");
        assert_eq!(*pot, self.eggs.get() - self.eaten.get());

        assert_eq!(Rc::strong_count(&self.items), 1 + self.queue.len());
        let mut received = self.received.take();
        while let Ok(left) = self.queue.try_get() {
            received.push(left.number);
        }
        assert_eq!(received, self.accepted.take());
        assert_eq!(Rc::strong_count(&self.items), 1);
    }
}
