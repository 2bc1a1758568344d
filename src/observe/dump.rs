//! What every task is doing and what it waits for, as a tree along the waits.

use std::collections::BTreeMap;
use std::panic::Location;
use std::time::{Duration, Instant};

use super::observer::{WaitsOn, watcher};
use crate::event_loop::core::Core;
use crate::event_loop::{Builder, EventLoop, context};
use crate::task::{Activity, Snapshot, TaskId};
use crate::waiting::Kinds;

/// Every unfinished task of a loop at one moment; made by [`dump`](crate::dump) and
/// [`EventLoop::dump`](crate::EventLoop::dump).
///
/// Its `Display` is a tree: below each task stand those whose results it awaits. Tasks that wait for each other in a
/// circle are named at the end. The text is of bounded length: it shows a thousand tasks at most, and says how many more
/// there are; a tree that is too deep goes on below itself.
///
/// ```
/// use std::time::Duration;
/// use looplet::{EventLoop, sleep, spawn_named, yield_now};
///
/// EventLoop::builder().virtual_time().build().block_on(async {
///     let bake = spawn_named("bake", sleep(Duration::from_secs(2400)));
///     let eat = spawn_named("eat", async { bake.await });
///     yield_now().await;
///     yield_now().await;
///     println!("{}", looplet::dump());
///     # let text = looplet::dump().to_string();
///     # assert!(text.contains("'eat' waits for the result of 'bake'"), "{text}");
///     # assert!(text.contains("└─ 'bake' sleeps for another 2400 s"), "{text}");
///     # drop(eat);
/// });
/// ```
#[derive(Clone, Debug)]
pub struct Dump {
    at: Instant,
    tasks: Vec<TaskDump>,
}

/// One task in a [`Dump`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskDump {
    /// The task's identity.
    pub id: TaskId,
    /// Its name.
    pub name: String,
    /// What it is doing.
    pub state: TaskState,
    /// What it waits for, if it does.
    pub waits: Vec<WaitsOn>,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
    /// How old it is; only with an observer.
    pub age: Option<Duration>,
    /// How often it was polled; only with an observer.
    pub polls: Option<u64>,
    /// How long it has been running in all; only with an observer.
    pub running: Option<Duration>,
}

/// What an unfinished task is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskState {
    /// It is being polled.
    Running,
    /// It is in the ready queue.
    Ready,
    /// It is in the ready queue to be cancelled.
    Cancelling,
    /// It waits.
    Waiting,
}

/// Where a task is while waits are followed.
#[derive(Clone, Copy)]
enum Step {
    Ahead,
    /// So far from the start, and some of what it awaits is ahead.
    OnTheWay(usize),
    /// No more circles lead through it.
    Behind,
}

impl Dump {
    pub(super) fn of(core: &Core) -> Self {
        let snapshots = core.tasks.snapshots();
        let mut waits: BTreeMap<TaskId, Vec<WaitsOn>> = BTreeMap::new();
        core.for_each_timer(|deadline, waker| {
            if let Some(task) = core.tasks.task_behind(waker) {
                waits
                    .entry(task.id())
                    .or_default()
                    .push(WaitsOn::Until(core.clock.instant(deadline)));
            }
        });
        for snapshot in &snapshots {
            let result = WaitsOn::Result(snapshot.task.id());
            for waiter in snapshot.awaited_by.iter().flatten() {
                let waits = waits.entry(waiter.id()).or_default();
                if waits.last() != Some(&result) {
                    waits.push(result.clone());
                }
            }
        }
        let at = core.clock.peek();
        let dump_one = |snapshot| TaskDump::of(snapshot, core, at, &mut waits);
        Self {
            at,
            tasks: snapshots.into_iter().map(dump_one).collect(),
        }
    }

    /// The tasks, in spawn order.
    pub fn tasks(&self) -> &[TaskDump] {
        &self.tasks
    }

    /// Tasks that wait for each other's results in a circle: each one waits for the next, the last one for the first. If
    /// they wait for nothing else, none of them can ever go on.
    ///
    /// No task is in two of them: of circles that share a task, one is given.
    pub fn cycles(&self) -> Vec<Vec<&TaskDump>> {
        let mut cycles = Vec::new();
        let mut steps = vec![Step::Ahead; self.tasks.len()];
        for start in 0..self.tasks.len() {
            if let Step::Ahead = steps[start] {
                self.follow(start, &mut steps, &mut cycles);
            }
        }
        cycles
    }

