//! Tasks: their polls, their ends, what is notified of these, and how they are cancelled.

use std::fmt;

use super::super::program::{Body, Own, Step};
use super::waits::Waiting;
use super::{Call, Difference, Entry, Loop, Made};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Value,
    Cancelled,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Value => "done",
            Self::Cancelled => "cancelled",
        })
    }
}

#[derive(Clone, Copy)]
pub(super) struct Handle {
    pub(super) task: usize,
    /// Polled at least once.
    pub(super) awaited: bool,
}

/// What is notified of a task's end.
#[derive(PartialEq, Eq)]
enum Listener {
    Waiter(usize),
    Call(usize),
}

#[derive(Default)]
pub(super) struct Task {
    body: Body,
    /// The next step.
    at: usize,
    has_begun: bool,
    pub(super) outcome: Option<End>,
    pub(super) cancel_requested: bool,
    /// After it had cancelled itself it made others ready.
    pub(super) overtakes: bool,
    pub(super) waiting: Option<Waiting>,
    pub(super) handles: Vec<Handle>,
    pub(super) permits: Vec<usize>,
    /// With their timers.
    calls: Vec<(usize, Option<usize>)>,
    pub(super) gathered_by: Option<usize>,
    listeners: Vec<Listener>,
}

impl Task {
    pub(super) fn is_finished(&self) -> bool {
        self.outcome.is_some()
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.outcome == Some(End::Cancelled)
    }

    pub(super) fn take_handle(&mut self, which: usize) -> Option<Handle> {
        let count = self.handles.len();
        (count > 0).then(|| self.handles.remove(which % count))
    }
}

fn name(task: usize) -> String {
    if task == 0 {
        "main".into()
    } else {
        format!("t{task}")
    }
}

impl Loop {
    /// Nothing runs inside of a spawn. While the loop cleans up, the task is cancelled at once.
    pub(super) fn spawn(&mut self, body: &Body) {
        let task = self.tasks.len();
        self.tasks.push(Task {
            body: body.clone(),
            ..Task::default()
        });
        if self.closing {
            self.finish(task, End::Cancelled);
        } else {
            self.make_ready(Entry::Task(task));
        }
    }

    /// A request, which acts at the task's next poll.
    pub(super) fn cancel(&mut self, task: usize) -> bool {
        if self.tasks[task].is_finished() {
            return false;
        }
        if self.current != Some(task) && self.awaits_others(task) {
            self.differs(Difference::ChainOfAwaits);
        }
        self.tasks[task].cancel_requested = true;
        self.make_ready(Entry::Task(task));
        true
    }

    pub(super) fn poll(&mut self, task: usize) {
        if self.tasks[task].is_finished() {
            return;
        }
        // A request beats a wakeup that has not been acted on.
        if self.tasks[task].cancel_requested {
            return self.end(task);
        }
        self.current = Some(task);
        let finished = self.go_on(task);
        self.current = None;
        let t = &self.tasks[task];
        if finished {
            // A task that returns before its own request acts still counts as cancelled.
            let end = if t.cancel_requested {
                End::Cancelled
            } else {
                End::Value
            };
            self.finish(task, end);
        } else if t.cancel_requested {
            if t.overtakes {
                self.differs(Difference::SelfCancel);
            }
            if self.awaits_others(task) {
                self.differs(Difference::ChainOfAwaits);
            }
        }
    }

    /// Runs the task until it suspends or finishes. Whether it has finished.
    fn go_on(&mut self, task: usize) -> bool {
        let who = name(task);
        if !self.tasks[task].has_begun {
            self.tasks[task].has_begun = true;
            self.note(&who, "begins");
        }
        if self.tasks[task].waiting.is_some() {
            let Some(result) = self.look_at_wait(task) else {
                return false;
            };
            self.note(&who, result);
        }
        let body = self.tasks[task].body.clone();
        while let Some(step) = body.get(self.tasks[task].at) {
            self.tasks[task].at += 1;
            if !self.step(task, &who, step) {
                return false;
            }
        }
        self.note(&who, "ends");
        self.let_go_of_all(task);
        true
    }

    /// Whether the task goes on.
    fn step(&mut self, task: usize, who: &str, step: &Step) -> bool {
        let result = match step {
            Step::Act(act) => {
                match self.act(who, act) {
                    Some(Made::Task(task_made)) => self.tasks[task].handles.push(Handle {
                        task: task_made,
                        awaited: false,
                    }),
                    Some(Made::Call(call, timer)) => self.tasks[task].calls.push((call, timer)),
                    None => {}
                }
                return true;
            }
            Step::Own(own) => Some(self.do_with_own(task, own)),
            Step::Wait(wait) => self.begin_wait(task, wait, None),
            Step::Within(limit, wait) => self.begin_wait(task, wait, Some(*limit)),
        };
        let Some(result) = result else {
            return false;
        };
        self.note(who, result);
        true
    }

