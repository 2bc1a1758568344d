//! A barrier for a fixed number of tasks.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::waiters::{WaitQueue, Waitable, Waiter, wake_each};
use crate::error::BrokenBarrier;
use crate::waiting::WaitsOn;

/// A reusable barrier at which a fixed number of tasks wait for each other.
///
/// A task that arrives while the last generation is still leaving waits outside until all of it is gone. Then as many
/// tasks are woken as there is room for, in order of arrival, and each counts from when it runs; the rest keep their
/// positions. Nothing is reserved: a newcomer that runs before the woken tasks counts before them, and may take the
/// room of the last one.
///
/// # Examples
///
/// ```
/// let start = looplet::Barrier::new(2);
/// futures::executor::block_on(async {
///     let (first, second) = futures::join!(start.wait(), start.wait());
///     assert_eq!((first, second), (Ok(0), Ok(1)));
/// });
/// ```
#[doc(alias = "asyncio.Barrier")]
pub struct Barrier {
    parties: usize,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    is_broken: bool,
    /// The tasks that have arrived, with their outcome once it is known. While the first one has an outcome the
    /// generation is leaving, and no other task may arrive.
    inside: WaitQueue<Option<Outcome>>,
    /// The tasks that wait until the generation has left. Only as many are granted as there is room for inside: to wake
    /// all for each generation would send most of them back.
    outside: WaitQueue,
}

type Outcome = Result<usize, BrokenBarrier>;

/// The result of an arrival.
enum Arrival {
    /// It completes the generation, or fails.
    Passed(Outcome),
    JoinInside,
    JoinOutside,
}

impl State {
    fn is_leaving(&self) -> bool {
        matches!(self.inside.first_data(), Some(Some(_)))
    }

    /// How many tasks of the next generation have arrived.
    fn arrived(&self) -> usize {
        if self.is_leaving() {
            0
        } else {
            self.inside.len()
        }
    }

    /// How many tasks outside may proceed: to enter, or to fail if the barrier is broken.
    fn room(&self, parties: usize) -> usize {
        if self.is_broken {
            usize::MAX
        } else if self.is_leaving() {
            0
        } else {
            parties.saturating_sub(self.inside.len())
        }
    }

    /// Releases all tasks inside that have no outcome yet: with their rank, or with an error.
    fn release(&mut self, passed: bool) {
        let mut rank = 0;
        self.inside.for_each_waiting(|outcome| {
            if outcome.is_none() {
                *outcome = Some(if passed { Ok(rank) } else { Err(BrokenBarrier) });
                rank += 1;
            }
        });
        self.inside.notify_all();
    }
}

impl Barrier {
    /// Creates a barrier that opens whenever `parties` tasks wait.
    ///
    /// # Panics
    ///
    /// If `parties` is 0.
    #[track_caller]
    pub fn new(parties: usize) -> Self {
        assert!(
            parties > 0,
            "a barrier for 0 parties would never be reached: it needs at least 1",
        );
        Self {
            parties,
            state: RefCell::default(),
        }
    }

    /// Waits until all parties have arrived. Returns the rank of arrival, from 0; the last task does not suspend.
    ///
    /// # Errors
    ///
    /// [`BrokenBarrier`] if the barrier is or gets aborted, or is reset before all have arrived.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future withdraws the arrival, unless all parties had arrived already.
    pub fn wait(&self) -> impl Future<Output = Result<usize, BrokenBarrier>> + Unpin {
        Wait {
            outside: Waiter::new(Outside(self)),
            inside: Waiter::new(Inside(self)),
        }
    }

    /// Fails all present waiters with an error, and makes the barrier usable again.
    ///
    /// A task that was released before keeps its rank, though it may not have run yet.
    ///
    /// # Examples
    ///
    /// ```
    /// let start = looplet::Barrier::new(1);
    /// start.abort();
    /// assert!(futures::executor::block_on(start.wait()).is_err());
    /// start.reset();
    /// assert_eq!(futures::executor::block_on(start.wait()), Ok(0));
    /// ```
    pub fn reset(&self) {
        let mut state = self.state.borrow_mut();
        state.is_broken = false;
        if !state.is_leaving() {
            state.release(false);
        }
        drop(state);
        self.settle();
    }

