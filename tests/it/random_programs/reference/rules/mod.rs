//! The rules of the loop, as a naive interpreter: what is ready is a list, timers are a sorted list, a task is a body and
//! a place in it. No futures, no wakers, nothing of looplet. The numbers are those of the rules that programs rely on:
//! order (1 to 5), tasks (7 to 9), waiting (11, 13, 15 to 17).
//!
//! It also notices when a program meets a situation in which asyncio is known to differ.

mod shared;
mod tasks;
mod waits;

use std::collections::VecDeque;
use std::fmt::Display;
use std::rc::Rc;

use super::differences::Difference;
use super::program::{Act, Body, Millis};
use shared::{Event, Queue, Semaphore};
use tasks::Task;

/// What can be ready.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    Task(usize),
    Call(usize),
}

/// What a timer was armed for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Sleep,
    Limit,
    Call,
}

struct Timer {
    deadline: Millis,
    /// In the order of arming.
    number: usize,
    purpose: Purpose,
    wakes: Entry,
}

enum Call {
    Act(Rc<Act>),
    HearOf(usize),
    /// Has run, or was cancelled.
    Spent,
}

/// What came of a program.
pub(crate) struct Outcome {
    pub(crate) trace: Vec<String>,
    /// How many lines there were when the loop began to clean up.
    pub(crate) before_cleanup: usize,
    /// The first situation in which asyncio may differ, and how many lines there were.
    pub(crate) difference: Option<(Difference, usize)>,
    /// A sleep fell due while something else was ready.
    pub(crate) crowded_sleep: bool,
}

#[derive(Default)]
struct Loop {
    now: Millis,
    ready: VecDeque<Entry>,
    /// How many entries the round that is running began with.
    round: usize,
    timers: Vec<Timer>,
    timers_made: usize,
    tasks: Vec<Task>,
    calls: Vec<Call>,
    queues: Vec<Queue>,
    events: Vec<Event>,
    semaphores: Vec<Semaphore>,
    items: usize,
    /// The task that is polled.
    current: Option<usize>,
    /// The loop cleans up: tasks that are spawned now are cancelled at once.
    closing: bool,
    trace: Vec<String>,
    difference: Option<(Difference, usize)>,
    crowded_sleep: bool,
}

/// Carries out a program.
pub(crate) fn play(main: &Body) -> Outcome {
    let mut l = Loop {
        queues: shared::queues(),
        events: shared::events(),
        semaphores: shared::semaphores(),
        ..Loop::default()
    };
    l.spawn(main);
    l.run_main();
    let before_cleanup = l.trace.len();
    l.clean_up();
    Outcome {
        trace: l.trace,
        before_cleanup,
        difference: l.difference,
        crowded_sleep: l.crowded_sleep,
    }
}

impl Loop {
    fn note(&mut self, who: impl Display, what: impl Display) {
        self.trace.push(format!("{} {who} {what}", self.now));
    }

    fn differs(&mut self, difference: Difference) {
        // The cleanup is not compared.
        if self.difference.is_none() && !self.closing {
            self.difference = Some((difference, self.trace.len()));
        }
    }

    /// One first-in-first-out line; waking what is ready already changes nothing.
    fn make_ready(&mut self, entry: Entry) {
        let is_over = matches!(entry, Entry::Task(task) if self.tasks[task].is_finished());
        if !is_over && !self.ready.contains(&entry) {
            self.ready.push_back(entry);
            self.note_self_cancel(entry);
        }
    }

    /// Asyncio queues a task that has cancelled itself when it suspends, looplet at once: who was queued in between
    /// changes places with it.
    fn note_self_cancel(&mut self, entry: Entry) {
        if let Some(current) = self.current {
            let task = &mut self.tasks[current];
            task.overtakes |= task.cancel_requested && entry != Entry::Task(current);
        }
    }

    /// When main has finished its round is completed, and one more runs.
    fn run_main(&mut self) {
        while !self.tasks[0].is_finished() {
            self.look();
            if self.ready.is_empty() {
                self.jump();
            }
            self.run_round();
        }
        self.look();
        self.run_round();
    }

    /// A round runs what is ready at its start.
    fn run_round(&mut self) {
        self.round = self.ready.len();
        for _ in 0..self.round {
            match self.ready.pop_front().expect("nobody leaves the line") {
                Entry::Task(task) => self.poll(task),
                Entry::Call(call) => self.run_call(call),
            }
        }
    }

