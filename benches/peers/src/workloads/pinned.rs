//! Many futures pinned side by side, without a box for each.

use std::pin::Pin;

/// A vector whose elements never move: it never grows, and drops them where they lie.
pub struct PinnedVec<F>(Vec<F>);

impl<F> PinnedVec<F> {
    /// Room for `n` futures, allocated at once.
    pub fn with_capacity(n: usize) -> Self {
        Self(Vec::with_capacity(n))
    }

    /// Adds a future and gives it back pinned; panics when the room is used up.
    pub fn push(&mut self, future: F) -> Pin<&mut F> {
        assert!(
            self.0.len() < self.0.capacity(),
            "a pinned vector never grows"
        );
        self.0.push(future);
        let last = self.0.len() - 1;
        // SAFETY: nothing moves or hands out an element again, and the vector never reallocates.
        unsafe { Pin::new_unchecked(&mut self.0[last]) }
    }

    /// How many futures there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The bytes of one future.
    pub fn size_of_each(&self) -> usize {
        size_of::<F>()
    }
}