    /// Breaks the barrier: all present and later waiters get an error, until it is [reset](Self::reset).
    pub fn abort(&self) {
        self.state.borrow_mut().is_broken = true;
        self.settle();
    }

    /// How many tasks the barrier waits for.
    pub fn parties(&self) -> usize {
        self.parties
    }

    /// How many tasks have arrived and wait for the rest; 0 while they are leaving.
    pub fn n_waiting(&self) -> usize {
        self.state.borrow().arrived()
    }

    /// Whether the barrier was aborted.
    #[doc(alias = "broken")]
    pub fn is_broken(&self) -> bool {
        self.state.borrow().is_broken
    }

    fn arrive(&self) -> Arrival {
        let mut state = self.state.borrow_mut();
        if state.is_broken {
            return Arrival::Passed(Err(BrokenBarrier));
        }
        if state.is_leaving() {
            return Arrival::JoinOutside;
        }
        let rank = state.inside.len();
        if rank + 1 < self.parties {
            return Arrival::JoinInside;
        }
        state.release(true);
        drop(state);
        self.settle();
        Arrival::Passed(Ok(rank))
    }

    fn settle(&self) {
        let mut state = self.state.borrow_mut();
        if state.is_broken {
            state.release(false);
        } else if state.arrived() >= self.parties {
            // Only if user code arrived in the middle of an arrival.
            state.release(true);
        }
        drop(state);
        wake_each(|| {
            let mut state = self.state.borrow_mut();
            let room = state.room(self.parties);
            let first = state.inside.next_notified();
            first.or(|| state.outside.grant_more(room))
        });
    }

    /// Revokes the grants of tasks outside for which there is no room any more. Done when one of them is polled: in
    /// `settle`, repeated aborts and resets would each walk the whole queue.
    fn revoke_outside(&self) {
        let mut state = self.state.borrow_mut();
        let room = state.room(self.parties);
        state.outside.revoke(room);
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("parties", &self.parties)
            .field("n_waiting", &self.n_waiting())
            .field("is_broken", &self.is_broken())
            .finish()
    }
}

struct Inside<'a>(&'a Barrier);
struct Outside<'a>(&'a Barrier);

impl Waitable for Inside<'_> {
    type Data = Option<Outcome>;

    const WAIT: WaitsOn = WaitsOn::Barrier;

    fn with_queue<R>(&self, f: impl FnOnce(&mut WaitQueue<Option<Outcome>>) -> R) -> R {
        f(&mut self.0.state.borrow_mut().inside)
    }

    fn settle(&self) {
        self.0.settle();
    }
}

impl Waitable for Outside<'_> {
    type Data = ();

    const WAIT: WaitsOn = WaitsOn::Barrier;

    fn with_queue<R>(&self, f: impl FnOnce(&mut WaitQueue) -> R) -> R {
        f(&mut self.0.state.borrow_mut().outside)
    }

    fn settle(&self) {
        self.0.settle();
    }
}

struct Wait<'a> {
    outside: Waiter<Outside<'a>>,
    inside: Waiter<Inside<'a>>,
}

impl Future for Wait<'_> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let Self { outside, inside } = &mut *self;
        loop {
            if inside.is_queued() {
                let outcome = ready!(inside.poll(cx));
                inside.target().settle();
                return Poll::Ready(outcome.unwrap_or(Err(BrokenBarrier)));
            }
            if outside.is_queued() {
                outside.target().0.revoke_outside();
                ready!(outside.poll(cx));
            }
            match inside.target().0.arrive() {
                Arrival::Passed(outcome) => return Poll::Ready(outcome),
                Arrival::JoinInside => drop(ready!(inside.poll(cx))),
                Arrival::JoinOutside => ready!(outside.poll(cx)),
            }
        }
    }
}
