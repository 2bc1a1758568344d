//! What belongs to one event loop; everybody who works for it holds a count of this.

use std::cell::{Cell, OnceCell, RefCell};
use std::mem;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::bell::Doorbell;
use super::clock::{BEGIN, Clock, NEVER};
use super::inbox::Inbox;
use super::observer::{Observer, Watcher};
use super::pool::{Flights, Pool};
use super::slow_poll::SlowPoll;
use crate::task::{Call, Scheduler, Vacant, Work};
use crate::timer::{Key, Wheel};
use crate::waiting::{self, Kind};

pub(crate) struct Core {
    pub(crate) tasks: Scheduler,
    pub(crate) clock: Clock,
    pub(super) bell: Arc<Doorbell>,
    timers: RefCell<Wheel<Waker>>,
    /// Where due timers are gathered; empty in between.
    pub(super) due: Cell<Vec<Waker>>,
    /// How many polls there had been when the clock was last read.
    pub(super) read_at: Cell<u64>,
    pub(super) stop: Cell<bool>,
    pub(super) rounds: Cell<u64>,
    pub(super) parked: Cell<Duration>,
    /// Timers fired since the last wait.
    pub(super) fired: Cell<u64>,
    /// Other threads have put items since the last wait.
    pub(super) items_came: Cell<bool>,
    arming: Cell<Arming>,
    watcher: OnceCell<Rc<Watcher>>,
    /// What few loops need, made when it is first used.
    pub(super) inbox: OnceCell<Box<Inbox>>,
    pub(super) pool: OnceCell<Box<Pool>>,
    pub(super) flights: OnceCell<Arc<Flights>>,
    pub(super) blocking_threads: usize,
    pub(super) slow_poll: Option<Box<SlowPoll>>,
    #[cfg(all(unix, feature = "signal"))]
    pub(super) handles_interrupt: bool,
    /// The main task, for whoever wants to cancel it from outside.
    #[cfg(all(unix, feature = "signal"))]
    pub(super) main: RefCell<Option<crate::task::Task>>,
}

/// What happens to timers that are to be armed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arming {
    Usual,
    /// They are noted for an observer.
    Noted,
    /// The loop is gone: no timer is armed any more.
    Refused,
}

impl Core {
    pub(super) fn new(
        clock: Clock,
        bell: Arc<Doorbell>,
        blocking_threads: usize,
        slow_poll: Option<SlowPoll>,
    ) -> Self {
        let mut timers = Wheel::new();
        // So that it stands at the beginning.
        let _nothing = timers.pop_due(BEGIN);
        Self {
            tasks: Scheduler::new(bell.clone()),
            clock,
            bell,
            timers: RefCell::new(timers),
            due: Cell::new(Vec::new()),
            read_at: Cell::new(0),
            stop: Cell::new(false),
            rounds: Cell::new(0),
            parked: Cell::new(Duration::ZERO),
            fired: Cell::new(0),
            items_came: Cell::new(false),
            arming: Cell::new(Arming::Usual),
            watcher: OnceCell::new(),
            inbox: OnceCell::new(),
            pool: OnceCell::new(),
            flights: OnceCell::new(),
            blocking_threads,
            slow_poll: slow_poll.map(Box::new),
            #[cfg(all(unix, feature = "signal"))]
            handles_interrupt: false,
            #[cfg(all(unix, feature = "signal"))]
            main: RefCell::new(None),
        }
    }

    /// A cell for a future that is about to be spawned.
    #[inline]
    pub(crate) fn vacant<W: Work>(&self, at: &'static Location<'static>) -> Vacant<W> {
        self.tasks.vacant(at)
    }

    pub(crate) fn call(&self, at: &'static Location<'static>, f: impl FnOnce() + 'static) -> Call {
        self.tasks.call(at, f)
    }

    /// Arms a timer. None: it never comes due, or the loop is gone.
    #[inline]
    pub(crate) fn arm(&self, deadline: u64, waker: Waker) -> Option<Key> {
        if deadline == NEVER || self.arming.get() != Arming::Usual {
            return self.arm_or_refuse(deadline, waker);
        }
        Some(self.timers.borrow_mut().arm(deadline, waker))
    }

