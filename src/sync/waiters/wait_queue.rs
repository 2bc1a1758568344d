//! The wait queue: waiters in order of arrival, and which of them may proceed. Plain data that runs no user code.

use std::marker::PhantomData;
use std::mem;
use std::task::Waker;

use super::wake::NextWaker;

/// Marks the end of a list.
const NIL: u32 = u32::MAX;

/// The slot that lies in the queue itself. Its waiter came to an empty queue and so is the first.
const FIRST: u32 = NIL - 1;

/// The epoch of a waiter with a grant.
const GRANTED: u64 = 0;

/// Waiters in order of arrival. All operations are O(1).
///
/// ```text
/// head                    cursor             tail
///  |                         |                 |
///  v                         v                 v
/// [granted] -> [granted] -> [waits] -> ... -> [waits]    allowance: `granted` of `len` may proceed
/// ```
///
/// Nearly always there is one waiter at most: a waiter that comes to an empty queue lies in the queue itself, and only
/// those that come behind another one need memory, which is reused.
///
/// `N` is the data that a primitive stores with each waiter. The queue is not `Send`: a primitive and its waiters stay
/// on one thread.
pub(in crate::sync) struct WaitQueue<N = ()> {
    first: Slot<N>,
    others: Vec<Slot<N>>,
    /// The first free slot of `others`.
    free: u32,
    /// The ends of the list, if there is any waiter.
    head: u32,
    tail: u32,
    /// The first waiter without a grant, or [`NIL`].
    cursor: u32,
    len: u32,
    granted: u32,
    /// Waiters of an earlier epoch were notified.
    epoch: u64,
    not_send: PhantomData<*const ()>,
}

struct Slot<N> {
    /// `None` from a grant until the waiter is polled again.
    waker: Option<Waker>,
    prev: u32,
    next: u32,
    /// The queue's epoch at the arrival, or [`GRANTED`].
    epoch: u64,
    data: N,
}

impl<N> Slot<N> {
    const fn new(data: N) -> Self {
        Self {
            waker: None,
            prev: NIL,
            next: NIL,
            epoch: GRANTED,
            data,
        }
    }

    #[inline(always)]
    fn occupy(&mut self, waker: Waker, epoch: u64, prev: u32) {
        // A free slot has no waker; `forget` spares the code that would drop it.
        mem::forget(self.waker.replace(waker));
        self.prev = prev;
        self.next = NIL;
        self.epoch = epoch;
    }
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
        Self::with(N::default())
    }
}

impl WaitQueue {
    pub(in crate::sync) const fn new() -> Self {
        Self::with(())
    }
}

impl<N> WaitQueue<N> {
    const fn with(data: N) -> Self {
        Self {
            first: Slot::new(data),
            others: Vec::new(),
            free: NIL,
            head: NIL,
            tail: NIL,
            cursor: NIL,
            len: 0,
            granted: 0,
            epoch: GRANTED + 1,
            not_send: PhantomData,
        }
    }
}

impl<N: Default> WaitQueue<N> {
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

    /// Grants the first waiter, if it lies in the queue itself and has no grant. Returns its waker if it must be woken.
    #[inline(always)]
    pub(in crate::sync) fn grant_first(&mut self) -> Option<Waker> {
        if self.cursor != FIRST {
            return None;
        }
        self.cursor = self.first.next;
        self.granted = 1;
        self.first.epoch = GRANTED;
        self.first.waker.take()
    }

    /// Grants one more waiter unless `n` have a grant. Returns its waker if it must be woken.
    #[inline]
    pub(in crate::sync) fn grant_one(&mut self, n: usize) -> Option<Waker> {
        if !self.has_waiting() || self.granted as usize >= n {
            return None;
        }
        self.grant_next()
    }

    /// Whether this waiter lies in the queue itself and has a grant. It is the first, so any grant is its own.
    #[inline(always)]
    pub(in crate::sync) fn is_first_granted(&self, key: &Key) -> bool {
        key.0 == FIRST && self.granted > 0
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
        self.grant_while(|queue| queue.has_waiting() && (queue.granted as usize) < n)
    }

    /// Lets all present waiters proceed, irrevocably. [`next_notified`](Self::next_notified) gives their wakers.
    pub(in crate::sync) fn notify_all(&mut self) {
        self.epoch += 1;
    }

    /// A notified waiter that must be woken, for [`wake_each`](super::wake_each).
    pub(in crate::sync) fn next_notified(&mut self) -> NextWaker {
        self.grant_while(Self::has_notified)
    }

    /// Whether any notified waiter was not returned by [`next_notified`](Self::next_notified) yet.
    pub(in crate::sync) fn has_notified(&self) -> bool {
        self.cursor != NIL && self.slot(self.cursor).epoch != self.epoch
    }

