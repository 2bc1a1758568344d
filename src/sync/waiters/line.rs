//! The line itself: who waits, in order of arrival, and who may go on. Plain data that runs no foreign code.

use std::marker::PhantomData;
use std::mem;
use std::task::Waker;

use super::wake::Next;

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
/// `N` is what an owner notes about each waiter. What has a line stays on its thread, as those who wait do.
pub(in crate::sync) struct Line<N = ()> {
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
    not_send: PhantomData<*const ()>,
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
pub(in crate::sync) struct Place(u32);

/// What a waiter sees when it looks at its place.
pub(super) enum Look {
    MayGo,
    Waits,
    WaitsWithOtherWaker,
}

impl<N: Default> Default for Line<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<N: Default> Line<N> {
    pub(in crate::sync) const fn new() -> Self {
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
            not_send: PhantomData,
        }
    }

    pub(in crate::sync) fn len(&self) -> usize {
        self.len as usize
    }

    pub(in crate::sync) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether exactly those may go on whom an allowance of `n` lets go.
    #[inline]
    pub(in crate::sync) fn is_settled(&self, n: usize) -> bool {
        self.granted as usize == n.min(self.len as usize)
    }

    /// Whether there is somebody who was not let go.
    #[inline]
    pub(in crate::sync) fn has_waiting(&self) -> bool {
        self.cursor != NIL
    }

    /// Lets one more go on if that is at most the `n`th. Gives its waker if it must be woken.
    #[inline]
    pub(in crate::sync) fn let_one_go(&mut self, n: usize) -> Option<Waker> {
        if !self.has_waiting() || self.granted as usize >= n {
            return None;
        }
        self.grant()
    }

    /// Whether this one is among the first `n`, and was let go. Of those who were let go only the first `n` still are.
    #[inline]
    pub(in crate::sync) fn is_turn(&mut self, place: &Place, n: usize) -> bool {
        self.take_back(n);
        self.may_go(place)
    }

    /// Lets exactly the first `n` go on. Gives one who must be woken, for [`wake_each`].
    #[inline]
    pub(in crate::sync) fn let_go(&mut self, n: usize) -> Next {
        self.take_back(n);
        self.let_more_go(n)
    }

    /// As [`let_go`](Self::let_go), for an owner that [takes back](Self::take_back) before anybody looks.
    #[inline]
    pub(in crate::sync) fn let_more_go(&mut self, n: usize) -> Next {
        let mut waker = None;
        while (self.granted as usize) < n && self.cursor != NIL && waker.is_none() {
            waker = self.grant();
        }
        Next {
            waker,
            is_last: self.is_settled(n),
        }
    }

    /// Lets all go on who wait now. They are woken by [`next_called`](Self::next_called).
    pub(in crate::sync) fn call_all(&mut self) {
        self.called_below = self.next_ticket;
    }

    /// One who was called and must be woken, for [`wake_each`].
    pub(in crate::sync) fn next_called(&mut self) -> Next {
        let mut waker = None;
        while self.has_called() && waker.is_none() {
            waker = self.grant();
        }
        Next {
            waker,
            is_last: !self.has_called(),
        }
    }

    /// Whether somebody was called and not handed out to be woken yet.
    pub(in crate::sync) fn has_called(&self) -> bool {
        self.cursor != NIL && self.slot(self.cursor).ticket < self.called_below
    }

    /// The note of the first one in the line.
    pub(in crate::sync) fn first_note(&self) -> Option<&N> {
        (self.head != NIL).then(|| &self.slot(self.head).note)
    }

    /// The notes of all who were not let go, first come first.
    pub(in crate::sync) fn for_each_waiting(&mut self, mut f: impl FnMut(&mut N)) {
        let mut at = self.cursor;
        while at != NIL {
            let slot = self.slot_mut(at);
            f(&mut slot.note);
            at = slot.next;
        }
    }

