//! A histogram of poll times.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::observer::Observer;
use crate::task::{Task, TaskEvent};

/// The number of sizes. Each is twice the one before; the last one counts all polls longer than about eighteen minutes.
const SIZES: usize = 42;
/// The length of the longest bar, in characters.
const BAR: u64 = 40;

/// Counts polls by their duration on the wall clock, also in virtual time: an [`Observer`] to give to
/// [`Builder::observer`](crate::Builder::observer). Clones share the counts.
///
/// Its `Display` is a histogram of all sizes that occurred. Poll times show whether one task delays the others.
///
/// # Examples
///
/// ```
/// use looplet::{EventLoop, PollTimes};
///
/// let times = PollTimes::new();
/// EventLoop::builder().observer(times.clone()).build().block_on(looplet::yield_now());
/// assert_eq!(times.counts().map(|(_, polls)| polls).sum::<u64>(), 2);
/// ```
#[derive(Clone, Default)]
pub struct PollTimes(Rc<Counts>);

struct Counts {
    sizes: [Cell<u64>; SIZES],
    /// The start times of the polls on the stack: several, if a poll spawns a task eagerly.
    begun: RefCell<Vec<Instant>>,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            sizes: [const { Cell::new(0) }; SIZES],
            begun: RefCell::default(),
        }
    }
}

impl Counts {
    /// Counts one poll that took this many nanoseconds.
    fn add(&self, took: u128) {
        let size = (u128::BITS - took.leading_zeros()) as usize;
        let count = &self.sizes[size.min(SIZES - 1)];
        count.set(count.get() + 1);
    }
}

impl PollTimes {
    /// Counts of zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// All sizes, the shortest first, each with the number of polls that took less than it, and at least the size
    /// before. The last one includes all polls that took longer.
    pub fn counts(&self) -> impl Iterator<Item = (Duration, u64)> {
        let sizes = self.0.sizes.iter().enumerate();
        sizes.map(|(size, count)| (Duration::from_nanos(1 << size), count.get()))
    }
}

impl Observer for PollTimes {
    fn observe(&self, _: Instant, _: &Task, event: TaskEvent<'_>) {
        let mut begun = self.0.begun.borrow_mut();
        match event {
            TaskEvent::PollBegins => begun.push(Instant::now()),
            TaskEvent::PollEnds => {
                let took = begun.pop().map_or(0, |begun| begun.elapsed().as_nanos());
                self.0.add(took);
            }
            _ => {}
        }
    }
}

impl fmt::Display for PollTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<_> = self.counts().collect();
        let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
        let shown = counts.iter().filter(|(_, count)| *count > 0);
        for (index, (below, count)) in shown.enumerate() {
            let bar = "█".repeat((count * BAR).div_ceil(most) as usize);
            let end = if index == 0 { "" } else { "\n" };
            write!(
                f,
                "{end}below {:>8}  {count:>8}  {bar}",
                format!("{below:.1?}")
            )?;
        }
        Ok(())
    }
}

impl fmt::Debug for PollTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.counts()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Counts, SIZES};

    #[test]
    fn the_last_size_takes_all_that_is_longer() {
        let counts = Counts::default();
        for took in [0, 1, 2, 3, u128::MAX] {
            counts.add(took);
        }
        let sizes = counts.sizes.map(|count| count.get());
        assert_eq!((sizes[..3].to_vec(), sizes[SIZES - 1]), (vec![1, 1, 2], 1));
    }
}
