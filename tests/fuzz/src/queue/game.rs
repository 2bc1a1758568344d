//! Random moves at a queue and its model.

use std::rc::Rc;
use std::task::Poll;

use looplet::{PutError, TryGetError, TryPutError};

use super::kind::{Boxed, Item, Kind, Name};
use super::model::Model;
use super::waiter::{Getting, Waiter};
use crate::bytes::Bytes;

pub(super) struct Game<K> {
    queue: K,
    model: Model,
    /// In the order of their lines.
    getters: Vec<Waiter<Getting>>,
    putters: Vec<Putter>,
    joiners: Vec<Joiner>,
    /// Streams that stand in no line.
    idle: Vec<Waiter<Getting>>,
    next: u32,
    items: Rc<()>,
}

struct Putter {
    waiter: Waiter<Boxed<Result<(), PutError<Item>>>>,
    name: Name,
}

struct Joiner {
    waiter: Waiter<Boxed<()>>,
    /// All was done at some time since it began to wait.
    may_go: bool,
}

/// Takes the one that the input names out of a line, or out of those beside it.
fn draw<T>(line: &mut Vec<T>, bytes: &mut Bytes<'_>) -> Option<T> {
    let at = bytes.below(256);
    (!line.is_empty()).then(|| line.remove(at % line.len()))
}

impl<K: Kind> Game<K> {
    pub(super) fn new(capacity: Option<usize>) -> Self {
        Self {
            queue: K::new(capacity),
            model: Model::new(K::ORDER, capacity),
            getters: Vec::new(),
            putters: Vec::new(),
            joiners: Vec::new(),
            idle: Vec::new(),
            next: 0,
            items: Rc::new(()),
        }
    }

    pub(super) fn step(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.byte() % 28 {
            0..=3 => self.put(bytes),
            4..=6 => self.get(Waiter::new(Getting::Once(self.queue.get()))),
            7 => self.get(Waiter::new(Getting::Stream(self.queue.stream()))),
            8 | 9 => self.try_put(bytes),
            10 | 11 => self.try_get(),
            12 | 13 => self.poll_a_getter(bytes),
            14 | 15 => self.poll_a_putter(bytes),
            16 => self.poll_idle(bytes),
            17 | 18 => drop(draw(&mut self.getters, bytes)),
            19 | 20 => drop(draw(&mut self.putters, bytes)),
            21 => drop(draw(&mut self.idle, bytes)),
            22 => self.task_done(),
            23 => self.join(),
            24 => self.poll_a_joiner(bytes),
            25 => drop(draw(&mut self.joiners, bytes)),
            26 => self.run(),
            _ => self.shut_down(bytes),
        }
    }

    fn item(&mut self, bytes: &mut Bytes<'_>) -> Item {
        let name = Name {
            priority: bytes.byte() % 8,
            number: self.next,
        };
        self.next += 1;
        Item {
            name,
            _alive: Rc::clone(&self.items),
        }
    }

    fn put(&mut self, bytes: &mut Bytes<'_>) {
        let item = self.item(bytes);
        let name = item.name;
        let (room, is_shut) = (self.model.room(), self.model.is_shut);
        let mut putter = Putter {
            waiter: Waiter::new(self.queue.put(item)),
            name,
        };
        match putter.waiter.poll(false) {
            Poll::Ready(result) => self.was_put(name, result),
            Poll::Pending => {
                assert!(room == 0 && !is_shut);
                self.putters.push(putter);
            }
        }
    }

    fn was_put(&mut self, name: Name, result: Result<(), PutError<Item>>) {
        assert_eq!(result.is_err(), self.model.is_shut);
        match result {
            Ok(()) => self.model.push(name),
            Err(refused) => assert_eq!(refused.0.name, name),
        }
    }

    /// Polls a getter that stands in no line.
    fn get(&mut self, mut getter: Waiter<Getting>) {
        match getter.poll(false) {
            Poll::Ready(item) => self.was_taken(getter, item),
            Poll::Pending => {
                assert!(self.model.len() == 0 && !self.model.is_shut);
                self.getters.push(getter);
            }
        }
    }

    fn was_taken(&mut self, getter: Waiter<Getting>, item: Option<Item>) {
        let expected = self.model.pop();
        assert_eq!(item.map(|item| item.name), expected);
        assert!(expected.is_some() || self.model.is_shut);
        if getter.is_stream() {
            self.idle.push(getter);
        }
    }

    fn try_put(&mut self, bytes: &mut Bytes<'_>) {
        let item = self.item(bytes);
        let name = item.name;
        match self.queue.try_put(item) {
            Ok(()) => self.model.push(name),
            Err(TryPutError::Full(refused)) => {
                assert!(self.model.room() == 0 && !self.model.is_shut);
                assert_eq!(refused.name, name);
            }
            Err(TryPutError::Closed(refused)) => {
                assert!(self.model.is_shut);
                assert_eq!(refused.name, name);
            }
        }
    }

