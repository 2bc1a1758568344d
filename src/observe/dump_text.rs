//! The text of a dump: the tasks as a tree along the waits, of bounded length.

use std::collections::VecDeque;
use std::fmt;
use std::iter::Peekable;
use std::time::Duration;

use super::dump::{Dump, TaskDump};
use crate::task::TaskState;
use crate::waiting::WaitsOn;

/// The most tasks that are shown; a note counts the others.
const TASKS: usize = 1_000;
/// The most levels of a tree. Deeper branches are shown below it, because the lines of a long chain would grow without
/// bound.
const DEPTH: usize = 32;
/// The most cycles that are shown, and the most names in each of them.
const CYCLES: usize = 100;
/// The most waits that are shown of one task.
const WAITS: usize = 10;

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tasks = self.tasks();
        write!(f, "{}", counted(tasks.len() as u64, "unfinished task"))?;
        let mut is_root = vec![true; tasks.len()];
        for awaited in (0..tasks.len()).flat_map(|task| self.awaited_by(task)) {
            is_root[awaited] = false;
        }
        let roots = (0..tasks.len()).filter(|&task| is_root[task]);
        let mut writer = TreeWriter {
            dump: self,
            is_shown: vec![false; tasks.len()],
            shown: 0,
            below: VecDeque::new(),
        };
        // Tasks in a cycle, or awaited only by tasks in a cycle, have no root above them and come last.
        for task in roots.chain(0..tasks.len()) {
            writer.write(f, task)?;
        }
        write_rest(f, tasks.len() - writer.shown, "task")?;
        self.write_cycles(f)
    }
}

fn counted(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// The note on entries that are not shown, if there are any.
fn write_rest(f: &mut fmt::Formatter<'_>, number: usize, what: &str) -> fmt::Result {
    match number {
        0 => Ok(()),
        1 => write!(f, "\n1 more {what} is not shown"),
        more => write!(f, "\n{more} more {what}s are not shown"),
    }
}

/// Writes the beginning of a line of a tree.
fn write_branches<I: Iterator>(
    f: &mut fmt::Formatter<'_>,
    levels: &mut [Peekable<I>],
) -> fmt::Result {
    f.write_str("\n")?;
    let depth = levels.len();
    for (above, level) in levels.iter_mut().enumerate() {
        f.write_str(match (above + 1 < depth, level.peek()) {
            (true, Some(_)) => "│  ",
            (true, None) => "   ",
            (false, Some(_)) => "├─ ",
            (false, None) => "└─ ",
        })?;
    }
    Ok(())
}

/// The state of the text while its trees are written. A task is its place in the dump.
struct TreeWriter<'a> {
    dump: &'a Dump,
    is_shown: Vec<bool>,
    /// How many tasks are shown.
    shown: usize,
    /// The tasks that are too deep in the current tree.
    below: VecDeque<usize>,
}

impl TreeWriter<'_> {
    /// Writes the tree of a task, and then the trees of those that were too deep for it.
    fn write(&mut self, f: &mut fmt::Formatter<'_>, root: usize) -> fmt::Result {
        self.below.push_back(root);
        while let Some(root) = self.below.pop_front() {
            if self.may_show(root) {
                self.write_tree(f, root)?;
            }
        }
        Ok(())
    }

    fn may_show(&self, task: usize) -> bool {
        self.shown < TASKS && !self.is_shown[task]
    }

    fn show(&mut self, f: &mut fmt::Formatter<'_>, task: usize) -> fmt::Result {
        self.is_shown[task] = true;
        self.shown += 1;
        self.dump.write_task(f, &self.dump.tasks()[task])
    }

    /// Writes a task that has not been shown, and the tree below it.
    fn write_tree(&mut self, f: &mut fmt::Formatter<'_>, root: usize) -> fmt::Result {
        let dump = self.dump;
        f.write_str("\n")?;
        self.show(f, root)?;
        // The tasks that are still to be written at each level.
        let mut levels = vec![dump.awaited_by(root).peekable()];
        while let Some(level) = levels.last_mut() {
            let Some(task) = level.next() else {
                levels.pop();
                continue;
            };
            let is_new = !self.is_shown[task];
            if is_new && !self.may_show(task) {
                break;
            }
            write_branches(f, &mut levels)?;
            let name = &dump.tasks()[task].name;
            let mut awaited = dump.awaited_by(task).peekable();
            if !is_new {
                write!(f, "'{name}' (see above)")?;
            } else if levels.len() == DEPTH && awaited.peek().is_some() {
                write!(f, "'{name}' (see below)")?;
                self.below.push_back(task);
            } else {
                self.show(f, task)?;
                levels.push(awaited);
            }
        }
        Ok(())
    }
}

