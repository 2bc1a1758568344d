//! The tasks of one loop.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::mem;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::task::Poll;
use std::thread;

use fastrand::Rng;
use looplet::{Event, JoinHandle, Remote, RemoteQueue, spawn, spawn_blocking, yield_now};

use crate::crew::{Errand, External, World};
use crate::roll::{Mark, Piece, Roll};
use crate::{TASKS, THREADS};

/// Leaves its waker lying about at each of some polls.
async fn show(world: &World, mut rng: Rng, peer: &Sender<Errand>) {
    for _ in 0..rng.u8(1..4) {
        let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
        let old = world.place(&mut rng, Some(waker.clone()));
        drop(old);
        peer.send(Errand::Keep(waker)).unwrap();
        yield_now().await;
    }
}

/// The tasks of one loop, and what is expected of them.
pub(crate) struct Household {
    world: World,
    crew: Vec<Sender<Errand>>,
    rng: Rng,
    roll: Arc<Roll>,
    /// Will be woken, and then give a result, or panic.
    woken: Vec<(JoinHandle<Mark>, bool)>,
    jobs: Vec<JoinHandle<Piece>>,
    cancelled: Vec<JoinHandle<()>>,
    /// Unhandled panics.
    pub(crate) unseen: Rc<Cell<usize>>,
    all_unseen: Rc<Event>,
}

impl Household {
    pub(crate) fn new(world: &World, crew: &[Sender<Errand>], rng: Rng, roll: &Arc<Roll>) -> Self {
        let all_unseen = Event::new();
        all_unseen.set();
        Self {
            world: world.clone(),
            crew: crew.to_vec(),
            rng,
            roll: roll.clone(),
            woken: Vec::new(),
            jobs: Vec::new(),
            cancelled: Vec::new(),
            unseen: Rc::default(),
            all_unseen: Rc::new(all_unseen),
        }
    }

    fn peer(&mut self) -> Sender<Errand> {
        self.crew[self.rng.usize(..THREADS)].clone()
    }

    pub(crate) fn populate(&mut self, remote: &Remote, inlet: &RemoteQueue<Piece>) {
        for _ in 0..TASKS {
            let peer = self.peer();
            let luggage = self.world.luggage.piece();
            match self.rng.u8(..8) {
                0 => self.spawn_woken(peer, false),
                1 => self.spawn_woken(peer, true),
                2 => self.spawn_unseen(peer),
                3 => {
                    let task = self.spawn_endless(peer);
                    self.cancelled.push(task);
                }
                4 => self.spawn_endless(peer).detach(),
                5 => {
                    let job = move || (thread::yield_now(), luggage).1;
                    self.jobs.push(spawn_blocking(job));
                }
                6 => peer.send(Errand::Put(inlet.clone(), luggage)).unwrap(),
                _ => {
                    let (roll, other) = (self.roll.clone(), self.peer());
                    let errand = Errand::Spawn(remote.clone(), roll, luggage, other);
                    peer.send(errand).unwrap();
                }
            }
        }
    }

    fn spawn_woken(&mut self, peer: Sender<Errand>, panics: bool) {
        let (mark, result) = (self.roll.mark(), self.roll.mark());
        let (world, rng) = (self.world.clone(), self.rng.fork());
        let task = spawn(async move {
            let _mark = mark;
            show(&world, rng, &peer).await;
            External::new(peer).await;
            if panics {
                resume_unwind(Box::new("without a word"));
            }
            result
        });
        self.woken.push((task, panics));
    }

    fn spawn_unseen(&mut self, peer: Sender<Errand>) {
        let mark = self.roll.mark();
        let task = spawn(async move {
            let _mark = mark;
            External::new(peer).await;
            resume_unwind(Box::new("without a word"));
        });
        let (unseen, all) = (self.unseen.clone(), self.all_unseen.clone());
        unseen.set(unseen.get() + 1);
        all.clear();
        task.on_done(move |_| {
            unseen.set(unseen.get() - 1);
            if unseen.get() == 0 {
                all.set();
            }
        });
        task.detach();
    }

    fn spawn_endless(&mut self, peer: Sender<Errand>) -> JoinHandle<()> {
        let mark = self.roll.mark();
        let (world, rng) = (self.world.clone(), self.rng.fork());
        spawn(async move {
            let _mark = mark;
            loop {
                show(&world, rng.clone(), &peer).await;
                pending::<()>().await;
            }
        })
    }

    /// Waits for all that must come. How many tasks were woken.
    pub(crate) async fn see_through(&mut self) -> usize {
        for task in mem::take(&mut self.cancelled) {
            if self.rng.bool() {
                yield_now().await;
            }
            assert!(task.cancel());
            assert!(task.await.is_err_and(|error| error.is_cancelled()));
        }
        let woken = mem::take(&mut self.woken);
        let count = woken.len() + self.unseen.get();
        for (task, panics) in woken {
            match task.await {
                Ok(_result) => assert!(!panics),
                Err(error) => assert!(panics && error.is_panic(), "{error}"),
            }
        }
        for job in mem::take(&mut self.jobs) {
            drop(job.await.unwrap());
        }
        self.all_unseen.wait().await;
        count
    }

    /// Takes what results there are, for a panic that is dropped unread after the end of its loop is printed.
    pub(crate) fn clear_out(mut self) {
        for (task, _) in &mut self.woken {
            drop(task.try_join());
        }
    }
}
