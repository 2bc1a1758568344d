//! Every interleaving of threads that put into a pipe and the thread that empties it: the code that ships, with its
//! lock and signal replaced by the model checker's. See `task::remote_loom` for how to run it.
//!
//! The loop is modelled by a parker and a consumer that empties the pipe, as `transfer` does: the rest of that module
//! runs on one thread and is safe code.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Wake, Waker};

use loom::thread;

use super::remote::{Left, Pipe, RemoteQueue};
use crate::lock::{Lock, Signal};

struct Parker(Lock<bool>, Signal);

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        *self.0.lock() = true;
        self.1.notify_one();
    }
}

/// The loop's end of the pipe.
struct Consumer {
    pipe: Arc<Pipe<u8>>,
    parker: Arc<Parker>,
    got: Vec<u8>,
}

impl Consumer {
    fn new(capacity: Option<usize>) -> Self {
        let parker = Arc::new(Parker(Lock::new(false), Signal::new()));
        let pipe = Arc::new(Pipe::new(capacity, 0, drop));
        assert!(pipe.needs_receiver() && !pipe.needs_receiver());
        pipe.listen(Waker::from(parker.clone()));
        Self {
            pipe,
            parker,
            got: Vec::new(),
        }
    }

    fn remote(&self) -> RemoteQueue<u8> {
        RemoteQueue::new(self.pipe.clone())
    }

    fn park(&self) {
        let mut notified = self.parker.0.lock();
        while !*notified {
            notified = self.parker.1.wait(notified);
        }
        *notified = false;
    }

    /// Takes items from the pipe, and runs again if more are left. Returns whether items or senders are left.
    fn pump(&mut self, most: usize) -> bool {
        let (mut batch, waker) = (VecDeque::new(), Waker::from(self.parker.clone()));
        let left = self.pipe.take(&mut batch, most, &waker);
        self.got.extend(batch);
        if left == Left::Items {
            waker.wake();
        }
        left != Left::NoSender
    }

    fn collect(&mut self, count: usize) {
        while self.got.len() < count {
            self.park();
            self.pump(1);
        }
    }
}

fn check(preemptions: Option<usize>, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(preemptions);
    builder.check(model);
}

/// Spawns a thread that puts the items and returns how many were accepted.
fn putter(remote: RemoteQueue<u8>, items: &'static [u8]) -> thread::JoinHandle<usize> {
    thread::spawn(move || {
        let accepted = items.iter().filter(|item| remote.put(**item).is_ok());
        accepted.count()
    })
}

#[test]
fn loom_what_two_threads_put_arrives_in_each_ones_order() {
    check(Some(3), || {
        let mut consumer = Consumer::new(None);
        // Keeps the drop of the last sender from notifying.
        let _kept = consumer.remote();
        let threads = [
            putter(consumer.remote(), &[1, 2]),
            putter(consumer.remote(), &[9]),
        ];
        consumer.collect(3);
        consumer.got.retain(|item| *item != 9);
        assert_eq!(consumer.got, [1, 2]);
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn loom_a_put_waits_for_room_and_gets_it() {
    check(Some(3), || {
        let mut consumer = Consumer::new(Some(1));
        let _kept = consumer.remote();
        let threads = [
            putter(consumer.remote(), &[1, 2]),
            putter(consumer.remote(), &[3]),
        ];
        consumer.collect(3);
        assert_eq!(threads.map(|thread| thread.join().unwrap()), [2, 1]);
    });
}

#[test]
fn loom_a_shutdown_counts_what_was_accepted_and_refuses_the_rest() {
    check(None, || {
        let mut consumer = Consumer::new(Some(1));
        let thread = putter(consumer.remote(), &[1, 2]);
        let is_in_flight = consumer.pipe.shut_down(false);
        let accepted = thread.join().unwrap();
        assert_eq!(is_in_flight, accepted > 0);
        consumer.pump(1);
        assert_eq!(consumer.got.len(), accepted);
    });
}

#[test]
fn loom_the_drop_of_the_last_sender_is_notified() {
    check(None, || {
        let mut consumer = Consumer::new(None);
        let thread = putter(consumer.remote(), &[1]);
        loop {
            consumer.park();
            if !consumer.pump(usize::MAX) {
                break;
            }
        }
        assert_eq!(consumer.got, [1]);
        thread.join().unwrap();
    });
}
