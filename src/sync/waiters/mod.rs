//! The line of waiters that every primitive of this room shares, and the rule that a turn is passed on.
//!
//! A [`Line`] is plain data and never runs user code: who waits, in order of arrival, and which of them may go on.
//! Its owner keeps it in a `RefCell` beside its own state and lets people go in one of two ways:
//!
//! - by *allowance* ([`let_go`](Line::let_go)): the first `n` may go on, the others may not. A queue allows as many
//!   getters as it has items; a semaphore as many acquirers as it has permits. Somebody who leaves shifts the rest.
//! - by *call* ([`call_all`](Line::call_all)): all who wait now may go on, whatever happens later, as with an event.
//!
//! Both hand out wakers one by one, so that the owner can end its borrow before it wakes anybody: a waker is foreign
//! code that may panic or call back in. [`Waiting`] is one waiter's place; dropping it leaves the line and lets the
//! owner [`settle`](Owner::settle), which is how a turn passes on.

mod line;
mod wake;

use std::task::{Context, Poll, Waker};

use self::line::Look;
pub(super) use self::line::{Line, Place};
pub(super) use self::wake::{Next, wake_each, wake_one};
use crate::waiting;

/// Who keeps a line: a primitive, or one of several lines of a primitive.
pub(super) trait Owner {
    type Note: Default;

    /// What they wait for.
    const KIND: waiting::Kind;

    /// Works on the line. No user code may run inside.
    fn with_line<R>(&self, f: impl FnOnce(&mut Line<Self::Note>) -> R) -> R;

    /// Puts a waiter at the end of the line. Cloning its waker was foreign code: if what it waits for came
    /// meanwhile, it is let go here.
    fn join(&self, waker: Waker) -> Place {
        let place = self.with_line(|line| line.push(waker));
        self.settle();
        place
    }

    /// Takes a waiter out of the line.
    fn remove(&self, place: Place) -> (Self::Note, Option<Waker>) {
        self.with_line(|line| line.remove(place))
    }

    /// Lets everybody go whom the state allows to go by now. Called with no borrow held.
    fn settle(&self);
}

/// One waiter's place in a line, taken at the first poll that has to wait.
pub(super) struct Waiting<O: Owner> {
    owner: O,
    place: Option<Place>,
}

impl<O: Owner> Waiting<O> {
    #[inline]
    pub(super) fn new(owner: O) -> Self {
        Self { owner, place: None }
    }

    #[inline]
    pub(super) fn owner(&self) -> &O {
        &self.owner
    }

    /// Owner and place, for an owner that takes it out of the line and changes its state in one step.
    #[inline]
    pub(super) fn parts(&mut self) -> (&O, &mut Option<Place>) {
        (&self.owner, &mut self.place)
    }

    /// Whether it stands in the line.
    #[inline]
    pub(super) fn is_in_line(&self) -> bool {
        self.place.is_some()
    }

    /// Joins the line, or looks whether it may go on; then [`leave`](Self::leave) must follow.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.place {
            None => self.place = Some(self.owner.join(cx.waker().clone())),
            Some(place) => match self.owner.with_line(|line| line.look(place, cx.waker())) {
                Look::MayGo => return Poll::Ready(()),
                Look::Waits => {}
                Look::WaitsWithOtherWaker => {
                    let waker = cx.waker().clone();
                    let exchange = |line: &mut Line<O::Note>| line.exchange(place, waker);
                    let (_old, may_go) = self.owner.with_line(exchange);
                    if may_go {
                        return Poll::Ready(());
                    }
                }
            },
        }
        waiting::note(O::KIND);
        Poll::Pending
    }

    /// Leaves the line to use its turn. Nobody moves up: the owner settles after it has changed its state.
    pub(super) fn leave(&mut self) -> O::Note {
        match self.place.take() {
            Some(place) => self.owner.remove(place).0,
            None => O::Note::default(),
        }
    }
}

impl<O: Owner> Drop for Waiting<O> {
    #[inline]
    fn drop(&mut self) {
        if self.place.is_some() {
            pass_on(self);
        }
    }
}

/// The rule itself: whoever leaves without using its turn makes the owner look who may go on now.
#[cold]
fn pass_on<O: Owner>(waiting: &mut Waiting<O>) {
    if let Some(place) = waiting.place.take() {
        // The waker is dropped last: that may panic.
        let _left = waiting.owner.remove(place);
        waiting.owner.settle();
    }
}
