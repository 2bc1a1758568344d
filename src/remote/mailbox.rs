//! Messages of other threads: an unbounded channel, which a source of the loop reads.
//!
//! The mailbox is made at its first use, because most loops never need one.
//!
//! A loop ends in three [stages](Stage), so that its end does not depend on what is still being sent: first it refuses
//! new work, then its tasks end, then it drops the receiving end of the channel. From then on every send fails, and
//! what is left in the channel is dropped on the loop's thread.

use std::cell::RefCell;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::task::{Poll, Waker};

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::current_polls::CurrentPolls;
use super::remotes;
use crate::error::LoopGone;
use crate::event_loop::context;
use crate::event_loop::core::Core;
use crate::event_loop::outside::MESSAGES_PER_LOOK;
use crate::lock::this_thread;
use crate::task::drop_quietly;

/// The name under which a panic in a message, or in the destructor of one, is reported.
const MESSAGE: &str = "message from another thread";

type Call = Box<dyn FnOnce(&Core) + Send>;

/// How far a loop is, as other threads see it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Open,
    /// New tasks, calls and items are refused. Requests that concern existing tasks, and dumps, are not.
    Ending,
    /// No message is read any more.
    Gone,
}

impl Stage {
    fn of(core: &Core) -> Self {
        if core.is_closed() {
            Self::Gone
        } else if core.tasks.is_refusing() {
            Self::Ending
        } else {
            Self::Open
        }
    }
}

/// What another thread sends to the loop: a function to call; none once it was called.
pub(crate) struct Message(Option<Call>);

impl Message {
    pub(crate) fn call(f: impl FnOnce(&Core) + Send + 'static) -> Self {
        Self(Some(Box::new(f)))
    }

    fn open(mut self, core: &Core) {
        if let Some(call) = self.0.take() {
            call(core);
        }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // The channel drops its messages one by one, and a panic would leak the rest.
        drop_quietly(self.0.take());
    }
}

/// The sending end of a mailbox, shared by all other threads.
pub(crate) struct MailboxSender {
    messages: Sender<Message>,
    /// The source's.
    waker: Waker,
    /// The owner thread; see [`this_thread`].
    owner: usize,
    /// How many [`Keepalive`]s there are.
    keepalives: AtomicUsize,
    /// A [`Stage`].
    stage: AtomicU8,
    /// The polls that are under way, if the loop has an observer.
    pub(crate) current_polls: CurrentPolls,
}

impl MailboxSender {
    /// Sends a message and wakes the loop if it sleeps. Messages of one thread keep their order.
    pub(crate) fn send(&self, message: Message) -> Result<(), LoopGone> {
        // It has no bound, and so is never full: without the code that waits for room.
        self.messages.try_send(message).map_err(|_| LoopGone)?;
        self.waker.wake_by_ref();
        Ok(())
    }

    /// The same for a message that brings new work. A loop that has begun to end refuses it, and it is dropped here.
    pub(super) fn send_work(&self, message: Message) -> Result<(), LoopGone> {
        if self.has_reached(Stage::Ending) {
            return Err(LoopGone);
        }
        self.send(message)
    }

    // Relaxed: the stage guards nothing. A thread that sees an old one sends a message that the channel drops.
    fn has_reached(&self, stage: Stage) -> bool {
        self.stage.load(Ordering::Relaxed) >= stage as u8
    }

    fn reach(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
    }

    /// Whether this is the thread of a loop that still exists, where waiting for the loop would block it for ever.
    pub(crate) fn is_owner(&self) -> bool {
        self.owner == this_thread() && !self.has_reached(Stage::Gone)
    }
}

/// While one of these is alive, an idle loop in virtual time waits for messages.
pub(super) struct Keepalive(pub(super) Arc<MailboxSender>);

impl Keepalive {
    pub(super) fn new(sender: &Arc<MailboxSender>) -> Self {
        sender.keepalives.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(sender))
    }
}

impl Clone for Keepalive {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl Drop for Keepalive {
    fn drop(&mut self) {
        // Release: a loop that reads zero sees what was sent before.
        if self.0.keepalives.fetch_sub(1, Ordering::Release) == 1 {
            // The loop may be waiting for a message that will never come now.
            self.0.waker.wake_by_ref();
        }
    }
}

/// The receiving end.
pub(super) struct Mailbox {
    pub(super) sender: Arc<MailboxSender>,
    /// None once the loop is gone.
    messages: RefCell<Option<Receiver<Message>>>,
}

impl Mailbox {
    fn new(core: &Core) -> Self {
        let (messages, receiver) = unbounded();
        let source = poll_fn(|_| {
            let core = context::current();
            mailbox(&core).read(&core, MESSAGES_PER_LOOK);
            Poll::Pending
        });
        let stage = Stage::of(core);
        let sender = MailboxSender {
            messages,
            waker: core.tasks.source(source),
            owner: this_thread(),
            keepalives: AtomicUsize::new(0),
            stage: AtomicU8::new(stage as u8),
            current_polls: CurrentPolls::default(),
        };
        Self {
            sender: Arc::new(sender),
            messages: RefCell::new((stage != Stage::Gone).then_some(receiver)),
        }
    }

    pub(super) fn has_keepalives(&self) -> bool {
        self.sender.keepalives.load(Ordering::Acquire) > 0
    }

    pub(super) fn len(&self) -> usize {
        self.messages.borrow().as_ref().map_or(0, Receiver::len)
    }

    fn next(&self) -> Option<Message> {
        self.messages.borrow().as_ref()?.try_recv().ok()
    }

    /// Reads the messages that have come, at most so many; the next look reads the others.
    pub(super) fn read(&self, core: &Core, most: usize) {
        let there = self.len();
        if there > most {
            self.sender.waker.wake_by_ref();
        }
        for _ in 0..there.min(most) {
            let Some(message) = self.next() else { break };
            core.tasks.guarded(MESSAGE, || message.open(core));
        }
    }

    /// The loop begins to end.
    pub(super) fn refuse(&self) {
        self.sender.reach(Stage::Ending);
    }

    /// The loop is gone: messages that were not read are dropped.
    pub(super) fn close(&self) {
        // Sends fail before the first message is dropped.
        let messages = self.messages.take();
        drop(messages);
        self.sender.reach(Stage::Gone);
    }
}

/// The mailbox of a loop, made now if this is its first use.
pub(super) fn mailbox(core: &Core) -> &Mailbox {
    remotes(core).mailbox.get_or_init(|| Mailbox::new(core))
}