    /// Due timers are queued behind what is ready, by deadline, ties in the order of arming.
    fn look(&mut self) {
        self.timers
            .sort_by_key(|timer| (timer.deadline, timer.number));
        let due = self
            .timers
            .partition_point(|timer| timer.deadline <= self.now);
        let due: Vec<_> = self.timers.drain(..due).collect();
        let alone = due.len() == 1 && self.ready.is_empty() && !self.is_last_round();
        for timer in due {
            match timer.purpose {
                Purpose::Limit if !alone => self.differs(Difference::DeadlineInCompany),
                Purpose::Sleep if !alone => self.crowded_sleep = true,
                _ => {}
            }
            self.make_ready(timer.wakes);
        }
    }

    /// Time jumps to the next deadline, if nothing is ready.
    fn jump(&mut self) {
        let next = self.timers.iter().map(|timer| timer.deadline).min();
        self.now = next.expect("the main task waits for nothing without a limit");
        self.look();
    }

    /// Main has finished: what asyncio would do one round later it does not do.
    fn is_last_round(&self) -> bool {
        self.tasks[0].is_finished()
    }

    fn arm(&mut self, deadline: Millis, purpose: Purpose, wakes: Entry) -> usize {
        let number = self.timers_made;
        self.timers_made += 1;
        self.timers.push(Timer {
            deadline,
            number,
            purpose,
            wakes,
        });
        number
    }

    fn is_armed(&self, number: usize) -> bool {
        self.timers.iter().any(|timer| timer.number == number)
    }

    fn disarm(&mut self, number: usize) {
        self.timers.retain(|timer| timer.number != number);
    }

    /// Every other task is cancelled, in spawn order, and the loop runs until all are gone; then what the last
    /// ones have queued.
    fn clean_up(&mut self) {
        self.closing = true;
        // The grace of a shutdown, here none, begins with a look; `run` has none.
        self.look();
        let others = self.alive();
        if others.is_empty() {
            return;
        }
        for task in others {
            self.cancel(task);
        }
        while !self.alive().is_empty() {
            self.look();
            self.run_round();
        }
        self.run_round();
    }

    fn alive(&self) -> Vec<usize> {
        let tasks = 0..self.tasks.len();
        tasks
            .filter(|&task| !self.tasks[task].is_finished())
            .collect()
    }

    fn make_call(&mut self, call: Call) -> usize {
        self.calls.push(call);
        self.calls.len() - 1
    }

    fn run_call(&mut self, number: usize) {
        let who = format!("c{number}");
        match std::mem::replace(&mut self.calls[number], Call::Spent) {
            Call::Act(act) => {
                self.note(&who, "runs");
                self.act(&who, &act);
            }
            Call::HearOf(task) => self.note(&who, format_args!("hears of t{task}")),
            Call::Spent => {}
        }
    }

    /// What tasks and calls do alike. Gives the task that it has spawned, or the call that it has made.
    fn act(&mut self, who: &str, act: &Act) -> Option<Made> {
        match act {
            Act::Spawn(body) => {
                let task = self.tasks.len();
                self.note(who, format_args!("spawns t{task}"));
                self.spawn(body);
                return Some(Made::Task(task));
            }
            Act::Cancel(which) => self.cancel_one(who, *which),
            Act::TryPut(queue) => self.try_put(who, *queue),
            Act::TryGet(queue) => self.try_get(who, *queue),
            Act::Set(event) => self.set(who, *event),
            Act::Clear(event) => {
                self.events[*event].is_set = false;
                self.note(who, format_args!("clears e{event}"));
            }
            Act::Advance(millis) => {
                self.now += millis;
                self.note(who, format_args!("was busy for {millis}"));
            }
            Act::CallSoon(act) => {
                let call = self.make_call(Call::Act(act.clone()));
                self.note(who, format_args!("calls c{call} soon"));
                self.make_ready(Entry::Call(call));
                return Some(Made::Call(call, None));
            }
            Act::CallLater(delay, act) => {
                let call = self.make_call(Call::Act(act.clone()));
                self.note(who, format_args!("calls c{call} in {delay}"));
                let timer = self.arm(self.now + delay, Purpose::Call, Entry::Call(call));
                return Some(Made::Call(call, Some(timer)));
            }
        }
        None
    }

    fn cancel_one(&mut self, who: &str, which: usize) {
        let others = self.tasks.len() - 1;
        if others == 0 {
            return self.note(who, "cancels nobody");
        }
        let task = 1 + which % others;
        let hit = self.cancel(task);
        self.note(who, format_args!("cancels t{task} {hit}"));
    }
}

/// What an act may leave behind.
enum Made {
    Task(usize),
    Call(usize, Option<usize>),
}