impl Dump {
    fn write_task(&self, f: &mut fmt::Formatter<'_>, task: &TaskDump) -> fmt::Result {
        write!(f, "'{}' ", task.name)?;
        match task.state {
            TaskState::Running => f.write_str("is running")?,
            TaskState::Ready => f.write_str("is ready")?,
            TaskState::Cancelling => f.write_str("is ready to be cancelled")?,
            TaskState::Waiting => self.write_waits(f, task)?,
        }
        if let (Some(age), Some(polls), Some(running)) = (task.age, task.polls, task.running) {
            let times = counted(polls, "time");
            write!(f, "; polled {times} for {running:?} in {age:?}")?;
        }
        write!(f, "; spawned at {}", task.spawned_at)
    }

    fn write_waits(&self, f: &mut fmt::Formatter<'_>, task: &TaskDump) -> fmt::Result {
        let mut results = task.results();
        let first = results.next();
        let others = task.waits.iter();
        let others = others.filter(|wait| first.is_none() || !wait.is_in_results());
        let others = others.filter_map(|wait| self.describe(wait));
        let results = first.map(|first| match results.count() {
            0 => {
                let name = self.find(first).map_or("?", |task| &task.name);
                format!("waits for the result of '{name}'")
            }
            more => format!("waits for the results of {} tasks", more + 1),
        });
        let mut parts = others.chain(results);
        let shown: Vec<_> = parts.by_ref().take(WAITS).collect();
        f.write_str(&shown.join(", or "))?;
        match parts.count() {
            0 => Ok(()),
            more => write!(f, ", or {more} more"),
        }
    }

    /// A wait in words; none for results, which are described together.
    fn describe(&self, wait: &WaitsOn) -> Option<String> {
        Some(match wait {
            WaitsOn::Until(when) => match when.saturating_duration_since(self.at()) {
                Duration::ZERO => "sleeps until now".into(),
                rest if rest.subsec_nanos() == 0 => {
                    format!("sleeps for another {} s", rest.as_secs())
                }
                rest => format!("sleeps for another {rest:.3?}"),
            },
            wait => wait.in_words()?[0].into(),
        })
    }

    fn write_cycles(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cycles = self.cycles();
        for cycle in cycles.iter().take(CYCLES) {
            f.write_str("\nthese wait for each other: ")?;
            for task in cycle.iter().take(CYCLES) {
                write!(f, "'{}' -> ", task.name)?;
            }
            match cycle.len().saturating_sub(CYCLES) {
                0 => {}
                more => write!(f, "{more} more -> ")?,
            }
            write!(f, "'{}'", cycle[0].name)?;
        }
        write_rest(f, cycles.len().saturating_sub(CYCLES), "cycle")
    }
}

impl WaitsOn {
    /// The wait in words: to follow the name of a task, and to fit into a chart. A time and a result have none.
    pub(super) fn in_words(&self) -> Option<[&'static str; 2]> {
        Some(match self {
            Self::Until(_) | Self::Result(_) => return None,
            Self::Forever => ["sleeps for ever", "sleep for ever"],
            Self::OtherResults => [
                "waits for the results of other tasks",
                "results of other tasks",
            ],
            Self::QueueGet => ["waits for an item of a queue", "queue: get"],
            Self::QueuePut => ["waits for room in a queue", "queue: put"],
            Self::QueueJoin => ["waits for a queue's work to be done", "queue: join"],
            Self::Lock => ["waits for a lock or a permit", "lock or permit"],
            Self::Event => ["waits for an event to be set", "event"],
            Self::Condition => ["waits for a condition to be notified", "condition"],
            Self::Barrier => ["waits for the other tasks of a barrier", "barrier"],
            Self::Message => ["waits for the message of a oneshot", "oneshot"],
            Self::Group => ["waits for the children of its task group", "task group"],
            Self::AnyOfMany => ["waits for the next of many tasks to end", "next of many"],
            Self::Elsewhere => ["waits for something else", "something else"],
        })
    }
}