    #[cold]
    fn arm_or_refuse(&self, deadline: u64, waker: Waker) -> Option<Key> {
        if deadline == NEVER {
            waiting::note(Kind::Forever);
        } else if self.arming.get() == Arming::Noted {
            self.tasks.note_deadline(deadline);
        }
        let refused = deadline == NEVER || self.arming.get() == Arming::Refused;
        (!refused).then(|| self.timers.borrow_mut().arm(deadline, waker))
    }

    /// Gives an armed timer another deadline. False: it has fired, or the deadline never comes.
    pub(crate) fn rearm(&self, key: Key, deadline: u64) -> bool {
        deadline != NEVER && self.timers.borrow_mut().rearm(key, deadline)
    }

    /// Takes a timer back, if it has not fired yet.
    #[inline]
    pub(crate) fn disarm(&self, key: Key) {
        let waker = self.timers.borrow_mut().cancel(key);
        // Dropped out of the borrow: it may be anybody's code.
        drop(waker);
    }

    /// Whether a timer is still armed; if so, it will wake `waker`.
    pub(crate) fn is_armed(&self, key: Key, waker: &Waker) -> bool {
        // In a statement of its own, for a borrow in the head of a `match` lasts to its end.
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

    /// A timer is found armed by whoever awaits it.
    fn note_armed(&self, key: Key) {
        if self.arming.get() == Arming::Noted {
            let deadline = self.timers.borrow().deadline(key);
            deadline
                .into_iter()
                .for_each(|at| self.tasks.note_deadline(at));
        }
    }

    /// A timer gets another waker.
    fn exchange_waker(&self, key: Key, waker: &Waker) {
        self.note_armed(key);
        // Cloned and dropped out of the borrow, as above.
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

    /// The earliest timer that is due at `now`, taken out.
    pub(super) fn pop_due(&self, now: u64) -> Option<Waker> {
        self.timers.borrow_mut().pop_due(now)
    }

    /// The number of this round. It runs each task once at most.
    pub(crate) fn round(&self) -> u64 {
        self.rounds.get()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.arming.get() == Arming::Refused
    }

    /// Lets the observer hear what happens, and turns on the notes of what tasks wait for.
    pub(super) fn observe(self: &Rc<Self>, observer: Option<Rc<dyn Observer>>) {
        let watcher = observer.map(|it| Rc::new(Watcher::new(Rc::downgrade(self), it)));
        if let Some(watcher) = &watcher {
            self.arming.set(Arming::Noted);
            let _ = self.watcher.set(watcher.clone());
        }
        self.tasks.watch(watcher.map(|watcher| watcher as _));
    }

    pub(super) fn watcher(&self) -> Option<&Watcher> {
        self.watcher.get().map(|watcher| &**watcher)
    }

    /// Looks at all armed timers, in no order. No user code may run inside.
    pub(super) fn for_each_timer(&self, mut f: impl FnMut(u64, &Waker)) {
        let timers = self.timers.borrow();
        timers
            .iter()
            .for_each(|(deadline, waker)| f(deadline, waker));
    }

    /// Nobody is woken by a timer any more. The timers stay armed: what did not fire in time never does.
    fn discard_wakers(&self) {
        let mut timers = self.timers.borrow_mut();
        let taken = |waker| mem::replace(waker, Waker::noop().clone());
        let wakers: Vec<_> = timers.values_mut().map(taken).collect();
        drop(timers);
        for waker in wakers {
            self.tasks.discard(waker);
        }
    }

    /// Cancels and drops all there is. The last step of a loop's life.
    pub(super) fn close(self: &Rc<Self>) {
        // A host need not hear of what arrives from now on.
        self.tasks.wake_up();
        super::context::lend(self, || {
            self.tasks.enter(|| {
                self.arming.set(Arming::Refused);
                self.refuse_work();
                self.tasks.end_all();
                self.discard_wakers();
                // Before the wait for jobs, which may themselves wait for an answer from the loop.
                self.close_mail();
                self.tasks.drop_report();
                // The destructors of wakers, letters and the hook may have made new work.
                self.tasks.end_all();
                self.close_pool();
            });
        });
        self.tasks.close();
        if let Some(watcher) = self.watcher() {
            watcher.retire();
        }
    }
}
