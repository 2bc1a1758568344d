//! What other threads send: letters in an unbounded channel, opened on the loop's thread between two rounds.
//!
//! The channel is made when somebody first asks for a way in from outside, for most loops never need one. How the loop
//! is told that there is mail, and woken, is the [`Doorway`]'s affair.
//!
//! The end of a loop does not depend on who goes on sending: first what is new is refused, then the tasks end, then the
//! receiving end of the channel is dropped. From then on every send fails, and what lies in the channel is dropped on
//! the loop's thread.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::board::Board;
use super::core::Core;
use super::observer::Watcher;
use super::remote_queue::Flow;
use super::round::TURNS_PER_LOOK;
use crate::error::LoopGone;
use crate::task::{Doorway, Task, drop_quietly};

/// How many letters a look opens at most. Each may queue a turn, and a look comes after every [`TURNS_PER_LOOK`] turns:
/// so what comes from other threads has half of the turns at most, however fast it comes. With as many letters as
/// turns, each round of a flood would be longer than the last, and what waits for its end later and later.
pub(super) const LETTERS_PER_LOOK: usize = TURNS_PER_LOOK as usize / 2;

/// What a panic in a letter, or in the destructor of one, is reported as.
const LETTER: &str = "message from another thread";

type Errand = Box<dyn FnOnce(&Core) + Send>;

/// How far a loop is, as other threads see it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// New tasks, calls and items are refused. Questions, and news of tasks that are there, are not.
    Ending,
    /// Nobody reads any letter.
    Gone,
}

/// What another thread wants of the loop.
pub(super) enum Letter {
    /// Something to do; empty once it was done.
    Errand(Option<Errand>),
    /// Items wait at the remote end of this queue.
    Items(usize),
}

impl Letter {
    pub(super) fn errand(f: impl FnOnce(&Core) + Send + 'static) -> Self {
        Self::Errand(Some(Box::new(f)))
    }

    fn open(mut self, core: &Core) {
        match &mut self {
            Self::Errand(errand) => {
                if let Some(errand) = errand.take() {
                    errand(core);
                }
            }
            Self::Items(key) => {
                core.items_came.set(true);
                if let Some(flow) = core.inbox().flow(*key) {
                    flow.pump();
                }
            }
        }
    }
}

impl Drop for Letter {
    fn drop(&mut self) {
        let Self::Errand(errand) = self else { return };
        // The channel drops what is left in it one by one, and a panic would keep it from dropping the rest.
        drop_quietly(errand.take());
    }
}

/// The loop as other threads know it.
pub(super) struct Post {
    letters: Sender<Letter>,
    door: Doorway,
    /// The loop's own thread; see [`here`].
    home: usize,
    /// How many there are outside who may still make something ready.
    guests: AtomicUsize,
    /// A [`Stage`].
    stage: AtomicU8,
    /// What the loop is polling, if it is observed.
    board: Option<Arc<Board>>,
}

impl Post {
    /// Sends a letter and wakes the loop if it sleeps. Letters of one thread keep their order.
    pub(super) fn send(&self, letter: Letter) -> Result<(), LoopGone> {
        self.letters.send(letter).map_err(|_| LoopGone)?;
        self.door.announce_mail();
        Ok(())
    }

    /// The same for a letter that brings new work, which is refused from the moment the loop begins to end; then it is
    /// dropped here.
    pub(super) fn send_work(&self, letter: Letter) -> Result<(), LoopGone> {
        if self.has_reached(Stage::Ending) {
            return Err(LoopGone);
        }
        self.send(letter)
    }

    // Relaxed: the stage guards nothing. Who sees an old one sends a letter more, which is dropped with the channel.
    fn has_reached(&self, stage: Stage) -> bool {
        self.stage.load(Ordering::Relaxed) >= stage as u8
    }

    fn reach(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
    }

    pub(super) fn board(&self) -> Option<&Board> {
        self.board.as_deref()
    }

    /// Whether this is the thread of a loop that is still there: who waits for the loop here waits for ever.
    pub(super) fn is_home(&self) -> bool {
        self.home == here() && !self.has_reached(Stage::Gone)
    }
}

/// Tells threads apart by the address of a thread-local: much cheaper than `thread::current().id()`.
fn here() -> usize {
    thread_local!(static HERE: u8 = const { 0 });
    HERE.with(|here| ptr::from_ref(here).addr())
}

/// Somebody outside who can make something ready; as long as there is one, an idle loop in virtual time waits.
pub(super) struct Guest(Arc<Post>);

