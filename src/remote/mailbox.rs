//! The mailbox: an unbounded channel of messages from other threads, handled on the owner thread in the loop's look.
//!
//! The channel is made at its first use, because most loops never need one. Its receiver is dropped with the loop: then
//! every send fails, and the messages that are left are dropped on the owner thread. The [`Notifier`] announces
//! messages to the loop and wakes it.

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

/// The most messages that a look handles. Each may queue a task, and a look follows every [`POLLS_PER_LOOK`] polls, so
/// messages cause at most half of the polls, however fast they arrive. With as many messages as polls, each round of a
/// flood would be longer than the last, and everything that waits for its end would be delayed more and more.
pub(super) const MESSAGES_PER_LOOK: usize = POLLS_PER_LOOK as usize / 2;

/// The name under which a panic in a message, or in its destructor, is reported.
const MESSAGE: &str = "message from another thread";

type Call = Box<dyn FnOnce(&Core) + Send>;

/// A message from another thread.
pub(crate) enum Message {
    /// A function to call; none once it was called.
    Call(Option<Call>),
    /// The pipe of this queue has items.
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
        // The channel drops its messages one by one, and a panic would keep it from dropping the rest.
        drop_quietly(call.take());
    }
}

/// The sending side of the mailbox, shared by other threads.
pub(crate) struct MailboxSender {
    messages: Sender<Message>,
    notifier: Notifier,
    /// The owner thread; see [`here`].
    owner: usize,
    /// The number of [`Keepalive`]s.
    keepalives: AtomicUsize,
    gone: AtomicBool,
    /// The tasks that are being polled, if the loop is observed.
    current_polls: CurrentPolls,
}

impl MailboxSender {
    /// Sends a message and wakes the loop if it sleeps. Messages of one thread keep their order.
    pub(crate) fn send(&self, message: Message) -> Result<(), LoopGone> {
        self.messages.send(message).map_err(|_| LoopGone)?;
        self.notifier.announce_messages();
        Ok(())
    }

    pub(crate) fn current_polls(&self) -> &CurrentPolls {
        &self.current_polls
    }

    /// Whether the caller is on the owner thread of a live loop. A blocking wait for the loop would never end there.
    pub(crate) fn is_owner(&self) -> bool {
        self.owner == here() && !self.gone.load(Ordering::Relaxed)
    }
}

/// Identifies the thread by the address of a thread-local, which is much cheaper than `thread::current().id()`.
fn here() -> usize {
    thread_local!(static HERE: u8 = const { 0 });
    HERE.with(|here| ptr::from_ref(here).addr())
}

/// Held by handles on other threads that can make a task ready: while there is one, an idle loop in virtual time waits.
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
        // Release: a loop that reads zero also sees the messages that the holder has sent.
        if self.0.keepalives.fetch_sub(1, Ordering::Release) == 1 {
            // Wakes the loop, which may be waiting for a message that can no longer arrive.
            self.0.notifier.announce_messages();
        }
    }
}

/// The receiving side, on the owner thread.
pub(super) struct Mailbox {
    pub(super) sender: Arc<MailboxSender>,
    /// None once the loop is gone.
    messages: RefCell<Option<Receiver<Message>>>,
    /// The tasks that were spawned by other threads and whose handles may still be used.
    pub(super) tasks: RefCell<HashMap<u64, Task>>,
    /// The inflows of queues with a remote end.
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
    /// Handles the messages that are in the channel now, `most` at most; the rest is left for the next look. A message
    /// that arrives meanwhile is announced separately.
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

    /// Closes the mailbox: later sends fail, threads that wait for a result are woken, and queued messages are dropped.
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

/// The mailbox of a loop, made at the first use.
pub(super) fn mailbox(core: &Core) -> &Mailbox {
    remotes(core)
        .mailbox
        .get_or_init(|| Mailbox::new(core.tasks.notifier(), core.is_closed()))
}
