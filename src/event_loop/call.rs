//! Plain calls: functions that the loop runs once, in the order of its ready queue.

use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use super::core::Core;
use crate::task::Call;
use crate::timer::Key;

/// A plain call that was queued or set to a time. Dropping this does nothing to the call.
///
/// ```
/// use std::time::Duration;
///
/// looplet::run(async {
///     let alarm = looplet::call_later(Duration::from_secs(3600), || println!("an hour has passed"));
///     assert!(alarm.cancel());
///     assert!(!alarm.cancel());
/// });
/// ```
#[doc(alias = "Handle")]
#[doc(alias = "TimerHandle")]
pub struct CallHandle {
    call: Call,
    timer: Option<(Rc<Core>, Key)>,
}

impl CallHandle {
    pub(super) fn soon(
        core: &Core,
        at: &'static Location<'static>,
        f: impl FnOnce() + 'static,
    ) -> Self {
        let call = core.call(at, f);
        call.queue();
        Self { call, timer: None }
    }

    pub(super) fn at(
        core: &Rc<Core>,
        at: &'static Location<'static>,
        deadline: u64,
        f: impl FnOnce() + 'static,
    ) -> Self {
        let call = core.call(at, f);
        let timer = core
            .arm(deadline, call.waker())
            .map(|key| (core.clone(), key));
        if timer.is_none() && core.is_closed() {
            // It never comes due, and ends with what is queued.
            call.queue();
        }
        Self { call, timer }
    }

    /// Keeps the call from running; the function is dropped now. True if this is what prevented it: false if it has
    /// run, is running, or was cancelled before.
    pub fn cancel(&self) -> bool {
        if let Some((core, key)) = &self.timer {
            core.disarm(*key);
        }
        self.call.cancel()
    }
}

impl fmt::Debug for CallHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallHandle").finish_non_exhaustive()
    }
}