    /// Walks along the waits, without recursion: chains of a million tasks are no rarity.
    fn follow<'a>(&'a self, start: usize, steps: &mut [Step], cycles: &mut Vec<Vec<&'a TaskDump>>) {
        let mut way = vec![(start, self.tasks[start].results())];
        steps[start] = Step::OnTheWay(0);
        while let Some((task, awaited)) = way.last_mut() {
            let Some(next) = awaited.find_map(|id| self.index(id)) else {
                steps[*task] = Step::Behind;
                way.pop();
                continue;
            };
            match steps[next] {
                Step::Behind => {}
                Step::Ahead => {
                    steps[next] = Step::OnTheWay(way.len());
                    way.push((next, self.tasks[next].results()));
                }
                Step::OnTheWay(place) => {
                    let circle: Vec<_> = way.drain(place..).map(|(task, _)| task).collect();
                    circle.iter().for_each(|&task| steps[task] = Step::Behind);
                    cycles.push(circle.into_iter().map(|it| &self.tasks[it]).collect());
                }
            }
        }
    }

    pub(super) fn at(&self) -> Instant {
        self.at
    }

    /// The task of that identity, if it is an unfinished one.
    pub(super) fn find(&self, id: TaskId) -> Option<&TaskDump> {
        self.index(id).map(|index| &self.tasks[index])
    }

    fn index(&self, id: TaskId) -> Option<usize> {
        self.tasks.binary_search_by_key(&id, |task| task.id).ok()
    }
}

impl TaskDump {
    fn of(
        snapshot: Snapshot,
        core: &Core,
        at: Instant,
        waits: &mut BTreeMap<TaskId, Vec<WaitsOn>>,
    ) -> Self {
        let Snapshot { task, activity, .. } = snapshot;
        let id = task.id();
        let mut waits = waits.remove(&id).unwrap_or_default();
        let state = match activity {
            Activity::Running => TaskState::Running,
            Activity::Ready if task.is_cancel_requested() => TaskState::Cancelling,
            Activity::Ready => TaskState::Ready,
            Activity::Waiting(kinds) => {
                let kinds: Kinds = kinds.unwrap_or_default();
                waits.extend(kinds.iter().map(WaitsOn::from));
                if waits.is_empty() {
                    waits.push(WaitsOn::Elsewhere);
                }
                TaskState::Waiting
            }
        };
        if state != TaskState::Waiting {
            waits.clear();
        }
        let stats = watcher(core).and_then(|watcher| watcher.stats(id));
        Self {
            id,
            name: task.name().to_string(),
            state,
            waits,
            spawned_at: task.spawned_at(),
            age: stats.map(|stats| at - stats.spawned),
            polls: stats.map(|stats| stats.polls),
            running: stats.map(|stats| stats.running),
        }
    }

    /// The tasks whose results it awaits.
    pub(super) fn results(&self) -> impl Iterator<Item = TaskId> {
        self.waits.iter().filter_map(|wait| match wait {
            WaitsOn::Result(task) => Some(*task),
            _ => None,
        })
    }
}

/// What every unfinished task of the running loop is doing, and what it waits for; see [`Dump`].
///
/// What a task waits for is always known of sleeps and of the results of tasks; of queues, locks and the like in
/// virtual time, or if the loop has an [`observer`](crate::Builder::observer), even one that does nothing.
///
/// # Panics
///
/// If no event loop is running on this thread.
///
/// ```
/// looplet::run(async {
///     let _task = looplet::spawn_named("idler", std::future::pending::<()>());
///     looplet::yield_now().await;
///     let dump = looplet::dump().to_string();
///     assert!(dump.contains("'Task-1' is running"));
///     assert!(dump.contains("'idler' waits for something else"));
/// });
/// ```
#[doc(alias = "print_call_graph")]
#[doc(alias = "format_call_graph")]
#[doc(alias = "capture_call_graph")]
#[track_caller]
pub fn dump() -> Dump {
    context::with(|core| Dump::of(core))
}

impl EventLoop {
    /// What every unfinished task is doing, and what it waits for; see [`Dump`].
    ///
    /// ```
    /// let event_loop = looplet::EventLoop::new();
    /// event_loop.spawn(async {}).detach();
    /// assert!(event_loop.dump().to_string().contains("'Task-1' is ready"));
    /// ```
    #[doc(alias = "print_call_graph")]
    pub fn dump(&self) -> Dump {
        Dump::of(&self.core)
    }
}

impl Builder {
    /// Time starts now and stands still while anything is ready; when nothing is, it jumps to the next deadline. So
    /// programs that sleep for hours end at once, in the same order as in real time.
    pub fn virtual_time(self) -> Self {
        // Programs in virtual time are tests, which want to know what a stuck program is stuck on.
        self.in_virtual_time().with(|core| {
            core.tasks.note_waits();
            core.set_explain(|core| Dump::of(core).to_string());
        })
    }
}
