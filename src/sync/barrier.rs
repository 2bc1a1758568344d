//! A place where a fixed number of tasks meet.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::waiters::{Line, Owner, Waiting, wake_each};
use crate::error::BrokenBarrier;
use crate::waiting::Kind;

/// A place where a fixed number of tasks wait for each other, again and again.
///
/// Who arrives while the last company is still leaving waits outside until all of it is gone. Then as many are woken as
/// there is room for, first come first, and count from when they run; the others keep their places. Nothing is reserved:
/// a newcomer that runs before those who were woken counts before them, and may take the room of the last one.
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
    /// Those who have arrived, and what became of it once that is known. Then they are leaving: for as long as the
    /// first one of the line knows, nobody else may arrive.
    inside: Line<Option<Outcome>>,
    /// Those who wait until everybody has left. As many of them may go on as there is room for inside, and not all: each
    /// company would call everybody, only to send most of them back.
    outside: Line,
}

type Outcome = Result<usize, BrokenBarrier>;

/// What an arrival leads to.
enum Arrival {
    /// It completes the company, or fails.
    Passed(Outcome),
    JoinInside,
    JoinOutside,
}

impl State {
    fn is_leaving(&self) -> bool {
        matches!(self.inside.first_note(), Some(Some(_)))
    }

    /// How many have arrived for the next passage.
    fn arrived(&self) -> usize {
        if self.is_leaving() {
            0
        } else {
            self.inside.len()
        }
    }

    /// How many of those outside may go on: to come in, or to hear that it is broken.
    fn room(&self, parties: usize) -> usize {
        if self.is_broken {
            usize::MAX
        } else if self.is_leaving() {
            0
        } else {
            parties.saturating_sub(self.inside.len())
        }
    }

    /// Lets all those inside leave who do not know yet: with their rank, or with an error.
    fn decide(&mut self, passed: bool) {
        let mut rank = 0;
        self.inside.for_each_waiting(|note| {
            if note.is_none() {
                *note = Some(if passed { Ok(rank) } else { Err(BrokenBarrier) });
                rank += 1;
            }
        });
        self.inside.call_all();
    }
}

impl Barrier {
    /// A barrier that lets go whenever `parties` tasks wait.
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

    /// Waits until all parties are here. Gives the rank of arrival among them, from 0; the last one does not suspend.
    ///
    /// # Errors
    ///
    /// [`BrokenBarrier`] if the barrier is or gets aborted, or is reset before all are here.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future counts as not having come, unless all were here already.
    pub fn wait(&self) -> impl Future<Output = Result<usize, BrokenBarrier>> + Unpin {
        Wait {
            outside: Waiting::new(Outside(self)),
            inside: Waiting::new(Inside(self)),
        }
    }

    /// Sends those who wait away with an error, and makes the barrier usable again.
    ///
    /// Whom it let go before keeps its rank, though it may not have run yet.
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
            state.decide(false);
        }
        drop(state);
        self.settle();
    }

    /// Breaks the barrier: all who wait and all who come get an error, until it is [reset](Self::reset).
    pub fn abort(&self) {
        self.state.borrow_mut().is_broken = true;
        self.settle();
    }

    /// How many tasks have to meet.
    pub fn parties(&self) -> usize {
        self.parties
    }

    /// How many wait for the others; 0 while they are leaving.
    pub fn n_waiting(&self) -> usize {
        self.state.borrow().arrived()
    }

    /// Whether it was aborted.
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
        state.decide(true);
        drop(state);
        self.settle();
        Arrival::Passed(Ok(rank))
    }

    fn settle(&self) {
        let mut state = self.state.borrow_mut();
        if state.is_broken {
            state.decide(false);
        } else if state.arrived() >= self.parties {
            // Only if foreign code arrived in the middle of an arrival.
            state.decide(true);
        }
        drop(state);
        wake_each(|| {
            let mut state = self.state.borrow_mut();
            let room = state.room(self.parties);
            let first = state.inside.next_called();
            first.or(|| state.outside.let_more_go(room))
        });
    }

    /// Keeps those outside for whom there was room, and is none any more. Only when one of them looks: else whoever
    /// aborts and resets again and again would each time go along the whole line.
    fn keep_out(&self) {
        let mut state = self.state.borrow_mut();
        let room = state.room(self.parties);
        state.outside.take_back(room);
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

impl Owner for Inside<'_> {
    type Note = Option<Outcome>;

    const KIND: Kind = Kind::Barrier;

    fn with_line<R>(&self, f: impl FnOnce(&mut Line<Option<Outcome>>) -> R) -> R {
        f(&mut self.0.state.borrow_mut().inside)
    }

    fn settle(&self) {
        self.0.settle();
    }
}

impl Owner for Outside<'_> {
    type Note = ();

    const KIND: Kind = Kind::Barrier;

    fn with_line<R>(&self, f: impl FnOnce(&mut Line) -> R) -> R {
        f(&mut self.0.state.borrow_mut().outside)
    }

    fn settle(&self) {
        self.0.settle();
    }
}

struct Wait<'a> {
    outside: Waiting<Outside<'a>>,
    inside: Waiting<Inside<'a>>,
}

impl Future for Wait<'_> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let Self { outside, inside } = &mut *self;
        loop {
            if inside.is_in_line() {
                ready!(inside.poll(cx));
                let outcome = inside.leave();
                inside.owner().settle();
                return Poll::Ready(outcome.unwrap_or(Err(BrokenBarrier)));
            }
            if outside.is_in_line() {
                outside.owner().0.keep_out();
                ready!(outside.poll(cx));
                outside.leave();
            }
            match inside.owner().0.arrive() {
                Arrival::Passed(outcome) => return Poll::Ready(outcome),
                Arrival::JoinInside => ready!(inside.poll(cx)),
                Arrival::JoinOutside => ready!(outside.poll(cx)),
            }
        }
    }
}
