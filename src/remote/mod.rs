//! How anything gets into a loop from another thread: calls, tasks, items of queues, blocking jobs, Ctrl-C.

mod blocking;
#[cfg(all(test, looplet_loom))]
mod blocking_loom;
mod board;
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
use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::sync::Arc;

pub use blocking::spawn_blocking;
pub(crate) use board::Board;
pub use handle::RemoteHandle;
pub(crate) use mailbox::Letter;
pub use remote::Remote;

use self::mailbox::{Inbox, LETTERS_PER_LOOK};
use self::pool::{Flights, Pool};
use crate::event_loop::core::Core;
use crate::event_loop::outside::{Awaited, MainGuard, Outside};
use crate::task::Task;

/// What other threads use of one loop, each part made when it is first needed.
#[derive(Default)]
pub(crate) struct Remotes {
    inbox: OnceCell<Inbox>,
    pool: OnceCell<Pool>,
    flights: OnceCell<Arc<Flights>>,
    /// How many threads blocking jobs may have, if that was said.
    threads: Cell<Option<usize>>,
    /// Items have come since the loop last asked.
    items_came: Cell<bool>,
    #[cfg(all(unix, feature = "signal"))]
    interrupt: interrupt::Interrupt,
}

/// What other threads use of this loop.
fn remotes(core: &Core) -> &Remotes {
    let outside = core.outside_or(|| Box::new(Remotes::default()));
    outside
        .as_any()
        .downcast_ref()
        .expect("this room alone fills the slot")
}

/// Where the polls of a loop are shown to other threads, once there are any.
pub(crate) fn board(core: &Core) -> Option<&Board> {
    remotes(core).inbox.get().map(|inbox| inbox.post.board())
}

impl Outside for Remotes {
    fn collect(&self, core: &Core, all: bool) {
        if let Some(inbox) = self.inbox.get() {
            inbox.open_mail(core, if all { usize::MAX } else { LETTERS_PER_LOOK });
        }
    }

    fn awaited(&self) -> Awaited {
        if self.flights.get().is_some_and(|flights| flights.any()) {
            Awaited::Jobs
        } else if self.inbox.get().is_some_and(Inbox::has_guests) {
            Awaited::Messages
        } else {
            Awaited::Nothing
        }
    }

    fn take_is_sending(&self) -> bool {
        self.items_came.take()
    }

    #[cfg(all(unix, feature = "signal"))]
    fn guard_main(&self, core: &Rc<Core>) -> Option<Box<dyn MainGuard>> {
        self.interrupt.guard_main(core)
    }

    #[cfg(not(all(unix, feature = "signal")))]
    fn guard_main(&self, _: &Rc<Core>) -> Option<Box<dyn MainGuard>> {
        None
    }

    #[cfg(all(unix, feature = "signal"))]
    fn main_begins(&self, main: Task) {
        self.interrupt.main_begins(main);
    }

    #[cfg(not(all(unix, feature = "signal")))]
    fn main_begins(&self, _: Task) {}

    fn close(&self, core: &Core) {
        if let Some(inbox) = self.inbox.get() {
            inbox.close(core);
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
