//! The state of every task and what it waits for, as a tree along the waits.

use std::panic::Location;
use std::time::{Duration, Instant};

use crate::event_loop::core::Core;
use crate::event_loop::{Builder, EventLoop, context};
use crate::task::{Task, TaskId, TaskState};
use crate::waiting::WaitsOn;

/// Every unfinished task of a loop at one moment; made by [`dump`](crate::dump) and
/// [`EventLoop::dump`](crate::EventLoop::dump).
///
/// Its `Display` is a tree: the children of a task are the tasks whose results it awaits. Tasks that wait for each
/// other in a cycle are listed at the end. The text is of bounded length: it shows a thousand tasks at most and the
/// number of the others; a branch that is too deep continues below its tree.
///
/// # Examples
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
    /// Its state.
    pub state: TaskState,
    /// What it waits for, if it is waiting.
    pub waits: Vec<WaitsOn>,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
    /// Its age; only with an observer.
    pub age: Option<Duration>,
    /// The number of its polls; only with an observer.
    pub polls: Option<u64>,
    /// The total time of its polls; only with an observer.
    pub running: Option<Duration>,
}

/// The state of a task in the depth-first search for cycles.
#[derive(Clone, Copy)]
enum Visit {
    Unvisited,
    /// On the path, at this index.
    OnPath(usize),
    /// Finished: in no further cycle.
    Done,
}

impl Dump {
    pub(super) fn of(core: &Core) -> Self {
        let tasks = core.tasks.tasks();
        let place = |task: &Task| tasks.binary_search_by_key(&task.id(), Task::id).ok();
        let mut waits = vec![Vec::new(); tasks.len()];
        core.for_each_timer(|deadline, waker| {
            let task = core.tasks.task_behind(waker);
            if let Some(task) = task.and_then(|task| place(&task)) {
                waits[task].push(WaitsOn::Until(deadline));
            }
        });
        for task in &tasks {
            let result = WaitsOn::Result(task.id());
            for waiter in task.awaited_by().iter().flatten().filter_map(place) {
                let waits = &mut waits[waiter];
                if waits.last() != Some(&result) {
                    waits.push(result.clone());
                }
            }
        }
        let at = core.clock.peek();
        let both = tasks.iter().zip(waits);
        Self {
            at,
            tasks: both
                .map(|(task, waits)| TaskDump::of(task, waits, at))
                .collect(),
        }
    }

    /// The tasks, in spawn order.
    pub fn tasks(&self) -> &[TaskDump] {
        &self.tasks
    }

    /// Cycles of tasks that wait for each other's results: each task waits for the next, the last one for the first. If
    /// they wait for nothing else, none of them can ever continue.
    ///
    /// No task is in two cycles: of cycles that share a task, one is returned.
    pub fn cycles(&self) -> Vec<Vec<&TaskDump>> {
        let mut cycles = Vec::new();
        let mut seen = vec![Visit::Unvisited; self.tasks.len()];
        for start in 0..self.tasks.len() {
            if let Visit::Unvisited = seen[start] {
                self.follow(start, &mut seen, &mut cycles);
            }
        }
        cycles
    }

    /// Searches depth first along the waits, without recursion, since a chain of a million tasks would overflow the
    /// stack.
    fn follow<'a>(&'a self, start: usize, seen: &mut [Visit], cycles: &mut Vec<Vec<&'a TaskDump>>) {
        let mut path = vec![(start, self.awaited_by(start))];
        seen[start] = Visit::OnPath(0);
        while let Some((task, awaited)) = path.last_mut() {
            let Some(next) = awaited.next() else {
                seen[*task] = Visit::Done;
                path.pop();
                continue;
            };
            match seen[next] {
                Visit::Done => {}
                Visit::Unvisited => {
                    seen[next] = Visit::OnPath(path.len());
                    path.push((next, self.awaited_by(next)));
                }
                Visit::OnPath(place) => {
                    let cycle: Vec<_> = path.drain(place..).map(|(task, _)| task).collect();
                    cycle.iter().for_each(|&task| seen[task] = Visit::Done);
                    cycles.push(cycle.into_iter().map(|it| &self.tasks[it]).collect());
                }
            }
        }
    }

    /// The tasks whose results a task awaits; a task is its place here.
    pub(super) fn awaited_by(&self, task: usize) -> impl Iterator<Item = usize> {
        let results = self.tasks[task].results();
        results.filter_map(|id| self.index(id))
    }

    pub(super) fn at(&self) -> Instant {
        self.at
    }

    /// The task with that id, if it is unfinished.
    pub(super) fn find(&self, id: TaskId) -> Option<&TaskDump> {
        self.index(id).map(|index| &self.tasks[index])
    }

    fn index(&self, id: TaskId) -> Option<usize> {
        self.tasks.binary_search_by_key(&id, |task| task.id).ok()
    }
}

impl TaskDump {
    fn of(task: &Task, mut waits: Vec<WaitsOn>, at: Instant) -> Self {
        let (state, counts) = (task.state(), task.counts());
        if state == TaskState::Waiting {
            waits.extend(task.noted().iter());
            if waits.is_empty() {
                waits.push(WaitsOn::Elsewhere);
            }
        } else {
            waits.clear();
        }
        Self {
            id: task.id(),
            name: task.name().to_string(),
            state,
            waits,
            spawned_at: task.spawned_at(),
            age: counts.map(|counts| at - counts.spawned),
            polls: counts.map(|counts| counts.polls),
            running: counts.map(|counts| counts.running),
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

/// The state of every unfinished task of the running loop, and what it waits for; see [`Dump`].
///
/// Waits for sleeps and for the results of tasks are always shown. Waits for queues, locks and the like are recorded
/// only in virtual time, or if the loop has an [`observer`](crate::Builder::observer), even one that does nothing.
///
/// # Panics
///
/// If no event loop is running on this thread.
///
/// # Examples
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
    /// The state of every unfinished task, and what it waits for; see [`Dump`].
    ///
    /// # Examples
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
    /// Time starts now and stands still while a task is ready; when none is, it jumps to the next deadline. So programs
    /// that sleep for hours end at once, in the same order as in real time.
    pub fn virtual_time(self) -> Self {
        // Records waits, because programs in virtual time are tests, and the deadlock panic shows what they wait for.
        self.in_virtual_time().with(|core| {
            core.tasks.note_waits();
            core.set_explain(|core| Dump::of(core).to_string());
        })
    }
}
