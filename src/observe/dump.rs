//! What every task is doing and what it waits for, as a tree along the waits.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::Location;
use std::time::{Duration, Instant};

use super::observer::{WaitsOn, watcher};
use crate::event_loop::core::Core;
use crate::event_loop::{Builder, EventLoop, context};
use crate::task::{Sighting, Standing, TaskId};
use crate::waiting::Kinds;

/// Every unfinished task of a loop at one moment; made by [`dump`](crate::dump) and
/// [`EventLoop::dump`](crate::EventLoop::dump).
///
/// Its `Display` is a tree: below each task stand those whose results it awaits. Tasks that wait for each other in a
/// circle are named at the end.
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

impl Dump {
    pub(super) fn of(core: &Core) -> Self {
        let sightings = core.tasks.sightings();
        let mut waits: BTreeMap<TaskId, Vec<WaitsOn>> = BTreeMap::new();
        core.for_each_timer(|deadline, waker| {
            if let Some(task) = core.tasks.task_behind(waker) {
                waits
                    .entry(task.id())
                    .or_default()
                    .push(WaitsOn::Until(core.clock.instant(deadline)));
            }
        });
        for sighting in &sightings {
            if let Some(waiter) = &sighting.awaited_by {
                let result = WaitsOn::Result(sighting.task.id());
                waits.entry(waiter.id()).or_default().push(result);
            }
        }
        let at = core.clock.peek();
        let dump_one = |sighting| TaskDump::of(sighting, core, at, &mut waits);
        Self {
            at,
            tasks: sightings.into_iter().map(dump_one).collect(),
        }
    }

    /// The tasks, in spawn order.
    pub fn tasks(&self) -> &[TaskDump] {
        &self.tasks
    }

    /// Tasks that wait for each other's results in a circle, so that none of them can ever go on: each one waits for
    /// the next, the last one for the first.
    pub fn cycles(&self) -> Vec<Vec<&TaskDump>> {
        let mut cycles = Vec::new();
        let mut settled = BTreeSet::new();
        for task in &self.tasks {
            let mut path = Vec::new();
            self.follow(task, &mut path, &mut settled, &mut cycles);
        }
        cycles
    }

    /// Walks along the waits, without recursion: chains of a million tasks are no rarity.
    fn follow<'a>(
        &'a self,
        start: &'a TaskDump,
        path: &mut Vec<(&'a TaskDump, usize)>,
        settled: &mut BTreeSet<TaskId>,
        cycles: &mut Vec<Vec<&'a TaskDump>>,
    ) {
        let mut on_path = BTreeSet::new();
        if settled.contains(&start.id) {
            return;
        }
        path.push((start, 0));
        on_path.insert(start.id);
        while let Some((task, next)) = path.last_mut() {
            let awaited = task.results().nth(*next);
            *next += 1;
            let Some(awaited) = awaited else {
                settled.insert(task.id);
                on_path.remove(&task.id);
                path.pop();
                continue;
            };
            if on_path.contains(&awaited) {
                let from = path.iter().position(|(task, _)| task.id == awaited);
                let circle = &path[from.unwrap_or(0)..];
                cycles.push(circle.iter().map(|(task, _)| *task).collect());
            } else if let Some(awaited) = self.find(awaited).filter(|it| !settled.contains(&it.id))
            {
                on_path.insert(awaited.id);
                path.push((awaited, 0));
            }
        }
    }

    fn find(&self, id: TaskId) -> Option<&TaskDump> {
        let at = self.tasks.binary_search_by_key(&id, |task| task.id).ok()?;
        Some(&self.tasks[at])
    }
}

