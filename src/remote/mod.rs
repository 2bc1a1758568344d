//! Access to a loop from other threads: calls, tasks, items of queues, blocking jobs, Ctrl-C.

mod blocking;
#[cfg(all(test, looplet_loom))]
#[path = "../task/models/blocking.rs"]
mod blocking_loom;
mod current_polls;
mod handle;
#[cfg(all(unix, feature = "signal"))]
mod interrupt;
mod mailbox;
mod pool;
mod queue;
#[expect(
    clippy::module_inception,
    reason = "the type that gives the room its name"
)]
mod remote;

use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::sync::Arc;

pub use blocking::spawn_blocking;
pub(crate) use current_polls::CurrentPolls;
pub use handle::RemoteHandle;
pub(crate) use mailbox::Message;
pub use remote::Remote;

use self::mailbox::Mailbox;
use self::pool::{JobCount, Pool};
use self::queue::Pipes;
use crate::event_loop::core::Core;
use crate::event_loop::outside::{Awaited, Outside};
#[cfg(all(unix, feature = "signal"))]
use {crate::event_loop::outside::MainGuard, crate::task::Task, std::rc::Rc};

/// The remote side of a loop, each part made at its first use.
#[derive(Default)]
pub(crate) struct Remotes {
    mailbox: OnceCell<Mailbox>,
    pool: OnceCell<Pool>,
    job_count: OnceCell<Arc<JobCount>>,
    /// The bound of threads for blocking jobs, if it was set.
    threads: Cell<Option<usize>>,
    pipes: RefCell<Pipes>,
    /// Items were sent since the last `take_is_sending`.
    is_sending: Cell<bool>,
    #[cfg(all(unix, feature = "signal"))]
    interrupt: interrupt::Interrupt,
}

/// The remote side of this loop.
fn remotes(core: &Core) -> &Remotes {
    let outside = core.outside_or(|| Box::new(Remotes::default()));
    outside
        .as_any()
        .downcast_ref()
        .expect("only this module fills the slot")
}

/// The polls that a loop shows to other threads, once its mailbox exists.
pub(crate) fn current_polls(core: &Core) -> Option<&CurrentPolls> {
    remotes(core)
        .mailbox
        .get()
        .map(|mailbox| &mailbox.sender.current_polls)
}

impl Outside for Remotes {
    fn waiting(&self) -> usize {
        self.mailbox.get().map_or(0, Mailbox::len)
    }

    fn collect_all(&self, core: &Core) {
        if let Some(mailbox) = self.mailbox.get() {
            mailbox.read(core, usize::MAX);
        }
    }

    fn awaited(&self) -> Awaited {
        if self
            .job_count
            .get()
            .is_some_and(|job_count| job_count.any())
        {
            Awaited::Jobs
        } else if self.mailbox.get().is_some_and(Mailbox::has_keepalives) {
            Awaited::Messages
        } else {
            Awaited::Nothing
        }
    }

    fn take_is_sending(&self) -> bool {
        self.is_sending.take()
    }

    #[cfg(all(unix, feature = "signal"))]
    fn guard_main(&self, core: &Rc<Core>) -> Option<Box<dyn MainGuard>> {
        self.interrupt.guard_main(core)
    }

    #[cfg(all(unix, feature = "signal"))]
    fn main_begins(&self, main: Task) {
        self.interrupt.main_begins(main);
    }

    fn refuse(&self) {
        if let Some(mailbox) = self.mailbox.get() {
            mailbox.refuse();
        }
        self.pipes.borrow().refuse();
    }

    fn close(&self) {
        if let Some(mailbox) = self.mailbox.get() {
            mailbox.close();
        }
    }

    fn finish_jobs(&self) {
        if let Some(pool) = self.pool.get() {
            pool.close();
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
