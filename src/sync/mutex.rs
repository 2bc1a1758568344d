//! An asynchronous mutex.

use std::cell::{RefCell, RefMut};
use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use super::permits::Permits;

/// A value that one task at a time may use, across its awaits.
///
/// Dropping a guard hands the lock to the first waiter: no other task can overtake, and the mutex stays locked in
/// between. It is not re-entrant: a task that locks it twice deadlocks.
///
/// # Examples
///
/// ```
/// let total = looplet::Mutex::new(0);
/// futures::executor::block_on(async {
///     *total.lock().await += 1;
///     assert!(!total.is_locked());
/// });
/// assert_eq!(total.into_inner(), 1);
/// ```
#[doc(alias = "asyncio.Lock")]
pub struct Mutex<T> {
    permit: Permits,
    /// `None` while an owned guard holds the value.
    value: RefCell<Option<T>>,
}

impl<T> Mutex<T> {
    /// Creates an unlocked mutex around `value`.
    pub const fn new(value: T) -> Self {
        Self {
            permit: Permits::new(1),
            value: RefCell::new(Some(value)),
        }
    }

    /// Waits for the lock; does not suspend if it is free and no other task waits for it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the position in the queue; a lock that it had already been granted goes to the next
    /// waiter.
    #[doc(alias = "acquire")]
    #[inline]
    pub fn lock(&self) -> impl Future<Output = MutexGuard<'_, T>> {
        self.permit.take_then(|| self.guard())
    }

    /// Takes the lock if it is free and no other task waits for it.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.permit.try_take().then(|| self.guard())
    }

    /// Like [`lock`](Self::lock), with a guard that owns an `Rc` of the mutex.
    ///
    /// The value moves into the guard and back, so a large one is better boxed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::rc::Rc;
    ///
    /// let words = Rc::new(looplet::Mutex::new(vec!["a"]));
    /// let mut guard = futures::executor::block_on(Rc::clone(&words).lock_owned());
    /// guard.push("b");
    /// drop(guard);
    /// assert_eq!(words.try_lock().unwrap().len(), 2);
    /// ```
    ///
    /// # Cancel safety
    ///
    /// As with [`lock`](Self::lock).
    pub async fn lock_owned(self: Rc<Self>) -> OwnedMutexGuard<T> {
        self.permit.take().await;
        OwnedMutexGuard {
            value: self.value.take(),
            mutex: self,
        }
    }

    /// Whether the lock is taken, or granted to a waiter.
    #[doc(alias = "locked")]
    pub fn is_locked(&self) -> bool {
        self.permit.available() == 0
    }

    /// Unwraps the value.
    pub fn into_inner(self) -> T {
        self.value.into_inner().expect(PRESENT)
    }

    /// The guard for a caller that has just taken the permit.
    #[inline]
    fn guard(&self) -> MutexGuard<'_, T> {
        MutexGuard {
            value: RefMut::map(self.value.borrow_mut(), |value| {
                value.as_mut().expect(PRESENT)
            }),
            unlock: Unlock(self),
        }
    }
}

/// Holds because an owned guard returns the value before it unlocks, and keeps the mutex alive until then.
const PRESENT: &str = "the value of an unlocked mutex is in its place";

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Mutex");
        match self.try_lock() {
            Some(guard) => f.field("value", &*guard),
            None => f.field("value", &format_args!("<locked>")),
        };
        f.field("waiting", &self.permit.waiting()).finish()
    }
}

/// The lock on a [`Mutex`], through which its value is used; dropping it unlocks.
///
/// # Examples
///
/// ```
/// let total = looplet::Mutex::new(1);
/// let mut guard = total.try_lock().unwrap();
/// *guard += 1;
/// drop(guard);
/// assert!(!total.is_locked());
/// ```
#[must_use = "the mutex is unlocked as soon as its guard is dropped"]
pub struct MutexGuard<'a, T> {
    // Dropped in this order: the next waiter may borrow the value as soon as the mutex is unlocked.
    value: RefMut<'a, T>,
    unlock: Unlock<'a, T>,
}

impl<'a, T> MutexGuard<'a, T> {
    pub(super) fn mutex(&self) -> &'a Mutex<T> {
        self.unlock.0
    }
}

struct Unlock<'a, T>(&'a Mutex<T>);

impl<T> Drop for Unlock<'_, T> {
    fn drop(&mut self) {
        self.0.permit.release();
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The lock on a [`Mutex`], with an `Rc` of the mutex; from [`Mutex::lock_owned`].
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
///
/// let total = Rc::new(looplet::Mutex::new(1));
/// let mut guard = futures::executor::block_on(total.lock_owned());
/// *guard += 1;
/// assert_eq!(*guard, 2);
/// ```
#[must_use = "the mutex is unlocked as soon as its guard is dropped"]
pub struct OwnedMutexGuard<T> {
    /// `None` only in `drop`.
    value: Option<T>,
    mutex: Rc<Mutex<T>>,
}

impl<T> Drop for OwnedMutexGuard<T> {
    fn drop(&mut self) {
        self.mutex.value.replace(self.value.take());
        self.mutex.permit.release();
    }
}

impl<T> Deref for OwnedMutexGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("a guard holds the value")
    }
}

impl<T> DerefMut for OwnedMutexGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("a guard holds the value")
    }
}

impl<T: fmt::Debug> fmt::Debug for OwnedMutexGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
