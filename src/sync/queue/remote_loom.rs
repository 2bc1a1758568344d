//! Every interleaving of threads that put into a pipe and the thread that empties it: the code that ships, with its
//! lock and signal replaced by the model checker's. See `task::remote_loom` for how to run it.
//!
//! The loop is modelled by a parker and a consumer that empties the pipe, as `remote::queue` does: the rest of that
//! module runs on one thread and is safe code.

use std::collections::VecDeque;
use std::sync::Arc;

use loom::thread;

use super::remote::{Left, Notify, Pipe, RemoteQueue};
use crate::lock::{Lock, Signal};

struct Parker(Lock<bool>, Signal);

struct ParkerNotifier(Arc<Parker>);

impl Notify for ParkerNotifier {
    fn announce(&self) {
        *self.0.0.lock() = true;
        self.0.1.notify_one();
    }

    fn is_owner(&self) -> bool {
        false
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
        Self {
            pipe: Pipe::new(capacity, Box::new(ParkerNotifier(parker.clone()))),
            parker,
            got: Vec::new(),
        }
    }

    fn remote(&self) -> RemoteQueue<u8> {
        RemoteQueue::new(&self.pipe)
    }

    fn park(&self) {
        let mut notified = self.parker.0.lock();
        while !*notified {
            notified = self.parker.1.wait(notified);
        }
        *notified = false;
    }

    /// Takes items from the pipe, and requests another run if more are left. Returns whether items or senders are left.
    fn pump(&mut self, bound: usize) -> bool {
        let mut batch = VecDeque::new();
        let mut left = self.pipe.take(&mut batch, 1);
        if bound < usize::MAX {
            // Taken items count against the bound until they have arrived.
            left = self.pipe.take(&mut batch, usize::MAX);
        }
        assert!(batch.len() <= bound, "too many on their way");
        let count = batch.len();
        self.got.extend(batch);
        self.pipe.arrived(count);
        if left == Left::Items {
            self.pipe.announce();
        }
        left != Left::NoSender
    }

    fn collect(&mut self, count: usize, bound: usize) {
        while self.got.len() < count {
            self.park();
            self.pump(bound);
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
        consumer.collect(3, usize::MAX);
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
        consumer.collect(3, 1);
        assert_eq!(threads.map(|thread| thread.join().unwrap()), [2, 1]);
    });
}

#[test]
fn loom_a_shutdown_counts_what_was_accepted_and_refuses_the_rest() {
    check(None, || {
        let mut consumer = Consumer::new(Some(1));
        let thread = putter(consumer.remote(), &[1, 2]);
        let in_flight = consumer.pipe.shut_down();
        assert_eq!(thread.join().unwrap(), in_flight);
        consumer.pump(1);
        assert_eq!(consumer.got.len(), in_flight);
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
