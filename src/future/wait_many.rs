//! What `gather` and `wait` have in common: a wait for the ends of several tasks.

use std::rc::Rc;
use std::task::{Context, Waker};

use super::children::Children;
use crate::event_loop::context;
use crate::event_loop::core::Core;
use crate::task::{Ends, Filter, Task};

/// The result of a look at the tasks.
pub(super) enum Progress {
    Waiting,
    AllEnded,
    /// The first task whose end is one of those that are looked for.
    Found(Task),
}

/// The state of such a wait. Dropping it leaves the tasks alone.
#[derive(Default)]
pub(super) struct WaitMany {
    /// None before the first poll.
    ends: Option<Rc<Ends>>,
    noted: Noted,
}

impl WaitMany {
    /// Looks at the tasks. If the wait is not over, the caller is woken by the next end that matters.
    ///
    /// # Panics
    ///
    /// If the caller is one of the tasks.
    pub(super) fn poll(
        &mut self,
        children: &impl Children,
        filter: Filter,
        cx: &Context<'_>,
    ) -> Progress {
        let tasks = |from: usize| (from..children.len()).map(|index| children.task(index));
        let ends = self.ends.get_or_insert_with(|| Ends::of(tasks(0), filter));
        if let Some(progress) = progress(ends) {
            return progress;
        }
        ends.set_waker(cx.waker());
        // The clone of another executor's waker is user code, which may have ended tasks.
        if let Some(progress) = progress(ends) {
            return progress;
        }
        context::try_with(|core| {
            core.tasks.refuse_own_end(cx.waker(), ends);
            self.noted
                .note(core, cx.waker(), ends.left(), |from| tasks(from).map(Some));
        });
        Progress::Waiting
    }

    /// Ends the wait: no further end wakes its caller.
    pub(super) fn close(&self) {
        if let Some(ends) = &self.ends {
            close(ends);
        }
    }
}

fn progress(ends: &Ends) -> Option<Progress> {
    let found = ends.first().map(Progress::Found);
    found.or_else(|| ends.is_complete().then_some(Progress::AllEnded))
}

/// Ends a wait. A panic in the destructor of its waker is reported.
pub(super) fn close(ends: &Ends) {
    if let Some(waker) = ends.close() {
        context::try_with(|core| core.tasks.discard(waker));
    }
}

impl Drop for WaitMany {
    fn drop(&mut self) {
        self.close();
    }
}

/// Which of the tasks were noted for an observer.
#[derive(Default)]
pub(super) struct Noted {
    /// The first task that had not ended at the last note; none before the first.
    from: Option<usize>,
}

impl Noted {
    /// Notes for an observer, if there is one, for which tasks the caller waits: `left` of those that `tasks` returns
    /// from an index on, where one that is gone is `None`.
    #[inline]
    pub(super) fn note<'a, I: Iterator<Item = Option<&'a Task>>>(
        &mut self,
        core: &Core,
        waker: &Waker,
        left: usize,
        tasks: impl Fn(usize) -> I,
    ) {
        let Some(limit) = core.tasks.joins_to_note(self.from.is_some()) else {
            return;
        };
        let has_ended = |task: &Option<&Task>| task.is_none_or(Task::is_finished);
        let from = self.from.unwrap_or(0);
        let from = from + tasks(from).take_while(has_ended).count();
        self.from = Some(from);
        let unfinished = tasks(from).filter(|task| !has_ended(task)).flatten();
        core.tasks
            .note_joins(waker, unfinished.take(limit), left > limit);
    }
}