impl TaskDump {
    fn of(
        sighting: Sighting,
        core: &Core,
        at: Instant,
        waits: &mut BTreeMap<TaskId, Vec<WaitsOn>>,
    ) -> Self {
        let Sighting { task, standing, .. } = sighting;
        let id = task.id();
        let mut waits = waits.remove(&id).unwrap_or_default();
        let state = match standing {
            Standing::Running => TaskState::Running,
            Standing::Ready if task.is_cancel_requested() => TaskState::Cancelling,
            Standing::Ready => TaskState::Ready,
            Standing::Waiting(kinds) => {
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

    fn results(&self) -> impl Iterator<Item = TaskId> {
        self.waits.iter().filter_map(|wait| match wait {
            WaitsOn::Result(task) => Some(*task),
            _ => None,
        })
    }
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.tasks.len();
        write!(
            f,
            "{count} unfinished task{}",
            if count == 1 { "" } else { "s" }
        )?;
        let awaited: BTreeSet<_> = self.tasks.iter().flat_map(TaskDump::results).collect();
        let mut shown = BTreeSet::new();
        let roots = self.tasks.iter().filter(|task| !awaited.contains(&task.id));
        // Whoever is in a circle, or awaited out of one only, has no root above it and comes last.
        for task in roots.chain(&self.tasks) {
            if !shown.contains(&task.id) {
                self.write_tree(f, task, &mut shown)?;
            }
        }
        for cycle in self.cycles() {
            f.write_str("\nthese wait for each other: ")?;
            for task in &cycle {
                write!(f, "'{}' -> ", task.name)?;
            }
            write!(f, "'{}'", cycle[0].name)?;
        }
        Ok(())
    }
}

impl Dump {
    fn write_tree(
        &self,
        f: &mut fmt::Formatter<'_>,
        root: &TaskDump,
        shown: &mut BTreeSet<TaskId>,
    ) -> fmt::Result {
        // What stands in front of a task, whether it is the last of its siblings, and the task.
        let mut stack = vec![(String::new(), None, root)];
        while let Some((indent, last, task)) = stack.pop() {
            let branch = match last {
                None => "",
                Some(false) => "├─ ",
                Some(true) => "└─ ",
            };
            write!(f, "\n{indent}{branch}")?;
            if !shown.insert(task.id) {
                write!(f, "'{}' (see above)", task.name)?;
                continue;
            }
            self.write_task(f, task)?;
            let below = match last {
                None => "",
                Some(false) => "│  ",
                Some(true) => "   ",
            };
            let below = format!("{indent}{below}");
            let awaited: Vec<_> = task.results().filter_map(|id| self.find(id)).collect();
            for (index, child) in awaited.iter().enumerate().rev() {
                let last = index + 1 == awaited.len();
                stack.push((below.clone(), Some(last), child));
            }
        }
        Ok(())
    }

    fn write_task(&self, f: &mut fmt::Formatter<'_>, task: &TaskDump) -> fmt::Result {
        write!(f, "'{}' ", task.name)?;
        match task.state {
            TaskState::Running => f.write_str("is running")?,
            TaskState::Ready => f.write_str("is ready")?,
            TaskState::Cancelling => f.write_str("is ready to be cancelled")?,
            TaskState::Waiting => self.write_waits(f, &task.waits)?,
        }
        if let (Some(age), Some(polls), Some(running)) = (task.age, task.polls, task.running) {
            let times = if polls == 1 { "time" } else { "times" };
            write!(f, "; polled {polls} {times} for {running:?} in {age:?}")?;
        }
        write!(f, "; spawned at {}", task.spawned_at)
    }

    fn write_waits(&self, f: &mut fmt::Formatter<'_>, waits: &[WaitsOn]) -> fmt::Result {
        let names: Vec<_> = waits
            .iter()
            .filter_map(|wait| match wait {
                WaitsOn::Result(id) => Some(self.find(*id).map_or("?", |task| &task.name)),
                _ => None,
            })
            .collect();
        let mut parts: Vec<String> = waits
            .iter()
            .filter_map(|wait| self.describe(wait))
            .collect();
        match &names[..] {
            [] => {}
            [one] => parts.push(format!("waits for the result of '{one}'")),
            many => parts.push(format!("waits for the results of {} tasks", many.len())),
        }
        f.write_str(&parts.join(", or "))
    }

    /// A wait in words, but for those that are told together.
    fn describe(&self, wait: &WaitsOn) -> Option<String> {
        let text = match wait {
            WaitsOn::Result(_) => return None,
            WaitsOn::Until(when) => match when.saturating_duration_since(self.at) {
                Duration::ZERO => "sleeps until now".into(),
                rest if rest.subsec_nanos() == 0 => {
                    format!("sleeps for another {} s", rest.as_secs())
                }
                rest => format!("sleeps for another {rest:.3?}"),
            },
            wait => wait.in_words().into(),
        };
        Some(text)
    }
}

impl WaitsOn {
    /// The wait as a few words after the name of a task.
    fn in_words(&self) -> &'static str {
        match self {
            Self::Until(_) => "sleeps",
            Self::Forever => "sleeps for ever",
            Self::Result(_) => "waits for a result",
            Self::QueueGet => "waits for an item of a queue",
            Self::QueuePut => "waits for room in a queue",
            Self::QueueJoin => "waits for a queue's work to be done",
            Self::Lock => "waits for a lock or a permit",
            Self::Event => "waits for an event to be set",
            Self::Condition => "waits for a condition to be notified",
            Self::Barrier => "waits for the others of a barrier",
            Self::Message => "waits for the message of a oneshot",
            Self::Group => "waits for the children of its task group",
            Self::AnyOfMany => "waits for the next of many tasks to end",
            Self::Elsewhere => "waits for something else",
        }
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
