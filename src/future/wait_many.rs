//! Waiting for many tasks without scanning all of them at every wakeup.
//!
//! An end that matters is found by a scan of all children. A scan is skipped unless there is a reason for it. At first
//! the reason is a change of a counter of the loop, which costs the children nothing, but also counts the ends of
//! unrelated tasks. After a few scans that found nothing a listener is installed at each child, which is called for its
//! end only.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Waker};

use super::children::Children;
use crate::event_loop::context;
use crate::task::{Listener, Outcome, Task};

/// After so many scans that found nothing a listener is installed at each child. It costs a child about as much as
/// these scans: an allocation, and the slow path at its end. So a wait with few scans pays nothing, and the rest at
/// most twice the optimum.
const MAX_EMPTY_SCANS: u8 = 16;

/// Which ends of single children complete a wait, beside the end of the last one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    Nothing,
    /// Other than by an ordinary value.
    Irregular,
    /// By a panic, or an error that went to a task group.
    Exception,
    AnyEnd,
}

impl Filter {
    fn accepts(self, task: &Task) -> bool {
        match self {
            Self::Nothing => false,
            Self::Irregular => task.is_irregular(),
            Self::Exception => is_exception(task),
            Self::AnyEnd => task.is_finished(),
        }
    }

    /// A count of ends in the task's loop that includes all accepted ones.
    fn count(self, task: &Task) -> u64 {
        match self {
            Self::Nothing | Self::Irregular | Self::Exception => task.irregular_ends(),
            Self::AnyEnd => task.ends(),
        }
    }

    /// The accepted child that ended first.
    fn first_of(self, children: &impl Children) -> Option<usize> {
        // Matched once, not for each child.
        match self {
            Self::Nothing => None,
            Self::Irregular => first(children, Task::is_irregular),
            Self::Exception => first(children, is_exception),
            Self::AnyEnd => first(children, Task::is_finished),
        }
    }
}

fn is_exception(task: &Task) -> bool {
    matches!(task.outcome(), Some(Outcome::Panicked | Outcome::Failed))
}

fn first(children: &impl Children, is_match: impl Fn(&Task) -> bool) -> Option<usize> {
    (0..children.len())
        .filter(|&index| is_match(children.task(index)))
        .min_by_key(|&index| children.task(index).ended_as())
}

/// The result of a check of the children.
pub(super) enum Progress {
    Waiting,
    AllEnded,
    /// The accepted child that ended first.
    Found(usize),
}

/// A listener that is set when a child ends in an accepted way. It does not wake the waiter, which is registered at the
/// children. With [`Filter::Nothing`] it is never set, and only leads an observer to the waiter.
struct EndFlag {
    filter: Filter,
    is_set: Cell<bool>,
    /// The waker of a waiting task that is not registered at each child.
    waiting: Cell<Option<Waker>>,
}

impl EndFlag {
    fn install(children: &impl Children, filter: Filter) -> Rc<Self> {
        let flag = Rc::new(Self {
            filter,
            is_set: Cell::new(false),
            waiting: Cell::new(None),
        });
        let children = (0..children.len()).map(|index| children.task(index));
        children
            .filter(|task| !task.is_finished())
            .for_each(|task| task.add_collector(flag.clone()));
        flag
    }
}

impl Listener for EndFlag {
    fn ended(&self, task: &Task, _: usize) -> Option<Waker> {
        if self.filter.accepts(task) {
            self.is_set.set(true);
        }
        None
    }

    fn waiting(&self) -> Option<&Cell<Option<Waker>>> {
        Some(&self.waiting)
    }
}

/// Where the waiter is registered, beside the first unfinished task.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Registration {
    #[default]
    No,
    /// At all tasks that may wake it.
    All,
    /// The same; and an observer is attached, so each wait is reported.
    AllReported,
}

/// Waits for tasks in order. Any end of the first unfinished task wakes the waiter; the ends of the rest do so only if
/// they are accepted. So a thousand sleepers cost their waiter about one check each, not a thousand.
#[derive(Default)]
pub(super) struct WaitMany {
    registration: Registration,
    /// All tasks before this one have ended.
    first: usize,
    /// The [count](Filter::count) at the last scan that found nothing.
    last_count: Option<u64>,
    empty_scans: u8,
    flag: Option<Rc<EndFlag>>,
}