    /// The data of the first waiter.
    pub(in crate::sync) fn first_data(&self) -> Option<&N> {
        (self.len > 0).then(|| &self.slot(self.head).data)
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

    /// Grants waiters while the next one is due, until one of them has a waker.
    #[inline]
    fn grant_while(&mut self, is_due: impl Fn(&Self) -> bool) -> NextWaker {
        let mut waker = None;
        while is_due(self) {
            if waker.is_some() {
                return NextWaker {
                    waker,
                    is_last: false,
                };
            }
            waker = self.grant_next();
        }
        NextWaker {
            waker,
            is_last: true,
        }
    }

    #[inline]
    fn grant_next(&mut self) -> Option<Waker> {
        let slot = self.slot_mut(self.cursor);
        slot.epoch = GRANTED;
        let (next, waker) = (slot.next, slot.waker.take());
        self.cursor = next;
        self.granted += 1;
        waker
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
        self.slot_mut(last).epoch = self.epoch;
        self.cursor = last;
        self.granted -= 1;
    }

    // A call costs as much as the body, here and in `remove`.
    #[inline(always)]
    pub(in crate::sync) fn push(&mut self, waker: Waker) -> Key {
        if self.len > 0 {
            return self.push_behind(waker);
        }
        self.first.occupy(waker, self.epoch, NIL);
        (self.head, self.tail, self.cursor) = (FIRST, FIRST, FIRST);
        self.len = 1;
        Key(FIRST)
    }

    /// Appends a waiter to others.
    #[inline(never)]
    fn push_behind(&mut self, waker: Waker) -> Key {
        let at = self.free;
        let Some(slot) = self.others.get_mut(at as usize) else {
            return self.push_behind_in_new_slot(waker);
        };
        self.free = slot.next;
        slot.occupy(waker, self.epoch, self.tail);
        let last = mem::replace(&mut self.tail, at);
        self.slot_mut(last).next = at;
        self.len += 1;
        if self.cursor == NIL {
            self.cursor = at;
        }
        Key(at)
    }

    #[cold]
    #[inline(never)]
    fn push_behind_in_new_slot(&mut self, waker: Waker) -> Key {
        let at = u32::try_from(self.others.len()).unwrap_or(NIL);
        assert!(at < FIRST, "too many waiters in one queue");
        self.others.push(Slot::new(N::default()));
        self.free = at;
        self.push_behind(waker)
    }

    /// Removes a waiter. Returns its data, and its waker, which the caller drops outside of any borrow.
    #[inline]
    pub(in crate::sync) fn remove(&mut self, Key(at): Key) -> (N, Option<Waker>) {
        let slot = self.slot_mut(at);
        let left = (mem::take(&mut slot.data), slot.waker.take());
        self.unlink(at);
        left
    }

    /// Removes a waiter if it has a grant. Returns its data.
    #[inline(always)]
    pub(super) fn remove_if_granted(&mut self, key: &mut Option<Key>) -> Option<N> {
        let at = key.as_ref()?.0;
        let slot = self.slot_mut(at);
        if slot.epoch != GRANTED {
            return None;
        }
        let data = mem::take(&mut slot.data);
        self.remove_granted(key);
        Some(data)
    }

    /// Removes a waiter that has a grant, and so no waker.
    #[inline(always)]
    pub(in crate::sync) fn remove_granted(&mut self, key: &mut Option<Key>) {
        if let Some(Key(at)) = key.take() {
            debug_assert!(self.slot(at).epoch == GRANTED && self.slot(at).waker.is_none());
            self.unlink(at);
        }
    }

    #[inline(always)]
    fn unlink(&mut self, at: u32) {
        if at == FIRST && self.len == 1 {
            (self.len, self.granted, self.cursor) = (0, 0, NIL);
        } else {
            self.unlink_from_many(at);
        }
    }

    #[inline(never)]
    fn unlink_from_many(&mut self, at: u32) {
        let free = self.free;
        let slot = self.slot_mut(at);
        let (prev, epoch) = (slot.prev, slot.epoch);
        let next = mem::replace(&mut slot.next, free);
        if at != FIRST {
            self.free = at;
        }
        // The first waiter's `prev` has no meaning.
        if at == self.head {
            self.head = next;
        } else {
            self.slot_mut(prev).next = next;
            if at == self.tail {
                self.tail = prev;
            } else {
                self.slot_mut(next).prev = prev;
            }
        }
        if epoch == GRANTED {
            self.granted -= 1;
        } else if self.cursor == at {
            self.cursor = next;
        }
        self.len -= 1;
    }

    #[inline]
    pub(in crate::sync) fn may_proceed(&self, key: &Key) -> bool {
        self.slot(key.0).epoch != self.epoch
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

    /// Replaces the waker unless the waiter may proceed, and returns the one that is not needed. Cloning the new one
    /// ran user code, which may have granted this waiter and woken the old waker.
    pub(super) fn replace_waker(&mut self, key: &Key, waker: Waker) -> (Option<Waker>, bool) {
        if self.may_proceed(key) {
            return (Some(waker), true);
        }
        (self.slot_mut(key.0).waker.replace(waker), false)
    }

    #[inline]
    fn slot(&self, at: u32) -> &Slot<N> {
        self.others.get(at as usize).unwrap_or(&self.first)
    }

    #[inline]
    fn slot_mut(&mut self, at: u32) -> &mut Slot<N> {
        self.others.get_mut(at as usize).unwrap_or(&mut self.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn granted_waiters_are_skipped_when_data_is_set() {
        let mut queue = WaitQueue::<u32>::default();
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