    #[inline]
    fn grant(&mut self) -> Option<Waker> {
        let slot = &mut self.slots[self.cursor as usize];
        slot.granted = true;
        self.cursor = slot.next;
        self.granted += 1;
        slot.waker.take()
    }

    /// Of those who were let go, only the first `n` still are.
    #[inline]
    pub(in crate::sync) fn take_back(&mut self, n: usize) {
        while self.granted as usize > n {
            self.retract();
        }
    }

    /// Takes the turn of the last one who was let go: it stays where it stands.
    #[cold]
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

    // A call costs as much as the body, here and in `remove`.
    #[inline(always)]
    pub(in crate::sync) fn push(&mut self, waker: Waker) -> Place {
        if self.free == NIL {
            self.add_slot();
        }
        let at = self.free;
        let prev = mem::replace(&mut self.tail, at);
        let slot = &mut self.slots[at as usize];
        self.free = slot.next;
        // A free slot has none: there is nothing to be dropped, and the compiler need not prepare for it.
        mem::forget(slot.waker.replace(waker));
        slot.ticket = self.next_ticket;
        slot.prev = prev;
        slot.next = NIL;
        slot.granted = false;
        self.next_ticket += 1;
        self.len += 1;
        if prev == NIL {
            self.head = at;
        } else {
            self.slot_mut(prev).next = at;
        }
        if self.cursor == NIL {
            self.cursor = at;
        }
        Place(at)
    }

    /// Adds a free slot, without waker and with the default note.
    #[cold]
    fn add_slot(&mut self) {
        let at = u32::try_from(self.slots.len()).unwrap_or(NIL);
        assert!(at != NIL, "too many waiters in one line");
        self.slots.push(Slot {
            waker: None,
            ticket: 0,
            prev: NIL,
            next: NIL,
            granted: false,
            note: N::default(),
        });
        self.free = at;
    }

    /// Takes a waiter out; gives back its note, and its waker to be dropped outside of any borrow.
    #[inline(always)]
    pub(in crate::sync) fn remove(&mut self, Place(at): Place) -> (N, Option<Waker>) {
        let slot = &mut self.slots[at as usize];
        let left = (mem::take(&mut slot.note), slot.waker.take());
        let (prev, next, granted) = (slot.prev, slot.next, slot.granted);
        slot.next = mem::replace(&mut self.free, at);
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

    #[inline]
    pub(in crate::sync) fn may_go(&self, place: &Place) -> bool {
        let slot = self.slot(place.0);
        slot.granted || slot.ticket < self.called_below
    }

    pub(super) fn look(&self, place: &Place, waker: &Waker) -> Look {
        if self.may_go(place) {
            return Look::MayGo;
        }
        match &self.slot(place.0).waker {
            Some(known) if known.will_wake(waker) => Look::Waits,
            _ => Look::WaitsWithOtherWaker,
        }
    }

    /// Takes another waker, and looks again: cloning it was foreign code, which may have let this waiter go and
    /// woken the old one.
    pub(super) fn exchange(&mut self, place: &Place, waker: Waker) -> (Option<Waker>, bool) {
        let old = self.slot_mut(place.0).waker.replace(waker);
        (old, self.may_go(place))
    }

    #[inline]
    fn slot(&self, at: u32) -> &Slot<N> {
        &self.slots[at as usize]
    }

    #[inline]
    fn slot_mut(&mut self, at: u32) -> &mut Slot<N> {
        &mut self.slots[at as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_let_go_costs_nothing_when_the_others_take_notes() {
        let mut line = Line::<u32>::new();
        let _places: Vec<_> = (0..5).map(|_| line.push(Waker::noop().clone())).collect();
        let count = |line: &mut Line<u32>| {
            let mut count = 0;
            line.for_each_waiting(|_| count += 1);
            count
        };
        assert_eq!(count(&mut line), 5);
        assert!(line.let_one_go(5).is_some());
        assert_eq!(count(&mut line), 4);
        line.call_all();
        while line.next_called().waker.is_some() {}
        assert_eq!(count(&mut line), 0);
    }
}
