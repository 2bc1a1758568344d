//! The wait queue: waiters in order of arrival, and which of them may proceed. Plain data that runs no user code.

use std::marker::PhantomData;
use std::mem;
use std::task::Waker;

use super::wake::NextWaker;

/// Marks the end of a list.
const NIL: u32 = u32::MAX;

/// Waiters in order of arrival. All operations are O(1); slots are reused, and a new queue owns no memory.
///
/// ```text
/// head                    cursor             tail
///  |                         |                 |
///  v                         v                 v
/// [granted] -> [granted] -> [waits] -> ... -> [waits]    allowance: `granted` of `len` may proceed
/// ```
///
/// `N` is the data that a primitive stores with each waiter. The queue is not `Send`: a primitive and its waiters stay
/// on one thread.
pub(in crate::sync) struct WaitQueue<N = ()> {
    slots: Vec<Slot<N>>,
    free: u32,
    head: u32,
    tail: u32,
    /// The first waiter without a grant, or [`NIL`].
    cursor: u32,
    len: u32,
    granted: u32,
    next_ticket: u64,
    /// Waiters with a lower ticket were notified.
    notified_below: u64,
    not_send: PhantomData<*const ()>,
}

struct Slot<N> {
    /// `None` once it was taken to be woken.
    waker: Option<Waker>,
    ticket: u64,
    prev: u32,
    next: u32,
    granted: bool,
    data: N,
}

/// The key of a waiter's slot. Not `Copy`: [`WaitQueue::remove`] consumes it.
pub(in crate::sync) struct Key(u32);

/// What a waiter has to do; see [`WaitQueue::check`].
pub(super) enum Check {
    Proceed,
    Wait,
    ReplaceWaker,
}

