//! Waiting for many tasks, without looking at all of them whenever something happens.
//!
//! Single ends that matter are found by a look at all children. Two things tell whether there is a reason for one. At
//! first it is a counter of the loop, which costs the children nothing, but moves for others' ends too. Whoever has
//! looked in vain a few times sets an alarm at each child instead, which rings for its end alone.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Waker};

use super::children::Children;
use crate::event_loop::context;
use crate::task::{Listener, Outcome, Task};

/// After so many vain looks at all children an alarm is set at each. It costs a child about as much as they did: an
/// allocation, and the longer way through its end. So who never gets there pays nothing, and nobody pays more than
/// twice what would have been best.
const VAIN_LOOKS: u8 = 16;

/// Which ends of single children are things to see, beside the last one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Nothing,
    /// Other than by an ordinary value.
    Irregular,
    /// By a panic, or an error that went to a task group.
    Exception,
    AnyEnd,
}

impl Wanted {
    fn is_met_by(self, task: &Task) -> bool {
        match self {
            Self::Nothing => false,
            Self::Irregular => task.is_irregular(),
            Self::Exception => is_exception(task),
            Self::AnyEnd => task.is_finished(),
        }
    }

    /// A count of the ends in the task's loop, those that meet it among them.
    fn count(self, task: &Task) -> u64 {
        match self {
            Self::Nothing | Self::Irregular | Self::Exception => task.irregular_ends(),
            Self::AnyEnd => task.ends(),
        }
    }

    /// Of those that meet it, the one that ended first.
    fn first_of(self, children: &impl Children) -> Option<usize> {
        // The choice is made here, once, and not again for each child.
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

fn first(children: &impl Children, is_wanted: impl Fn(&Task) -> bool) -> Option<usize> {
    (0..children.len())
        .filter(|&index| is_wanted(children.task(index)))
        .min_by_key(|&index| children.task(index).ended_as())
}

/// What a look at the children shows.
pub(super) enum Progress {
    Waiting,
    AllEnded,
    /// This one has ended as wanted, before all others that did.
    Found(usize),
}

/// Rings when a child has ended as wanted, and wakes nobody: that is up to the waiter. One for nothing rings never, and
/// only tells who waits.
struct Alarm {
    wanted: Wanted,
    has_rung: Cell<bool>,
    /// A task that waits and is not noted at each child.
    waiting: Cell<Option<Waker>>,
}

impl Alarm {
    fn set(children: &impl Children, wanted: Wanted) -> Rc<Self> {
        let alarm = Rc::new(Self {
            wanted,
            has_rung: Cell::new(false),
            waiting: Cell::new(None),
        });
        let children = (0..children.len()).map(|index| children.task(index));
        children
            .filter(|task| !task.is_finished())
            .for_each(|task| task.add_collector(alarm.clone()));
        alarm
    }
}

impl Listener for Alarm {
    fn ended(&self, task: &Task, _: usize) -> Option<Waker> {
        if self.wanted.is_met_by(task) {
            self.has_rung.set(true);
        }
        None
    }

    fn waiting(&self) -> Option<&Cell<Option<Waker>>> {
        Some(&self.waiting)
    }
}

/// Where the waiter, which is noted at the first unfinished task, is noted too.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Registered {
    #[default]
    No,
    AtAll,
    /// The same, in a loop that somebody looks at: it is shown each time what is waited for.
    AtAllShown,
}

/// Waits for tasks in order. Only the first unfinished one wakes the waiter by any end; the others do so only if they
/// end as wanted. So a thousand sleepers cost their waiter about one look each, not a thousand.
#[derive(Default)]
pub(super) struct WaitMany {
    registered: Registered,
    /// All tasks before this one have ended.
    first: usize,
    /// How many ends the loop had seen when this last looked for a wanted one and found none.
    seen: Option<u64>,
    vain_looks: u8,
    alarm: Option<Rc<Alarm>>,
}

impl WaitMany {
    /// For children that need not be of one loop, whose counter would tell all.
    pub(super) fn over(children: &impl Children) -> Self {
        let loops_differ =
            (1..children.len()).any(|index| !children.task(index).has_loop_of(children.task(0)));
        Self {
            vain_looks: if loops_differ { VAIN_LOOKS - 1 } else { 0 },
            ..Self::default()
        }
    }

    /// Looks at the children.
    #[inline]
    pub(super) fn look(&mut self, children: &impl Children, wanted: Wanted) -> Progress {
        if let Some(index) = self.find(children, wanted) {
            return Progress::Found(index);
        }
        while self.first < children.len() && children.task(self.first).is_finished() {
            self.first += 1;
        }
        if self.first < children.len() {
            return Progress::Waiting;
        }
        // An observer hears of an end before the alarm does, and may have come here from there.
        let missed = self.alarm.as_ref().and_then(|_| wanted.first_of(children));
        missed.map_or(Progress::AllEnded, Progress::Found)
    }

    /// Makes sure that the next thing to see wakes the caller.
    #[inline]
    pub(super) fn register(&mut self, children: &impl Children, wanted: Wanted, cx: &Context<'_>) {
        let first = children.task(self.first);
        // Asked first: right after a change of its flags the answer would take longer.
        let is_watched = first.is_watched();
        let is_new = first.set_waiter(cx.waker(), false);
        if wanted == Wanted::Nothing {
            if is_watched {
                self.show_waiter(children, cx.waker());
                self.show_tasks(children, cx.waker());
            }
            return;
        }
        match self.registered {
            Registered::AtAll if !is_new => return,
            Registered::AtAllShown if !is_new => return self.show_tasks(children, cx.waker()),
            _ => {}
        }
        // Until all have it: a foreign waker's clone may panic.
        self.registered = Registered::No;
        let lazy = wanted != Wanted::AnyEnd;
        let later = (self.first + 1..children.len()).map(|index| children.task(index));
        let unfinished = later.filter(|task| !task.is_finished());
        unfinished.for_each(|task| {
            task.set_waiter(cx.waker(), lazy);
        });
        self.registered = if is_watched {
            Registered::AtAllShown
        } else {
            Registered::AtAll
        };
    }