    fn do_with_own(&mut self, task: usize, own: &Own) -> String {
        match *own {
            Own::Release if self.tasks[task].permits.is_empty() => "releases nothing".into(),
            Own::Release => {
                let semaphore = self.tasks[task].permits.remove(0);
                self.release(semaphore);
                format!("releases s{semaphore}")
            }
            Own::DropHandle(which) => self.with_handle(task, which, "drops", |l, handle| {
                l.drop_handle(task, &handle);
            }),
            Own::Detach(which) => self.with_handle(task, which, "detaches", |l, handle| {
                l.no_longer_await(task, handle.task);
            }),
            Own::OnDone(which) => self.with_handle(task, which, "watches", |l, handle| {
                l.tasks[task].handles.push(handle);
                let call = l.make_call(Call::HearOf(handle.task));
                l.on_done(handle.task, call);
            }),
            Own::CancelCall(which) => self.cancel_call(task, which),
        }
    }

    fn with_handle(
        &mut self,
        task: usize,
        which: usize,
        what: &str,
        f: impl FnOnce(&mut Self, Handle),
    ) -> String {
        let Some(handle) = self.tasks[task].take_handle(which) else {
            return format!("{what} nobody");
        };
        f(self, handle);
        format!("{what} t{}", handle.task)
    }

    /// On a finished task it is queued at once.
    fn on_done(&mut self, task: usize, call: usize) {
        if self.tasks[task].is_finished() {
            self.make_ready(Entry::Call(call));
        } else {
            self.tasks[task].listeners.push(Listener::Call(call));
        }
    }

    fn cancel_call(&mut self, task: usize, which: usize) -> String {
        let count = self.tasks[task].calls.len();
        if count == 0 {
            return "uncalls nothing".into();
        }
        let (call, timer) = self.tasks[task].calls.remove(which % count);
        timer.into_iter().for_each(|timer| self.disarm(timer));
        let old = std::mem::replace(&mut self.calls[call], Call::Spent);
        format!("uncalls c{call} {}", !matches!(old, Call::Spent))
    }

    /// The end wakes what awaits it, in the order in which it and the callbacks came.
    pub(super) fn await_end(&mut self, waiter: usize, task: usize) {
        let listener = Listener::Waiter(waiter);
        if !self.tasks[task].listeners.contains(&listener) {
            self.tasks[task].listeners.push(listener);
        }
    }

    pub(super) fn no_longer_await(&mut self, waiter: usize, task: usize) {
        let listeners = &mut self.tasks[task].listeners;
        listeners.retain(|listener| *listener != Listener::Waiter(waiter));
    }

    /// A handle that was never awaited lets its task run on; one in the middle of its await cancels it.
    pub(super) fn drop_handle(&mut self, owner: usize, handle: &Handle) {
        if handle.awaited {
            self.cancel(handle.task);
        }
        self.no_longer_await(owner, handle.task);
    }

    /// What a body owns goes when it ends, however it ends: the permits, then the handles.
    fn let_go_of_all(&mut self, task: usize) {
        for semaphore in std::mem::take(&mut self.tasks[task].permits) {
            self.release(semaphore);
        }
        for handle in std::mem::take(&mut self.tasks[task].handles) {
            self.drop_handle(task, &handle);
        }
    }

    /// Ends a task before its time: what it waits for is dropped first, then what it owns.
    pub(super) fn end(&mut self, task: usize) {
        if self.tasks[task].is_finished() {
            return;
        }
        self.drop_wait(task);
        self.let_go_of_all(task);
        if self.tasks[task].has_begun {
            self.note(name(task), "cancelled");
        }
        self.finish(task, End::Cancelled);
    }

    fn finish(&mut self, task: usize, end: End) {
        self.tasks[task].outcome = Some(end);
        for listener in std::mem::take(&mut self.tasks[task].listeners) {
            match listener {
                Listener::Waiter(waiter) => self.make_ready(Entry::Task(waiter)),
                Listener::Call(call) => self.make_ready(Entry::Call(call)),
            }
        }
        if let Some(parent) = self.tasks[task].gathered_by {
            self.gathered_ends(parent, end);
        }
    }

    /// A cancellation wakes the task that gathers, and so does the last end.
    fn gathered_ends(&mut self, parent: usize, end: End) {
        if self.tasks[parent].is_finished() {
            return;
        }
        if end == End::Cancelled {
            self.differs(Difference::ChildCancelled);
        } else if self.gathers_more(parent) {
            return;
        }
        self.make_ready(Entry::Task(parent));
    }
}
