//! The threads that wake, and what they are asked to do.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fastrand::Rng;
use looplet::{Remote, RemoteQueue};

use crate::roll::{Luggage, Piece, Roll};

/// Wakers that any thread may take.
const SLOTS: usize = 32;
/// What a thread does at random for each thing that it is asked for.
const PRANKS: usize = 6;

/// What a loop asks of a thread.
pub(crate) enum Errand {
    /// Set the flag, then wake.
    Wake(Arc<AtomicBool>, Waker),
    /// Play with it.
    Keep(Waker),
    Put(RemoteQueue<Piece>, Piece),
    /// Spawn a task that waits for a wakeup from another thread.
    Spawn(Remote, Arc<Roll>, Piece, Sender<Errand>),
}

/// What all share.
#[derive(Clone)]
pub(crate) struct World {
    slots: Arc<Vec<Mutex<Option<Waker>>>>,
    /// What crosses threads: items, closures, results.
    pub(crate) luggage: Luggage,
}

impl World {
    pub(crate) fn new() -> Self {
        let slots = (0..SLOTS).map(|_| Mutex::default()).collect();
        Self {
            slots: Arc::new(slots),
            luggage: Luggage::default(),
        }
    }

    pub(crate) fn clear(&self) {
        for slot in self.slots.iter() {
            drop(slot.lock().unwrap().take());
        }
    }

    /// Leaves a waker in some slot, or none, and takes what was there.
    pub(crate) fn place(&self, rng: &mut Rng, waker: Option<Waker>) -> Option<Waker> {
        let mut slot = self.slots[rng.usize(..SLOTS)].lock().unwrap();
        std::mem::replace(&mut *slot, waker)
    }

    /// One of the threads that wake: does what is requested until no request can come any more.
    pub(crate) fn wake_and_play(&self, errands: Receiver<Errand>, mut rng: Rng) {
        let mut kept = Vec::new();
        for errand in errands {
            match errand {
                Errand::Wake(flag, waker) => {
                    self.prank(&mut rng, &mut kept);
                    flag.store(true, Ordering::Release);
                    wake(waker, &mut rng, &mut kept);
                }
                Errand::Keep(waker) => kept.push(waker),
                Errand::Put(queue, item) => put(queue, item, &mut rng),
                Errand::Spawn(remote, roll, ticket, peer) => {
                    spawn_from_outside(&remote, roll, ticket, peer, &mut rng);
                }
            }
            (0..PRANKS).for_each(|_| self.prank(&mut rng, &mut kept));
        }
    }

    fn prank(&self, rng: &mut Rng, kept: &mut Vec<Waker>) {
        match rng.u8(..6) {
            0 => kept.extend(kept.last().cloned()),
            1 => drop(self.place(rng, None)),
            2 => kept.extend(self.place(rng, kept.first().cloned())),
            3 => kept.pop().into_iter().for_each(Waker::wake),
            4 => kept.truncate(rng.usize(..8)),
            _ => kept.iter().for_each(Waker::wake_by_ref),
        }
    }
}

/// Wakes in one of the ways there are.
fn wake(waker: Waker, rng: &mut Rng, kept: &mut Vec<Waker>) {
    match rng.u8(..4) {
        0 => waker.wake(),
        1 => waker.wake_by_ref(),
        2 => {
            let other = waker.clone();
            drop(waker);
            other.wake();
        }
        _ => {
            waker.wake_by_ref();
            kept.push(waker);
        }
    }
}

fn put(queue: RemoteQueue<Piece>, item: Piece, rng: &mut Rng) {
    // What is refused comes back, and is dropped here.
    if rng.bool() {
        drop(queue.put(item));
    } else {
        drop(queue.try_put(item));
    }
}

fn spawn_from_outside(
    remote: &Remote,
    roll: Arc<Roll>,
    ticket: Piece,
    peer: Sender<Errand>,
    rng: &mut Rng,
) {
    let task = remote.spawn(move || async move {
        let _mark = roll.mark();
        External::new(peer).await;
        ticket
    });
    let Ok(mut task) = task else { return };
    match rng.u8(..5) {
        0 => drop(task.cancel()),
        1 => drop(task.join_timeout(Duration::ZERO)),
        2 => {
            task.cancel();
            // It ends, and reports that; also if the loop is dropped meanwhile.
            drop(task.join());
        }
        3 => {
            let mut cx = Context::from_waker(Waker::noop());
            let polled = Pin::new(&mut task).poll(&mut cx);
            drop(polled);
        }
        _ => drop(task),
    }
}

/// Waits until another thread has set a flag and woken it.
pub(crate) struct External {
    flag: Arc<AtomicBool>,
    peer: Option<Sender<Errand>>,
}

impl External {
    pub(crate) fn new(peer: Sender<Errand>) -> Self {
        let (flag, peer) = (Arc::default(), Some(peer));
        Self { flag, peer }
    }
}

impl Future for External {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(peer) = self.peer.take() {
            let errand = Errand::Wake(self.flag.clone(), cx.waker().clone());
            peer.send(errand).unwrap();
        }
        if self.flag.load(Ordering::Acquire) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}
