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

use std::panic::{self, AssertUnwindSafe};
use std::task::{Context, Poll, Waker};

/// Marks the end of a list.
const NIL: u32 = u32::MAX;

/// Waiters in order of arrival. All operations are O(1); slots are reused, and an empty line owns no memory.
///
/// ```text
/// head                  cursor             tail
///  |                       |                 |
///  v                       v                 v
/// [may go] -> [may go] -> [waits] -> ... -> [waits]      allowance: `granted` of `len` may go
/// ```
///
/// `N` is what an owner notes about each waiter.
pub(super) struct Line<N = ()> {
    slots: Vec<Slot<N>>,
    free: u32,
    head: u32,
    tail: u32,
    /// The first one that was not let go, unless all were.
    cursor: u32,
    len: u32,
    granted: u32,
    next_ticket: u64,
    /// Whoever has a lower ticket was called.
    called_below: u64,
}

struct Slot<N> {
    /// Empty as soon as it was taken to be woken: the waiter is going to look by itself.
    waker: Option<Waker>,
    ticket: u64,
    prev: u32,
    next: u32,
    granted: bool,
    note: N,
}

/// Where somebody stands; not `Copy`, because leaving the line gives it up.
pub(super) struct Place(u32);

/// What a waiter sees when it looks at its place.
enum Look {
    MayGo,
    Waits,
    WaitsWithOtherWaker,
}

impl<N: Default> Line<N> {
    pub(super) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: NIL,
            head: NIL,
            tail: NIL,
            cursor: NIL,
            len: 0,
            granted: 0,
            next_ticket: 0,
            called_below: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether exactly those may go on whom an allowance of `n` lets go.
    #[inline]
    pub(super) fn is_settled(&self, n: usize) -> bool {
        self.granted as usize == n.min(self.len as usize)
    }

    /// Lets exactly the first `n` go on. Returns one who must be woken: call it again until there is none.
    pub(super) fn let_go(&mut self, n: usize) -> Option<Waker> {
        while self.granted as usize > n {
            self.retract();
        }
        while (self.granted as usize) < n && self.cursor != NIL {
            let waker = self.grant();
            if waker.is_some() {
                return waker;
            }
        }
        None
    }

    /// Lets all go on who wait now. They are woken by [`next_called`](Self::next_called).
    pub(super) fn call_all(&mut self) {
        self.called_below = self.next_ticket;
    }

    /// One who was called and must be woken: call it again until there is none.
    pub(super) fn next_called(&mut self) -> Option<Waker> {
        while self.cursor != NIL && self.slot(self.cursor).ticket < self.called_below {
            let waker = self.grant();
            if waker.is_some() {
                return waker;
            }
        }
        None
    }

    /// The notes of all who wait, first come first.
    pub(super) fn for_each_note(&mut self, mut f: impl FnMut(&mut N)) {
        let mut at = self.head;
        while at != NIL {
            let slot = self.slot_mut(at);
            f(&mut slot.note);
            at = slot.next;
        }
    }

    fn grant(&mut self) -> Option<Waker> {
        let slot = &mut self.slots[self.cursor as usize];
        slot.granted = true;
        self.cursor = slot.next;
        self.granted += 1;
        slot.waker.take()
    }

    /// Takes the turn of the last one who was let go: it stays where it stands.
    fn retract(&mut self) {
        let last = if self.cursor == NIL {
            self.tail
        } else {
            self.slot(self.cursor).prev
        };
        self.slot_mut(last).granted = false;
        self.cursor = last;
        self.granted -= 1;
    }

    fn push(&mut self, waker: Waker) -> Place {
        let slot = Slot {
            waker: Some(waker),
            ticket: self.next_ticket,
            prev: self.tail,
            next: NIL,
            granted: false,
            note: N::default(),
        };
        self.next_ticket += 1;
        let at = self.store(slot);
        match self.tail {
            NIL => self.head = at,
            tail => self.slot_mut(tail).next = at,
        }
        self.tail = at;
        if self.cursor == NIL {
            self.cursor = at;
        }
        self.len += 1;
        Place(at)
    }

