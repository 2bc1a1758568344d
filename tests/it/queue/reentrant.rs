//! Wakers that use the queue on the spot when they are woken: no waiter that could proceed is forgotten.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use looplet::sync::Queue;
use proptest::prelude::*;

use crate::support::{Hand, calling, hand};

struct World {
    queue: Queue<u32>,
    getters: RefCell<Vec<Waiter>>,
    putters: RefCell<Vec<Waiter>>,
    /// What the next wakers do.
    script: RefCell<Vec<u8>>,
}

struct Waiter {
    _future: Hand<'static, ()>,
    is_woken: Rc<Cell<bool>>,
}

impl World {
    fn act(self: &Rc<Self>, action: u8) {
        match action {
            0 | 1 => drop(self.queue.try_put(1)),
            2 | 3 => drop(self.queue.try_get()),
            4 | 5 => {
                let queue = self.queue.clone();
                let get = async move {
                    let _ = queue.get().await;
                };
                self.wait(&self.getters, hand(get));
            }
            6 | 7 => {
                let queue = self.queue.clone();
                let put = async move {
                    let _ = queue.put(2).await;
                };
                self.wait(&self.putters, hand(put));
            }
            8 => self.drop_one(&self.getters),
            9 => self.drop_one(&self.putters),
            _ => self.queue.shutdown(),
        }
    }

    fn wait(self: &Rc<Self>, line: &RefCell<Vec<Waiter>>, mut future: Hand<'static, ()>) {
        let is_woken = Rc::new(Cell::new(false));
        let waker = calling({
            let (world, is_woken) = (Rc::clone(self), Rc::clone(&is_woken));
            move || {
                is_woken.set(true);
                let next = world.script.borrow_mut().pop();
                if let Some(action) = next {
                    world.act(action);
                }
            }
        });
        if future.poll_with(&waker).is_pending() {
            let _future = future;
            line.borrow_mut().push(Waiter { _future, is_woken });
        }
    }

    /// Drops one out of the middle.
    fn drop_one(&self, line: &RefCell<Vec<Waiter>>) {
        let mut waiters = line.borrow_mut();
        let at = waiters.len() / 2;
        let gone = (at < waiters.len()).then(|| waiters.remove(at));
        drop(waiters);
        drop(gone);
    }

    fn no_waiter_is_forgotten(&self) -> bool {
        let (len, is_shut) = (self.queue.len(), self.queue.is_shutdown());
        let room = self
            .queue
            .capacity()
            .map_or(usize::MAX, |bound| bound - len);
        let are_woken = |line: &RefCell<Vec<Waiter>>, count: usize| {
            let count = if is_shut { usize::MAX } else { count };
            line.borrow().iter().take(count).all(|w| w.is_woken.get())
        };
        are_woken(&self.getters, len) && are_woken(&self.putters, room)
    }
}

proptest! {
    #[test]
    fn no_waiter_is_forgotten_whatever_wakers_do(
        actions in prop::collection::vec(0u8..10, 1..60),
        script in prop::collection::vec(0u8..10, 0..60),
        ends in any::<bool>(),
    ) {
        let world = Rc::new(World {
            queue: Queue::bounded(2),
            getters: RefCell::default(),
            putters: RefCell::default(),
            script: RefCell::new(script),
        });
        for action in actions {
            world.act(action);
            prop_assert!(world.no_waiter_is_forgotten());
        }
        if ends {
            world.act(10);
            prop_assert!(world.no_waiter_is_forgotten());
        }
        // The wakers hold the world and the world holds their futures.
        let waiters = (world.getters.take(), world.putters.take());
        world.script.take();
        drop(waiters);
    }
}