    fn try_get(&mut self) {
        let none = if self.model.is_shut {
            TryGetError::Closed
        } else {
            TryGetError::Empty
        };
        let taken = self.queue.try_get().map(|item| item.name);
        assert_eq!(taken, self.model.pop().ok_or(none));
    }

    fn poll_a_getter(&mut self, bytes: &mut Bytes<'_>) {
        let (at, is_moved) = (bytes.below(16), bytes.below(4) == 0);
        if at < self.getters.len() {
            self.poll_getter(at, is_moved);
        }
    }

    /// Whether it waits on.
    fn poll_getter(&mut self, at: usize, is_moved: bool) -> bool {
        let may_go = at < self.model.len() || self.model.is_shut;
        let outcome = self.getters[at].poll(is_moved);
        assert_eq!(outcome.is_ready(), may_go, "getter {at} of a line");
        if let Poll::Ready(item) = outcome {
            let getter = self.getters.remove(at);
            self.was_taken(getter, item);
        }
        !may_go
    }

    fn poll_a_putter(&mut self, bytes: &mut Bytes<'_>) {
        let (at, is_moved) = (bytes.below(16), bytes.below(4) == 0);
        if at < self.putters.len() {
            self.poll_putter(at, is_moved);
        }
    }

    /// Whether it waits on.
    fn poll_putter(&mut self, at: usize, is_moved: bool) -> bool {
        let may_go = at < self.model.room() || self.model.is_shut;
        let outcome = self.putters[at].waiter.poll(is_moved);
        assert_eq!(outcome.is_ready(), may_go, "putter {at} of a line");
        if let Poll::Ready(result) = outcome {
            let putter = self.putters.remove(at);
            self.was_put(putter.name, result);
        }
        !may_go
    }

    fn poll_idle(&mut self, bytes: &mut Bytes<'_>) {
        if let Some(stream) = draw(&mut self.idle, bytes) {
            self.get(stream);
        }
    }

    fn task_done(&mut self) {
        if self.model.unfinished > 0 {
            self.queue.task_done();
            self.model.unfinished -= 1;
        }
    }

    fn join(&mut self) {
        let mut waiter = Waiter::new(self.queue.join());
        let is_done = self.model.unfinished == 0;
        assert_eq!(waiter.poll(false).is_ready(), is_done);
        if !is_done {
            self.joiners.push(Joiner {
                waiter,
                may_go: false,
            });
        }
    }

    fn poll_a_joiner(&mut self, bytes: &mut Bytes<'_>) {
        if let Some(mut joiner) = draw(&mut self.joiners, bytes) {
            let outcome = joiner.waiter.poll(bytes.below(4) == 0);
            assert_eq!(outcome.is_ready(), joiner.may_go);
            if outcome.is_pending() {
                self.joiners.push(joiner);
            }
        }
    }

    /// Polls all that were woken, as a loop does, until none is.
    fn run(&mut self) {
        while let Some(at) = self.getters.iter().position(Waiter::is_woken) {
            self.poll_getter(at, false);
        }
        while let Some(at) = self
            .putters
            .iter()
            .position(|putter| putter.waiter.is_woken())
        {
            self.poll_putter(at, false);
        }
    }

    fn shut_down(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.byte() % 8 {
            0 => self.queue.shutdown(),
            1 => {
                self.queue.shutdown_now();
                self.model.discard();
            }
            // It would be over too soon.
            _ => return,
        }
        self.model.is_shut = true;
    }

    /// What holds between any two moves.
    pub(super) fn check(&mut self) {
        let Self {
            queue,
            model,
            getters,
            putters,
            joiners,
            ..
        } = self;
        let (gets, puts) = if model.is_shut {
            (usize::MAX, usize::MAX)
        } else {
            (model.len(), model.room())
        };
        assert!(
            getters.iter().take(gets).all(Waiter::is_woken),
            "a getter was forgotten"
        );
        assert!(
            putters
                .iter()
                .take(puts)
                .all(|putter| putter.waiter.is_woken()),
            "a putter was forgotten"
        );
        for joiner in joiners {
            joiner.may_go |= model.unfinished == 0;
            assert!(
                !joiner.may_go || joiner.waiter.is_woken(),
                "a joiner was forgotten"
            );
        }
        assert_eq!(queue.len(), model.len());
        assert_eq!(queue.is_full(), model.is_full());
        assert_eq!(queue.is_shutdown(), model.is_shut);
        // Each item is in the queue or in the hands of a putter.
        assert_eq!(
            Rc::strong_count(&self.items) - 1,
            model.len() + putters.len()
        );
    }

    /// Everybody leaves, and what is in the queue goes with it.
    pub(super) fn end(mut self) {
        self.run();
        self.check();
        self.getters.clear();
        self.putters.clear();
        self.joiners.clear();
        self.check();
        let items = self.items.clone();
        drop(self);
        assert_eq!(Rc::strong_count(&items), 1);
    }
}