impl WaitMany {
    /// For children that may belong to several loops: then the counter of one is not enough.
    pub(super) fn over(children: &impl Children) -> Self {
        let loops_differ =
            (1..children.len()).any(|index| !children.task(index).has_loop_of(children.task(0)));
        Self {
            empty_scans: if loops_differ { MAX_EMPTY_SCANS - 1 } else { 0 },
            ..Self::default()
        }
    }

    /// Checks the children.
    #[inline]
    pub(super) fn check(&mut self, children: &impl Children, filter: Filter) -> Progress {
        if let Some(index) = self.find(children, filter) {
            return Progress::Found(index);
        }
        while self.first < children.len() && children.task(self.first).is_finished() {
            self.first += 1;
        }
        if self.first < children.len() {
            return Progress::Waiting;
        }
        // An observer is notified of an end before the flag is set, and may have caused this check.
        let missed = self.flag.as_ref().and_then(|_| filter.first_of(children));
        missed.map_or(Progress::AllEnded, Progress::Found)
    }

    /// Registers the caller to be woken by the next relevant end.
    #[inline]
    pub(super) fn register(&mut self, children: &impl Children, filter: Filter, cx: &Context<'_>) {
        let first = children.task(self.first);
        // Read first: a read right after a change of the flags would wait for it.
        let is_observed = first.is_observed();
        let is_new = first.set_waiter(cx.waker(), false);
        if filter == Filter::Nothing {
            if is_observed {
                self.lead_to_waiter(children, cx.waker());
                self.report_tasks(children, cx.waker());
            }
            return;
        }
        match self.registration {
            Registration::All if !is_new => return,
            Registration::AllReported if !is_new => return self.report_tasks(children, cx.waker()),
            _ => {}
        }
        // Until all are registered: the clone of an external waker may panic.
        self.registration = Registration::No;
        let lazy = filter != Filter::AnyEnd;
        let later = (self.first + 1..children.len()).map(|index| children.task(index));
        let unfinished = later.filter(|task| !task.is_finished());
        unfinished.for_each(|task| {
            task.set_waiter(cx.waker(), lazy);
        });
        self.registration = if is_observed {
            Registration::AllReported
        } else {
            Registration::All
        };
    }

    /// The tasks after the first one do not wake the waiter, but lead an observer to it.
    #[cold]
    #[inline(never)]
    fn lead_to_waiter(&mut self, children: &impl Children, waker: &Waker) {
        let set = || EndFlag::install(children, Filter::Nothing);
        let flag = self.flag.get_or_insert_with(set);
        let is_tasks = context::try_with(|core| core.tasks.task_behind(waker).is_some());
        let waiting = (is_tasks == Some(true)).then(|| waker.clone());
        flag.waiting.set(waiting);
    }

    /// Reports to an observer which tasks are waited for, where no registration with each of them does so.
    #[cold]
    #[inline(never)]
    fn report_tasks(&mut self, children: &impl Children, waker: &Waker) {
        let again = self.registration == Registration::AllReported;
        self.registration = Registration::AllReported;
        context::try_with(|core| {
            if let Some(limit) = core.tasks.joins_to_note(again) {
                let left = self.first..children.len();
                let others = left.len() > limit;
                let tasks = left.take(limit).map(|index| children.task(index));
                let unfinished = tasks.filter(|task| !task.is_finished());
                core.tasks.note_joins(waker, unfinished, others);
            }
        });
    }

