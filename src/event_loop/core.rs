//! The state of one event loop, shared by reference count on the owner thread.

use std::cell::{Cell, OnceCell, RefCell};
use std::mem;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::clock::{BEGIN, Clock, NEVER};
use super::outside::Outside;
use super::parker::Parker;
use super::slow_poll::SlowPoll;
use super::wait::TimerSlack;
use crate::task::{EventSink, Scheduler};
use crate::timer::{Key, Wheel};
use crate::waiting::{self, WaitsOn};

pub(crate) struct Core {
    pub(crate) tasks: Scheduler,
    pub(crate) clock: Clock,
    pub(super) parker: Arc<Parker>,
    timers: RefCell<Wheel<Waker>>,
    /// The buffer in which due timers are gathered; empty between looks.
    pub(super) due: Cell<Vec<Waker>>,
    /// The number of polls at the last reading of the clock.
    pub(super) read_at: Cell<u64>,
    pub(super) stop: Cell<bool>,
    pub(crate) parked: Cell<Duration>,
    pub(super) slack: TimerSlack,
    /// The end of the last wait that no other thread has ended.
    pub(super) woke_at: Cell<u64>,
    arming: Cell<Arming>,
    pub(super) outside: OnceCell<Box<dyn Outside>>,
    pub(super) slow_poll: Option<Box<SlowPoll>>,
    /// Describes what the tasks wait for, for the deadlock panic in virtual time.
    pub(super) explain: Cell<fn(&Core) -> String>,
}

/// What `arm` does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arming {
    Usual,
    /// It notes the deadline for an observer, too.
    Noted,
    /// It refuses timers, because the loop is gone.
    Refused,
}

impl Core {
    pub(super) fn new(
        clock: Clock,
        parker: Arc<Parker>,
        slack: TimerSlack,
        slow_poll: Option<SlowPoll>,
    ) -> Self {
        let mut timers = Wheel::new();
        // Moves the wheel to the time at which the clock starts.
        let _nothing = timers.pop_due(BEGIN);
        Self {
            tasks: Scheduler::new(parker.clone()),
            clock,
            parker,
            timers: RefCell::new(timers),
            due: Cell::new(Vec::new()),
            read_at: Cell::new(0),
            stop: Cell::new(false),
            parked: Cell::new(Duration::ZERO),
            slack,
            woke_at: Cell::new(0),
            arming: Cell::new(Arming::Usual),
            outside: OnceCell::new(),
            slow_poll: slow_poll.map(Box::new),
            explain: Cell::new(|_| String::new()),
        }
    }

    /// Arms a timer. Returns none if it never falls due, or the loop is gone.
    #[inline]
    pub(crate) fn arm(&self, deadline: u64, waker: Waker) -> Option<Key> {
        let is_usual = deadline != NEVER && self.arming.get() == Arming::Usual;
        if !is_usual && !self.note_or_refuse(deadline) {
            return None;
        }
        Some(self.timers.borrow_mut().arm(deadline, waker))
    }

    /// Notes a wait for a deadline. Returns false if no timer is to be armed for it.
    #[cold]
    fn note_or_refuse(&self, deadline: u64) -> bool {
        if deadline == NEVER {
            waiting::note(WaitsOn::Forever);
        } else if self.arming.get() == Arming::Noted {
            self.note_deadline(deadline);
        }
        deadline != NEVER && self.arming.get() != Arming::Refused
    }

    /// Gives an armed timer another deadline. Returns false if it has fired, or the deadline never comes.
    pub(crate) fn rearm(&self, key: Key, deadline: u64) -> bool {
        deadline != NEVER && self.timers.borrow_mut().rearm(key, deadline)
    }

    /// Cancels a timer, if it has not fired yet.
    #[inline]
    pub(crate) fn disarm(&self, key: Key) {
        let waker = self.timers.borrow_mut().cancel(key);
        // Dropped after the borrow, because the drop may run user code.
        drop(waker);
    }