    /// The children after the first one do not wake the waiter, but lead to it for those who look at the loop.
    #[cold]
    #[inline(never)]
    fn show_waiter(&mut self, children: &impl Children, waker: &Waker) {
        let set = || Alarm::set(children, Wanted::Nothing);
        let alarm = self.alarm.get_or_insert_with(set);
        let is_tasks = context::try_with(|core| core.tasks.task_behind(waker).is_some());
        let waiting = (is_tasks == Some(true)).then(|| waker.clone());
        alarm.waiting.set(waiting);
    }

    /// Tells an observer which tasks are waited for, where it is not told by a registration with each of them.
    #[cold]
    #[inline(never)]
    fn show_tasks(&mut self, children: &impl Children, waker: &Waker) {
        let again = self.registered == Registered::AtAllShown;
        self.registered = Registered::AtAllShown;
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
    fn find(&mut self, children: &impl Children, wanted: Wanted) -> Option<usize> {
        if wanted == Wanted::Nothing || children.len() == 0 {
            return None;
        }
        let now = Some(wanted.count(children.task(0)));
        let has_remote = match &self.alarm {
            Some(alarm) => alarm.has_rung.get(),
            None => self.seen != now,
        };
        if !has_remote {
            return None;
        }
        let found = wanted.first_of(children);
        if found.is_none() {
            self.seen = now;
            self.vain_looks += 1;
            if self.vain_looks == VAIN_LOOKS {
                self.alarm = Some(Alarm::set(children, wanted));
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
    use super::{Progress, WaitMany, Wanted};
    use crate::event_loop::{EventLoop, spawn};
    use crate::task::{JoinError, JoinHandle, Task};

    const MANY: usize = 1000;

    /// Tasks that never end by themselves, and how often one of them was looked at.
    struct Counted {
        handles: Vec<JoinHandle<()>>,
        looks: Cell<usize>,
    }

    impl Counted {
        fn new() -> Self {
            Self {
                handles: (0..MANY).map(|_| spawn(pending())).collect(),
                looks: Cell::new(0),
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
            self.looks.set(self.looks.get() + 1);
            self.handles[index].as_task()
        }

        fn collect(&mut self) -> Vec<()> {
            self.handles.collect()
        }

        fn settle(&mut self) -> Self::Settled {
            self.handles.settle()
        }
    }

    /// One look, as a group takes it.
    async fn look(watch: &mut WaitMany, children: &Counted, wanted: Wanted) -> Progress {
        poll_fn(|cx| {
            let progress = watch.look(children, wanted);
            if matches!(progress, Progress::Waiting) {
                watch.register(children, wanted, cx);
            }
            Poll::Ready(progress)
        })
        .await
    }

    fn play(main: impl Future<Output = ()>) {
        EventLoop::builder().virtual_time().build().block_on(main);
    }

    async fn end_another() {
        let other = spawn(pending::<()>());
        other.cancel();
        assert!(other.await.is_err());
    }

    #[test]
    fn ends_of_others_cost_a_bounded_number_of_looks_at_each_child() {
        for wanted in [Wanted::Irregular, Wanted::Exception, Wanted::AnyEnd] {
            play(async {
                let children = Counted::new();
                let mut watch = WaitMany::over(&children);
                for _ in 0..MANY {
                    end_another().await;
                    let progress = look(&mut watch, &children, wanted).await;
                    assert!(matches!(progress, Progress::Waiting));
                }
                let each = children.looks.get() / MANY;
                assert!(each < 40, "{each} looks at each child");
            });
        }
    }

    #[test]
    fn children_of_one_loop_are_spared_the_alarm() {
        play(async {
            let children = Counted::new();
            let mut watch = WaitMany::over(&children);
            look(&mut watch, &children, Wanted::AnyEnd).await;
            assert!(watch.alarm.is_none());
        });
    }

    #[test]
    fn ends_of_children_that_are_not_wanted_cost_no_more() {
        play(async {
            let children = Counted::new();
            let mut watch = WaitMany::default();
            for child in children.handles.iter().rev() {
                let progress = look(&mut watch, &children, Wanted::Exception).await;
                assert!(matches!(progress, Progress::Waiting));
                child.cancel();
                yield_now().await;
            }
            let progress = look(&mut watch, &children, Wanted::Exception).await;
            assert!(matches!(progress, Progress::AllEnded));
            let each = children.looks.get() / MANY;
            assert!(each < 40, "{each} looks at each child");
        });
    }

    #[test]
    fn after_vain_looks_the_child_that_ended_first_is_found_as_before() {
        for vain in 0..40 {
            play(async {
                let children = Counted::new();
                yield_now().await;
                let mut watch = WaitMany::default();
                for _ in 0..vain {
                    let progress = look(&mut watch, &children, Wanted::Irregular).await;
                    assert!(matches!(progress, Progress::Waiting));
                    end_another().await;
                }
                children.handles[7].cancel();
                children.handles[3].cancel();
                yield_now().await;
                for _ in 0..2 {
                    let progress = look(&mut watch, &children, Wanted::Irregular).await;
                    assert!(matches!(progress, Progress::Found(7)));
                }
            });
        }
    }
}