impl<N: Default> Default for WaitQueue<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<N: Default> WaitQueue<N> {
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
            notified_below: 0,
            not_send: PhantomData,
        }
    }

    pub(in crate::sync) fn len(&self) -> usize {
        self.len as usize
    }

    pub(in crate::sync) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether exactly the first `n` waiters have a grant.
    #[inline]
    pub(in crate::sync) fn is_settled(&self, n: usize) -> bool {
        self.granted as usize == n.min(self.len as usize)
    }

    /// Whether any waiter has no grant.
    #[inline]
    pub(in crate::sync) fn has_waiting(&self) -> bool {
        self.cursor != NIL
    }

    /// Grants one more waiter unless `n` have a grant. Returns its waker if it must be woken.
    #[inline]
    pub(in crate::sync) fn grant_one(&mut self, n: usize) -> Option<Waker> {
        if !self.has_waiting() || self.granted as usize >= n {
            return None;
        }
        self.grant_next()
    }

    /// Revokes all grants but the first `n`, and returns whether this waiter may still proceed.
    #[inline]
    pub(in crate::sync) fn is_granted(&mut self, key: &Key, n: usize) -> bool {
        self.revoke(n);
        self.may_proceed(key)
    }

    /// Gives a grant to exactly the first `n` waiters. Returns at most one waker; [`wake_each`](super::wake_each) calls
    /// this until none is left.
    #[inline]
    pub(in crate::sync) fn grant(&mut self, n: usize) -> NextWaker {
        self.revoke(n);
        self.grant_more(n)
    }

    /// Like [`grant`](Self::grant), for a primitive that [revokes](Self::revoke) before a waiter is checked.
    #[inline]
    pub(in crate::sync) fn grant_more(&mut self, n: usize) -> NextWaker {
        let mut waker = None;
        while (self.granted as usize) < n && self.cursor != NIL && waker.is_none() {
            waker = self.grant_next();
        }
        NextWaker {
            waker,
            is_last: self.is_settled(n),
        }
    }

    /// Lets all present waiters proceed, irrevocably. [`next_notified`](Self::next_notified) gives their wakers.
    pub(in crate::sync) fn notify_all(&mut self) {
        self.notified_below = self.next_ticket;
    }

    /// A notified waiter that must be woken, for [`wake_each`](super::wake_each).
    pub(in crate::sync) fn next_notified(&mut self) -> NextWaker {
        let mut waker = None;
        while self.has_notified() && waker.is_none() {
            waker = self.grant_next();
        }
        NextWaker {
            waker,
            is_last: !self.has_notified(),
        }
    }

    /// Whether any notified waiter was not returned by [`next_notified`](Self::next_notified) yet.
    pub(in crate::sync) fn has_notified(&self) -> bool {
        self.cursor != NIL && self.slot(self.cursor).ticket < self.notified_below
    }

    /// The data of the first waiter.
    pub(in crate::sync) fn first_data(&self) -> Option<&N> {
        (self.head != NIL).then(|| &self.slot(self.head).data)
    }

    /// Calls `f` with the data of each waiter without a grant, in order of arrival.
    pub(in crate::sync) fn for_each_waiting(&mut self, mut f: impl FnMut(&mut N)) {
        let mut at = self.cursor;
        while at != NIL {
            let slot = self.slot_mut(at);
            f(&mut slot.data);
            at = slot.next;
        }
    }

    #[inline]
    fn grant_next(&mut self) -> Option<Waker> {
        let slot = &mut self.slots[self.cursor as usize];
        slot.granted = true;
        self.cursor = slot.next;
        self.granted += 1;
        slot.waker.take()
    }

    /// Revokes all grants but the first `n`.
    #[inline]
    pub(in crate::sync) fn revoke(&mut self, n: usize) {
        while self.granted as usize > n {
            self.revoke_last();
        }
    }

    /// Revokes the last grant; its waiter keeps its position.
    #[cold]
    fn revoke_last(&mut self) {
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
    pub(in crate::sync) fn push(&mut self, waker: Waker) -> Key {
        if self.free == NIL {
            self.add_slot();
        }
        let at = self.free;
        let prev = mem::replace(&mut self.tail, at);
        let slot = &mut self.slots[at as usize];
        self.free = slot.next;
        // A free slot has no waker; `forget` spares the code that would drop it.
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
        Key(at)
    }

    /// Adds a free slot.
    #[cold]
    fn add_slot(&mut self) {
        let at = u32::try_from(self.slots.len()).unwrap_or(NIL);
        assert!(at != NIL, "too many waiters in one queue");
        self.slots.push(Slot {
            waker: None,
            ticket: 0,
            prev: NIL,
            next: NIL,
            granted: false,
            data: N::default(),
        });
        self.free = at;
    }

    /// Removes a waiter. Returns its data, and its waker, which the caller drops outside of any borrow.
    #[inline(always)]
    pub(in crate::sync) fn remove(&mut self, Key(at): Key) -> (N, Option<Waker>) {
        let slot = &mut self.slots[at as usize];
        let left = (mem::take(&mut slot.data), slot.waker.take());
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
    pub(in crate::sync) fn may_proceed(&self, key: &Key) -> bool {
        let slot = self.slot(key.0);
        slot.granted || slot.ticket < self.notified_below
    }

    pub(super) fn check(&self, key: &Key, waker: &Waker) -> Check {
        if self.may_proceed(key) {
            return Check::Proceed;
        }
        match &self.slot(key.0).waker {
            Some(known) if known.will_wake(waker) => Check::Wait,
            _ => Check::ReplaceWaker,
        }
    }

    /// Replaces the waker and checks again: cloning it ran user code, which may have granted this waiter and woken the
    /// old waker.
    pub(super) fn replace_waker(&mut self, key: &Key, waker: Waker) -> (Option<Waker>, bool) {
        let old = self.slot_mut(key.0).waker.replace(waker);
        (old, self.may_proceed(key))
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
    fn granted_waiters_are_skipped_when_data_is_set() {
        let mut queue = WaitQueue::<u32>::new();
        let _keys: Vec<_> = (0..5).map(|_| queue.push(Waker::noop().clone())).collect();
        let count = |queue: &mut WaitQueue<u32>| {
            let mut count = 0;
            queue.for_each_waiting(|_| count += 1);
            count
        };
        assert_eq!(count(&mut queue), 5);
        assert!(queue.grant_one(5).is_some());
        assert_eq!(count(&mut queue), 4);
        queue.notify_all();
        while queue.next_notified().waker.is_some() {}
        assert_eq!(count(&mut queue), 0);
    }
}