    #[inline]
    fn find(&mut self, children: &impl Children, filter: Filter) -> Option<usize> {
        if filter == Filter::Nothing || children.len() == 0 {
            return None;
        }
        let now = Some(filter.count(children.task(0)));
        let may_find = match &self.flag {
            Some(flag) => flag.is_set.get(),
            None => self.last_count != now,
        };
        if !may_find {
            return None;
        }
        let found = filter.first_of(children);
        if found.is_none() {
            self.last_count = now;
            self.empty_scans += 1;
            if self.empty_scans == MAX_EMPTY_SCANS {
                self.flag = Some(EndFlag::install(children, filter));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{Future, pending, poll_fn};
    use std::task::Poll;

    use super::super::{children::Children, yield_now};
    use super::{Filter, Progress, WaitMany};
    use crate::event_loop::{EventLoop, spawn};
    use crate::task::{JoinError, JoinHandle, Task};

    const MANY: usize = 1000;

    /// Tasks that never end by themselves, and how often one of them was checked.
    struct Counted {
        handles: Vec<JoinHandle<()>>,
        checks: Cell<usize>,
    }

    impl Counted {
        fn new() -> Self {
            Self {
                handles: (0..MANY).map(|_| spawn(pending())).collect(),
                checks: Cell::new(0),
            }
        }
    }

    impl Children for Counted {
        type Output = Vec<()>;
        type Settled = Vec<Result<(), JoinError>>;

        fn len(&self) -> usize {
            self.handles.len()
        }

        fn task(&self, index: usize) -> &Task {
            self.checks.set(self.checks.get() + 1);
            self.handles[index].as_task()
        }

        fn collect(&mut self) -> Vec<()> {
            self.handles.collect()
        }

        fn settle(&mut self) -> Self::Settled {
            self.handles.settle()
        }
    }

    /// One check, as a group takes it.
    async fn check(wait_many: &mut WaitMany, children: &Counted, filter: Filter) -> Progress {
        poll_fn(|cx| {
            let progress = wait_many.check(children, filter);
            if matches!(progress, Progress::Waiting) {
                wait_many.register(children, filter, cx);
            }
            Poll::Ready(progress)
        })
        .await
    }

    fn run(main: impl Future<Output = ()>) {
        EventLoop::builder().virtual_time().build().block_on(main);
    }

    async fn end_another() {
        let other = spawn(pending::<()>());
        other.cancel();
        assert!(other.await.is_err());
    }

    #[test]
    fn ends_of_other_tasks_cost_a_bounded_number_of_checks_of_each_child() {
        for filter in [Filter::Irregular, Filter::Exception, Filter::AnyEnd] {
            run(async {
                let children = Counted::new();
                let mut wait_many = WaitMany::over(&children);
                for _ in 0..MANY {
                    end_another().await;
                    let progress = check(&mut wait_many, &children, filter).await;
                    assert!(matches!(progress, Progress::Waiting));
                }
                let each = children.checks.get() / MANY;
                assert!(each < 40, "{each} checks of each child");
            });
        }
    }

    #[test]
    fn children_of_one_loop_get_no_listener_at_first() {
        run(async {
            let children = Counted::new();
            let mut wait_many = WaitMany::over(&children);
            check(&mut wait_many, &children, Filter::AnyEnd).await;
            assert!(wait_many.flag.is_none());
        });
    }

    #[test]
    fn ends_of_children_that_are_not_accepted_cost_no_more() {
        run(async {
            let children = Counted::new();
            let mut wait_many = WaitMany::default();
            for child in children.handles.iter().rev() {
                let progress = check(&mut wait_many, &children, Filter::Exception).await;
                assert!(matches!(progress, Progress::Waiting));
                child.cancel();
                yield_now().await;
            }
            let progress = check(&mut wait_many, &children, Filter::Exception).await;
            assert!(matches!(progress, Progress::AllEnded));
            let each = children.checks.get() / MANY;
            assert!(each < 40, "{each} checks of each child");
        });
    }

    #[test]
    fn after_empty_scans_the_child_that_ended_first_is_found_as_before() {
        for scans in 0..40 {
            run(async {
                let children = Counted::new();
                yield_now().await;
                let mut wait_many = WaitMany::default();
                for _ in 0..scans {
                    let progress = check(&mut wait_many, &children, Filter::Irregular).await;
                    assert!(matches!(progress, Progress::Waiting));
                    end_another().await;
                }
                children.handles[7].cancel();
                children.handles[3].cancel();
                yield_now().await;
                for _ in 0..2 {
                    let progress = check(&mut wait_many, &children, Filter::Irregular).await;
                    assert!(matches!(progress, Progress::Found(7)));
                }
            });
        }
    }
}
