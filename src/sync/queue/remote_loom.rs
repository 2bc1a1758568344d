//! Every interleaving of threads that put into a queue from outside and of whoever empties the pipe: the code that ships,
//! with its lock and signal taken over by the model checker. See `task::remote_loom` for how to run it.
//!
//! The loop is a bell and a hand that empties the pipe, as `event_loop::remote_queue` does: what that one does beside is
//! done by one thread and is safe code.

use std::collections::VecDeque;
use std::sync::Arc;

use loom::thread;

use super::remote::{Left, Notify, Pipe, RemoteQueue};
use crate::lock::{Lock, Signal};

struct Unpark(Lock<bool>, Signal);

struct Ring(Arc<Unpark>);

impl Notify for Ring {
    fn announce(&self) {
        *self.0.0.lock() = true;
        self.0.1.notify_one();
    }

    fn is_owner(&self) -> bool {
        false
    }
}

/// The end of the pipe at the loop.
struct Hand {
    pipe: Arc<Pipe<u8>>,
    parker: Arc<Unpark>,
    got: Vec<u8>,
}

impl Hand {
    fn new(capacity: Option<usize>) -> Self {
        let parker = Arc::new(Unpark(Lock::new(false), Signal::new()));
        Self {
            pipe: Pipe::new(capacity, Box::new(Ring(parker.clone()))),
            parker,
            got: Vec::new(),
        }
    }

    fn remote(&self) -> RemoteQueue<u8> {
        RemoteQueue::new(&self.pipe)
    }

    fn sleep(&self) {
        let mut notified = self.parker.0.lock();
        while !*notified {
            notified = self.parker.1.wait(notified);
        }
        *notified = false;
    }

    /// Takes an item from the pipe, and comes again if more are left; whether anybody is left to put more.
    fn pump(&mut self, bound: usize) -> bool {
        let mut batch = VecDeque::new();
        let mut left = self.pipe.take(&mut batch, 1);
        if bound < usize::MAX {
            // What was taken fills the pipe until it has arrived.
            left = self.pipe.take(&mut batch, usize::MAX);
        }
        assert!(batch.len() <= bound, "too many on their way");
        let count = batch.len();
        self.got.extend(batch);
        self.pipe.arrived(count);
        if left == Left::Items {
            self.pipe.announce();
        }
        left != Left::Nobody
    }

    fn collect(&mut self, count: usize, bound: usize) {
        while self.got.len() < count {
            self.sleep();
            self.pump(bound);
        }
    }
}

fn check(preemptions: Option<usize>, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(preemptions);
    builder.check(model);
}

/// A thread that puts these, and how many of them were accepted.
fn putter(remote: RemoteQueue<u8>, items: &'static [u8]) -> thread::JoinHandle<usize> {
    thread::spawn(move || {
        let accepted = items.iter().filter(|item| remote.put(**item).is_ok());
        accepted.count()
    })
}

#[test]
fn loom_what_two_threads_put_arrives_in_each_ones_order() {
    check(Some(3), || {
        let mut hand = Hand::new(None);
        // The end of the last one would be told too.
        let _kept = hand.remote();
        let threads = [putter(hand.remote(), &[1, 2]), putter(hand.remote(), &[9])];
        hand.collect(3, usize::MAX);
        hand.got.retain(|item| *item != 9);
        assert_eq!(hand.got, [1, 2]);
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn loom_a_put_waits_for_room_and_gets_it() {
    check(Some(3), || {
        let mut hand = Hand::new(Some(1));
        let _kept = hand.remote();
        let threads = [putter(hand.remote(), &[1, 2]), putter(hand.remote(), &[3])];
        hand.collect(3, 1);
        assert_eq!(threads.map(|thread| thread.join().unwrap()), [2, 1]);
    });
}

#[test]
fn loom_a_shutdown_counts_what_was_accepted_and_refuses_the_rest() {
    check(None, || {
        let mut hand = Hand::new(Some(1));
        let thread = putter(hand.remote(), &[1, 2]);
        let on_their_way = hand.pipe.shut_down();
        assert_eq!(thread.join().unwrap(), on_their_way);
        hand.pump(1);
        assert_eq!(hand.got.len(), on_their_way);
    });
}

#[test]
fn loom_the_last_end_to_go_is_heard_of() {
    check(None, || {
        let mut hand = Hand::new(None);
        let thread = putter(hand.remote(), &[1]);
        loop {
            hand.sleep();
            if !hand.pump(usize::MAX) {
                break;
            }
        }
        assert_eq!(hand.got, [1]);
        thread.join().unwrap();
    });
}
