//! What other threads send: letters in an unbounded channel, opened on the loop's thread between two rounds.
//!
//! The channel is made when somebody first asks for a way in from outside, for most loops never need one. Its
//! receiving end dies with the loop: then every send fails, and what lies in the channel is dropped on the loop's
//! thread. How the loop is told that there is mail, and woken, is the [`Notifier`]'s affair.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::current_polls::CurrentPolls;
use super::queue::Flow;
use super::remotes;
use crate::error::LoopGone;
use crate::event_loop::core::Core;
use crate::event_loop::round::POLLS_PER_LOOK;
use crate::task::{Notifier, Task, drop_quietly};

/// How many letters a look opens at most. Each may queue a turn, and a look comes after every [`POLLS_PER_LOOK`] turns:
/// so what comes from other threads has half of the turns at most, however fast it comes. With as many letters as
/// turns, each round of a flood would be longer than the last, and what waits for its end later and later.
pub(super) const MESSAGES_PER_LOOK: usize = POLLS_PER_LOOK as usize / 2;

/// What a panic in a letter, or in the destructor of one, is reported as.
const MESSAGE: &str = "message from another thread";

type Call = Box<dyn FnOnce(&Core) + Send>;

/// What another thread wants of the loop.
pub(crate) enum Message {
    /// Something to do; empty once it was done.
    Call(Option<Call>),
    /// Items wait at the remote end of this queue.
    Items(usize),
}

impl Message {
    pub(crate) fn call(f: impl FnOnce(&Core) + Send + 'static) -> Self {
        Self::Call(Some(Box::new(f)))
    }

    fn open(mut self, core: &Core) {
        match &mut self {
            Self::Call(call) => {
                if let Some(call) = call.take() {
                    call(core);
                }
            }
            Self::Items(key) => {
                remotes(core).items_came.set(true);
                if let Some(flow) = mailbox(core).flow(*key) {
                    flow.pump();
                }
            }
        }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        let Self::Call(call) = self else { return };
        // The channel drops what is left in it one by one, and a panic would keep it from dropping the rest.
        drop_quietly(call.take());
    }
}

/// The loop as other threads know it.
pub(crate) struct MailboxSender {
    messages: Sender<Message>,
    notifier: Notifier,
    /// The loop's own thread; see [`here`].
    owner: usize,
    /// How many there are outside who may still make something ready.
    keepalives: AtomicUsize,
    gone: AtomicBool,
    /// What the loop is polling, if it is observed.
    current_polls: CurrentPolls,
}

impl MailboxSender {
    /// Sends a letter and wakes the loop if it sleeps. Letters of one thread keep their order.
    pub(crate) fn send(&self, message: Message) -> Result<(), LoopGone> {
        self.messages.send(message).map_err(|_| LoopGone)?;
        self.notifier.announce_messages();
        Ok(())
    }

    pub(crate) fn current_polls(&self) -> &CurrentPolls {
        &self.current_polls
    }

    /// Whether this is the thread of a loop that is still there: who waits for the loop here waits for ever.
    pub(crate) fn is_owner(&self) -> bool {
        self.owner == here() && !self.gone.load(Ordering::Relaxed)
    }
}

/// Tells threads apart by the address of a thread-local: much cheaper than `thread::current().id()`.
fn here() -> usize {
    thread_local!(static HERE: u8 = const { 0 });
    HERE.with(|here| ptr::from_ref(here).addr())
}

/// Somebody outside who can make something ready; as long as there is one, an idle loop in virtual time waits.
pub(super) struct Keepalive(Arc<MailboxSender>);

impl Keepalive {
    pub(super) fn new(sender: &Arc<MailboxSender>) -> Self {
        sender.keepalives.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(sender))
    }

    pub(super) fn sender(&self) -> &Arc<MailboxSender> {
        &self.0
    }
}

impl Clone for Keepalive {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl Drop for Keepalive {
    fn drop(&mut self) {
        // Release: the loop that sees zero sees what the guest has sent before.
        if self.0.keepalives.fetch_sub(1, Ordering::Release) == 1 {
            // The loop may be waiting for somebody who will never come now.
            self.0.notifier.announce_messages();
        }
    }
}

/// The loop's end.
pub(super) struct Mailbox {
    pub(super) sender: Arc<MailboxSender>,
    /// None once the loop is gone.
    messages: RefCell<Option<Receiver<Message>>>,
    /// The tasks that were spawned from outside and whose handles may still be used.
    pub(super) tasks: RefCell<HashMap<u64, Task>>,
    /// The remote ends of queues.
    flows: RefCell<HashMap<usize, Rc<dyn Flow>>>,
}

impl Mailbox {
    fn new(notifier: Notifier, closed: bool) -> Self {
        let (sender, receiver) = unbounded();
        let sender = MailboxSender {
            messages: sender,
            notifier,
            owner: here(),
            keepalives: AtomicUsize::new(0),
            gone: AtomicBool::new(closed),
            current_polls: CurrentPolls::default(),
        };
        Self {
            sender: Arc::new(sender),
            messages: RefCell::new((!closed).then_some(receiver)),
            tasks: RefCell::default(),
            flows: RefCell::default(),
        }
    }

    pub(super) fn has_keepalives(&self) -> bool {
        self.sender.keepalives.load(Ordering::Acquire) > 0
    }

    fn len(&self) -> usize {
        self.messages.borrow().as_ref().map_or(0, Receiver::len)
    }

    fn next(&self) -> Option<Message> {
        self.messages.borrow().as_ref()?.try_recv().ok()
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

impl Mailbox {
    /// Opens the letters that are there now, but so many at most: the others are for the next look. What comes meanwhile
    /// announces itself again.
    pub(super) fn read(&self, core: &Core, most: usize) {
        let there = self.len();
        if there > most {
            core.tasks.leave_messages();
        }
        for _ in 0..there.min(most) {
            let Some(message) = self.next() else { break };
            core.tasks.guarded(MESSAGE, || message.open(core));
        }
    }

    /// Nothing comes in any more: whoever waits outside is told, and what was on its way is dropped.
    pub(super) fn close(&self, core: &Core) {
        self.sender.gone.store(true, Ordering::Relaxed);
        let flows = self.flows.take();
        for flow in flows.into_values() {
            core.tasks.guarded(MESSAGE, || flow.close());
        }
        while let Some(message) = self.next() {
            drop(message);
        }
        let messages = self.messages.take();
        drop(messages);
        let tasks = self.tasks.take();
        drop(tasks);
    }
}

/// The way in from outside, made now if this is its first use.
pub(super) fn mailbox(core: &Core) -> &Mailbox {
    remotes(core)
        .mailbox
        .get_or_init(|| Mailbox::new(core.tasks.notifier(), core.is_closed()))
}
