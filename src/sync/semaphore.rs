//! An asynchronous semaphore.

use std::fmt;
use std::future::Future;
use std::mem;
use std::rc::Rc;

use super::permits::Permits;

/// A number of permits, for which tasks wait.
///
/// Dropping a permit releases it, directly to the first waiter if there is one: no other task can overtake.
///
/// # Examples
///
/// ```
/// let desks = looplet::Semaphore::new(2);
/// futures::executor::block_on(async {
///     let one = desks.acquire().await;
///     let two = desks.acquire().await;
///     assert!(desks.is_locked());
///     drop(one);
///     assert_eq!(desks.available(), 1);
///     drop(two);
/// });
/// ```
#[doc(alias = "asyncio.Semaphore")]
#[doc(alias = "BoundedSemaphore")]
pub struct Semaphore {
    permits: Permits,
}

impl Semaphore {
    /// Creates a semaphore with `permits` free permits.
    pub const fn new(permits: usize) -> Self {
        Self {
            permits: Permits::new(permits),
        }
    }

    /// Waits for a permit; does not suspend if one is free that no other task waits for.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the position in the queue; a permit that it had already been granted goes to the
    /// next waiter.
    #[inline]
    pub fn acquire(&self) -> impl Future<Output = Permit<'_>> {
        self.permits.take_then(|| Permit { semaphore: self })
    }

    /// Takes a permit if one is free that no other task waits for.
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        let is_taken = self.permits.try_take();
        is_taken.then(|| Permit { semaphore: self })
    }

    /// Like [`acquire`](Self::acquire), with a permit that owns an `Rc` of the semaphore.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::rc::Rc;
    ///
    /// let desks = Rc::new(looplet::Semaphore::new(1));
    /// let permit = futures::executor::block_on(Rc::clone(&desks).acquire_owned());
    /// assert!(desks.is_locked());
    /// drop(permit);
    /// ```
    ///
    /// # Cancel safety
    ///
    /// As with [`acquire`](Self::acquire).
    pub async fn acquire_owned(self: Rc<Self>) -> OwnedPermit {
        self.permits.take().await;
        OwnedPermit {
            semaphore: Some(self),
        }
    }

    /// How many permits are free and not granted to a waiter.
    pub fn available(&self) -> usize {
        self.permits.available()
    }

    /// Whether an `acquire` would have to wait.
    #[doc(alias = "locked")]
    pub fn is_locked(&self) -> bool {
        self.available() == 0
    }

    /// Adds permits permanently; waiters get them first.
    ///
    /// # Examples
    ///
    /// ```
    /// let desks = looplet::Semaphore::new(0);
    /// desks.add_permits(1);
    /// assert!(desks.try_acquire().is_some());
    /// ```
    ///
    /// # Panics
    ///
    /// If the number of permits would exceed `usize::MAX`.
    #[track_caller]
    #[doc(alias = "release")]
    pub fn add_permits(&self, count: usize) {
        assert!(
            self.permits.add(count).is_ok(),
            "a semaphore cannot count more than usize::MAX permits: add fewer than {count}",
        );
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("available", &self.available())
            .field("waiting", &self.permits.waiting())
            .finish()
    }
}

/// A permit of a [`Semaphore`], released when it is dropped; from [`Semaphore::acquire`].
///
/// # Examples
///
/// ```
/// let desks = looplet::Semaphore::new(1);
/// let permit = desks.try_acquire().unwrap();
/// assert!(desks.try_acquire().is_none());
/// drop(permit);
/// assert_eq!(desks.available(), 1);
/// ```
#[must_use = "a permit is released as soon as it is dropped"]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
}

impl Permit<'_> {
    /// Never releases the permit: the semaphore has one less.
    ///
    /// # Examples
    ///
    /// ```
    /// let desks = looplet::Semaphore::new(1);
    /// desks.try_acquire().unwrap().forget();
    /// assert_eq!(desks.available(), 0);
    /// ```
    pub fn forget(self) {
        mem::forget(self);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.semaphore.permits.release();
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit(..)")
    }
}

/// A [`Permit`] that owns an `Rc` of its semaphore; from [`Semaphore::acquire_owned`].
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
///
/// let desks = Rc::new(looplet::Semaphore::new(1));
/// let permit = futures::executor::block_on(Rc::clone(&desks).acquire_owned());
/// permit.forget();
/// assert!(desks.is_locked());
/// ```
#[must_use = "a permit is released as soon as it is dropped"]
pub struct OwnedPermit {
    /// `None` once it was forgotten.
    semaphore: Option<Rc<Semaphore>>,
}

impl OwnedPermit {
    /// Never releases the permit: the semaphore has one less.
    pub fn forget(mut self) {
        self.semaphore = None;
    }
}

impl Drop for OwnedPermit {
    fn drop(&mut self) {
        if let Some(semaphore) = &self.semaphore {
            semaphore.permits.release();
        }
    }
}

impl fmt::Debug for OwnedPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnedPermit(..)")
    }
}
