//! Ctrl-C as asyncio's runner handles it: the first one cancels main, the second one ends the process.
//!
//! ```text
//!            Ctrl-C               main ends, cancelled
//!  RUNNING ---------> INTERRUPTED ---------------------> cleanup, then the default action
//!     |                    | Ctrl-C
//!     | main ends          +--------> the default action, at once
//!     v
//!   ENDED -- Ctrl-C --> the default action, at once
//! ```
//!
//! A separate thread waits for the signal while `block_on` runs, so no code of the crate runs in a signal handler. An
//! earlier handler of the process is still called. The installed handler cannot be removed; after `block_on` it does
//! nothing, or takes the default action.

use std::cell::{Cell, RefCell};
use std::fs;
use std::io::{self, Write};
use std::process;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};

use signal_hook::consts::SIGINT;
use signal_hook::iterator::{Handle, Signals};
use signal_hook::{flag, low_level};

use super::mailbox::{Message, mailbox};
use super::remotes;
use crate::event_loop::core::Core;
use crate::event_loop::outside::MainGuard;
use crate::event_loop::{Builder, context};
use crate::task::Task;

const RUNNING: u8 = 0;
const INTERRUPTED: u8 = 1;
const ENDED: u8 = 2;

/// The status that a shell reports for a process that was ended by SIGINT.
const STATUS: i32 = 128 + SIGINT;

impl Builder {
    /// Makes [`block_on`](crate::EventLoop::block_on) handle Ctrl-C. The first one cancels `main`; if `main` ends by
    /// that, all other tasks are cancelled too, as at the end of [`run`](crate::run), and then the process ends by the
    /// signal's default action (status 130 in a shell). The second one ends it at once. If `main` finishes in spite of
    /// the first, `block_on` returns as usual.
    ///
    /// Outside of `block_on` Ctrl-C has its former effect. In a process that ignores it, it stays ignored.
    ///
    /// # Panics
    ///
    /// `block_on` panics if the signal handler cannot be installed.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let mut event_loop = looplet::EventLoop::builder().handle_interrupt().build();
    /// event_loop.block_on(async {
    ///     println!("press Ctrl-C");
    ///     std::future::pending::<()>().await
    /// });
    /// ```
    #[doc(alias = "KeyboardInterrupt")]
    #[doc(alias = "add_signal_handler")]
    pub fn handle_interrupt(self) -> Self {
        self.with(|core| remotes(core).interrupt.is_handled.set(true))
    }
}

/// The interrupt handling of a loop.
#[derive(Default)]
pub(super) struct Interrupt {
    is_handled: Cell<bool>,
    main: RefCell<Option<Task>>,
}

impl Interrupt {
    /// Starts to watch for the signal, if the loop was built to handle it.
    pub(super) fn guard_main(&self, core: &Core) -> Option<Box<dyn MainGuard>> {
        if !self.is_handled.get() || disposition() == Disposition::Ignored {
            return None;
        }
        match SignalThread::start(core) {
            Ok(watch) => Some(Box::new(watch)),
            Err(error) => panic!("cannot watch for Ctrl-C: {error}"),
        }
    }

    pub(super) fn main_begins(&self, main: Task) {
        if self.is_handled.get() {
            drop(self.main.replace(Some(main)));
        }
    }
}

impl MainGuard for SignalThread {
    fn main_has_ended(self: Box<Self>, core: &Rc<Core>, is_cancelled: bool) {
        if self.was_interrupted() && is_cancelled {
            context::enter(core, || core.cancel_all());
            core.close();
            end_process();
        }
    }
}

fn cancel_main(core: &Core) {
    let main = remotes(core).interrupt.main.borrow().clone();
    if let Some(main) = main {
        main.cancel();
    }
}

/// A thread that waits for Ctrl-C; it ends when this is dropped.
struct SignalThread {
    stage: Arc<AtomicU8>,
    signals: Handle,
    thread: Option<JoinHandle<()>>,
}

impl SignalThread {
    fn start(core: &Core) -> io::Result<Self> {
        let mut signals = Signals::new([SIGINT])?;
        let stage = Arc::new(AtomicU8::new(RUNNING));
        let handle = signals.handle();
        let (watched, sender) = (Arc::clone(&stage), Arc::clone(&mailbox(core).sender));
        let watch = move || {
            for _ in signals.forever() {
                let first = watched
                    .compare_exchange(RUNNING, INTERRUPTED, Ordering::SeqCst, Ordering::SeqCst)
                    .is_ok();
                if !first || sender.send(Message::call(cancel_main)).is_err() {
                    end_process();
                }
            }
        };
        let thread = thread::Builder::new()
            .name("looplet-interrupt".into())
            .spawn(watch)?;
        withhold_default(1);
        Ok(Self {
            stage,
            signals: handle,
            thread: Some(thread),
        })
    }

    /// Records that main has ended. Returns whether the signal came before.
    fn was_interrupted(&self) -> bool {
        let stage = &self.stage;
        stage
            .compare_exchange(RUNNING, ENDED, Ordering::SeqCst, Ordering::SeqCst)
            .is_err()
    }
}

impl Drop for SignalThread {
    fn drop(&mut self) {
        withhold_default(-1);
        self.signals.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Ends the process by the default action of the signal.
fn end_process() -> ! {
    // Flushed, because the default action would discard buffered output, unlike an ordinary exit.
    let _ = io::stdout().flush();
    let _ = low_level::emulate_default_handler(SIGINT);
    process::exit(STATUS)
}

/// How the process handled Ctrl-C before the first watch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Disposition {
    Default,
    Ignored,
    /// By a handler, which is still called.
    Handled,
}

/// Read by the first call, which comes before a handler is installed.
fn disposition() -> Disposition {
    static BEFORE: OnceLock<Disposition> = OnceLock::new();
    *BEFORE.get_or_init(|| {
        // The system call would need unsafe code. Where this file does not exist, the default is assumed.
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let has = |mask: &str| {
            let bits = status.lines().find_map(|line| line.strip_prefix(mask));
            let bits = bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
            bits.is_some_and(|bits| bits & 1 << (SIGINT - 1) != 0)
        };
        if has("SigIgn:") {
            Disposition::Ignored
        } else if has("SigCgt:") {
            Disposition::Handled
        } else {
            Disposition::Default
        }
    })
}

/// Counts watches up or down. The default action, if it was in effect before, is withheld while there is a watch.
fn withhold_default(change: isize) {
    static WATCHES: Mutex<isize> = Mutex::new(0);
    static DEFAULT: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    if disposition() != Disposition::Default {
        return;
    }
    let mut watches = WATCHES.lock().unwrap_or_else(PoisonError::into_inner);
    *watches += change;
    let default = DEFAULT.get_or_init(|| {
        let withheld = Arc::new(AtomicBool::new(false));
        let _ = flag::register_conditional_default(SIGINT, Arc::clone(&withheld));
        withheld
    });
    default.store(*watches == 0, Ordering::SeqCst);
}