impl Guest {
    pub(super) fn new(post: &Arc<Post>) -> Self {
        post.guests.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(post))
    }

    pub(super) fn post(&self) -> &Arc<Post> {
        &self.0
    }
}

impl Clone for Guest {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Release: the loop that sees zero sees what the guest has sent before.
        if self.0.guests.fetch_sub(1, Ordering::Release) == 1 {
            // The loop may be waiting for somebody who will never come now.
            self.0.door.announce_mail();
        }
    }
}

/// The loop's end.
pub(super) struct Inbox {
    pub(super) post: Arc<Post>,
    /// None once the loop is gone.
    letters: RefCell<Option<Receiver<Letter>>>,
    /// The tasks that were spawned from outside and whose handles may still be used.
    pub(super) tasks: RefCell<HashMap<u64, Task>>,
    /// The remote ends of queues.
    flows: RefCell<HashMap<usize, Rc<dyn Flow>>>,
}

impl Inbox {
    fn new(door: Doorway, stage: Stage, board: Option<Arc<Board>>) -> Self {
        let (sender, receiver) = unbounded();
        let post = Post {
            letters: sender,
            door,
            home: here(),
            guests: AtomicUsize::new(0),
            stage: AtomicU8::new(stage as u8),
            board,
        };
        Self {
            post: Arc::new(post),
            letters: RefCell::new((stage != Stage::Gone).then_some(receiver)),
            tasks: RefCell::default(),
            flows: RefCell::default(),
        }
    }

    pub(super) fn has_guests(&self) -> bool {
        self.post.guests.load(Ordering::Acquire) > 0
    }

    fn len(&self) -> usize {
        self.letters.borrow().as_ref().map_or(0, Receiver::len)
    }

    fn next(&self) -> Option<Letter> {
        self.letters.borrow().as_ref()?.try_recv().ok()
    }

    pub(super) fn flow(&self, key: usize) -> Option<Rc<dyn Flow>> {
        self.flows.borrow().get(&key).cloned()
    }

    pub(super) fn add_flow(&self, key: usize, flow: Rc<dyn Flow>) {
        self.flows.borrow_mut().insert(key, flow);
    }

    pub(super) fn remove_flow(&self, key: usize) {
        let flow = self.flows.borrow_mut().remove(&key);
        drop(flow);
    }
}

impl Core {
    /// The way in from outside, made now if this is its first use.
    pub(super) fn inbox(&self) -> &Inbox {
        self.inbox.get_or_init(|| {
            let board = self.watcher().map(Watcher::board);
            let stage = if self.is_closed() {
                Stage::Gone
            } else {
                Stage::Open
            };
            Box::new(Inbox::new(self.tasks.doorway(), stage, board))
        })
    }

    /// How many letters are there.
    pub(super) fn letters(&self) -> usize {
        self.inbox.get().map_or(0, |inbox| inbox.len())
    }

    /// Opens the letters that are there now, but so many at most: the others are for the next look. What comes
    /// meanwhile announces itself again.
    pub(super) fn open_mail(&self, most: usize) {
        let Some(inbox) = self.inbox.get() else {
            return;
        };
        let there = inbox.len();
        if there > most {
            self.tasks.leave_mail();
        }
        for _ in 0..there.min(most) {
            let Some(letter) = inbox.next() else { break };
            self.tasks.guarded(LETTER, || letter.open(self));
        }
    }

    /// The loop begins to end. Nothing new begins from now on: a task is cancelled inside the call that spawns it, and
    /// what other threads send is refused.
    pub(super) fn refuse_work(&self) {
        self.tasks.refuse_tasks();
        if let Some(inbox) = self.inbox.get() {
            inbox.post.reach(Stage::Ending);
            let flows = inbox.flows.borrow();
            flows.values().for_each(|flow| flow.refuse());
        }
    }

    /// Nothing comes in any more: whoever waits outside is told, and what was on its way is dropped.
    pub(super) fn close_mail(&self) {
        let Some(inbox) = self.inbox.get() else {
            return;
        };
        let flows = inbox.flows.take();
        for flow in flows.into_values() {
            self.tasks.guarded(LETTER, || flow.close());
        }
        // Sends fail before the first letter is dropped.
        let letters = inbox.letters.take();
        drop(letters);
        inbox.post.reach(Stage::Gone);
        let tasks = inbox.tasks.take();
        drop(tasks);
    }
}