    /// Whether a timer is still armed; if so, it will wake `waker`.
    pub(crate) fn is_armed(&self, key: Key, waker: &Waker) -> bool {
        // A separate statement, because a borrow in the head of a `match` would last until its end.
        let armed = self
            .timers
            .borrow_mut()
            .value_mut(key)
            .map(|armed| armed.will_wake(waker));
        match armed {
            None => return false,
            Some(true) => self.note_armed(key),
            Some(false) if self.is_closed() => {}
            Some(false) => self.exchange_waker(key, waker),
        }
        true
    }

    /// Notes the deadline of an armed timer for the observer, when the timer is polled.
    fn note_armed(&self, key: Key) {
        if self.arming.get() == Arming::Noted {
            let deadline = self.timers.borrow().deadline(key);
            deadline.into_iter().for_each(|at| self.note_deadline(at));
        }
    }

    fn note_deadline(&self, deadline: u64) {
        let until = WaitsOn::Until(self.clock.instant(deadline));
        self.tasks.note(until);
    }

    /// Replaces the waker of an armed timer.
    fn exchange_waker(&self, key: Key, waker: &Waker) {
        self.note_armed(key);
        // Cloned before and dropped after the borrow, because both may run user code.
        let mut other = waker.clone();
        if let Some(armed) = self.timers.borrow_mut().value_mut(key) {
            mem::swap(armed, &mut other);
        }
    }

    pub(crate) fn armed_timers(&self) -> usize {
        self.timers.borrow().len()
    }

    #[inline]
    pub(super) fn has_timers(&self) -> bool {
        !self.timers.borrow().is_empty()
    }

    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.timers.borrow_mut().next_deadline()
    }

    /// Takes the earliest timer that is due at `now`.
    pub(super) fn pop_due(&self, now: u64) -> Option<Waker> {
        self.timers.borrow_mut().pop_due(now)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.arming.get() == Arming::Refused
    }

    /// Installs the observer and starts to note deadlines for it.
    pub(crate) fn observe(&self, observer: Rc<dyn EventSink>) {
        self.arming.set(Arming::Noted);
        self.tasks.set_observer(observer);
    }

    /// Installs the function that describes the waits in the deadlock panic.
    pub(crate) fn set_explain(&self, explain: fn(&Self) -> String) {
        self.explain.set(explain);
    }

    /// Calls `f` with all armed timers, in no order. `f` must not run user code.
    pub(crate) fn for_each_timer(&self, mut f: impl FnMut(Instant, &Waker)) {
        let timers = self.timers.borrow();
        timers
            .iter()
            .for_each(|(deadline, waker)| f(self.clock.instant(deadline), waker));
    }

    /// Takes the wakers out of all timers and discards them. The timers stay armed and never fire.
    fn discard_wakers(&self) {
        let mut timers = self.timers.borrow_mut();
        let taken = |waker| mem::replace(waker, Waker::noop().clone());
        let wakers: Vec<_> = timers.values_mut().map(taken).collect();
        drop(timers);
        for waker in wakers {
            self.tasks.discard(waker);
        }
    }

    /// Closes the loop: cancels and drops its tasks, timers and messages.
    pub(crate) fn close(self: &Rc<Self>) {
        // Suppresses the `on_wake` hook for everything that arrives from now on.
        self.tasks.wake_up();
        super::context::as_current(self, || {
            self.tasks.enter(|| {
                self.arming.set(Arming::Refused);
                self.refuse_work();
                self.tasks.end_all();
                self.discard_wakers();
                // Before `finish_jobs`, because a blocking job may itself wait for an answer from the loop.
                if let Some(outside) = self.outside() {
                    outside.close();
                }
                self.tasks.drop_report();
                // The destructors of wakers, messages and the hook may have spawned tasks.
                self.tasks.end_all();
                if let Some(outside) = self.outside() {
                    outside.finish_jobs();
                    // So may those of jobs that never ran.
                    self.tasks.end_all();
                }
            });
        });
        self.tasks.close();
    }
}