    fn store(&mut self, slot: Slot<N>) -> u32 {
        if self.free == NIL {
            let at = u32::try_from(self.slots.len()).unwrap_or(NIL);
            assert!(at != NIL, "too many waiters in one line");
            self.slots.push(slot);
            return at;
        }
        let at = self.free;
        self.free = self.slot(at).next;
        *self.slot_mut(at) = slot;
        at
    }

    /// Takes a waiter out; gives back its note, and its waker to be dropped outside of any borrow.
    fn remove(&mut self, Place(at): Place) -> (N, Option<Waker>) {
        let free = self.free;
        let slot = self.slot_mut(at);
        let left = (std::mem::take(&mut slot.note), slot.waker.take());
        let (prev, next, granted) = (slot.prev, slot.next, slot.granted);
        slot.next = free;
        self.free = at;
        match prev {
            NIL => self.head = next,
            prev => self.slot_mut(prev).next = next,
        }
        match next {
            NIL => self.tail = prev,
            next => self.slot_mut(next).prev = prev,
        }
        if granted {
            self.granted -= 1;
        } else if self.cursor == at {
            self.cursor = next;
        }
        self.len -= 1;
        left
    }

    fn may_go(&self, place: &Place) -> bool {
        let slot = self.slot(place.0);
        slot.granted || slot.ticket < self.called_below
    }

    fn look(&self, place: &Place, waker: &Waker) -> Look {
        if self.may_go(place) {
            return Look::MayGo;
        }
        match &self.slot(place.0).waker {
            Some(known) if known.will_wake(waker) => Look::Waits,
            _ => Look::WaitsWithOtherWaker,
        }
    }

    fn slot(&self, at: u32) -> &Slot<N> {
        &self.slots[at as usize]
    }

    fn slot_mut(&mut self, at: u32) -> &mut Slot<N> {
        &mut self.slots[at as usize]
    }
}

/// Who keeps a line: a primitive, or one of several lines of a primitive.
pub(super) trait Owner {
    type Note: Default;

    /// Works on the line. No user code may run inside.
    fn with_line<R>(&self, f: impl FnOnce(&mut Line<Self::Note>) -> R) -> R;

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

    /// Whether it stands in the line.
    #[inline]
    pub(super) fn is_in_line(&self) -> bool {
        self.place.is_some()
    }

    /// Joins the line, or looks whether it may go on; then [`leave`](Self::leave) must follow.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Self { owner, place } = self;
        match place {
            None => {
                let waker = cx.waker().clone();
                *place = Some(owner.with_line(|line| line.push(waker)));
                // Cloning a waker is foreign code: what this waiter waits for may have come meanwhile.
                owner.settle();
            }
            Some(place) => match owner.with_line(|line| line.look(place, cx.waker())) {
                Look::MayGo => return Poll::Ready(()),
                Look::Waits => return Poll::Pending,
                Look::WaitsWithOtherWaker => {
                    let waker = Some(cx.waker().clone());
                    let old = owner.with_line(|line| {
                        std::mem::replace(&mut line.slot_mut(place.0).waker, waker)
                    });
                    drop(old);
                }
            },
        }
        // Whoever was let go while foreign code ran above may have been woken through the old waker, or not at all.
        match place {
            Some(place) if owner.with_line(|line| line.may_go(place)) => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }

    /// Leaves the line to use its turn. Nobody moves up: the owner settles after it has changed its state.
    pub(super) fn leave(&mut self) -> O::Note {
        match self.place.take() {
            Some(place) => self.owner.with_line(|line| line.remove(place)).0,
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
        let _left = waiting.owner.with_line(|line| line.remove(place));
        waiting.owner.settle();
    }
}

/// Wakes one after the other until there is none left, also if one of them panics; that panic goes on afterwards.
pub(super) fn wake_each(mut next: impl FnMut() -> Option<Waker>) {
    let mut panicked = None;
    while let Some(waker) = next() {
        if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| waker.wake())) {
            panicked = panicked.or(Some(payload));
        }
    }
    if let Some(payload) = panicked {
        if !std::thread::panicking() {
            panic::resume_unwind(payload);
        }
    }
}
