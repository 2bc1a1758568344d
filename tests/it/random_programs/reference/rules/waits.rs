//! How a task waits: each wait begins, is looked at again at the task's polls, and is dropped if the task, or its limit,
//! says so.

use super::super::program::{Body, Millis, Wait};
use super::tasks::Handle;
use super::{Difference, Entry, Loop, Purpose};

/// What a task waits for, and for how long.
pub(super) struct Waiting {
    what: Pending,
    limit: Limit,
}

enum Pending {
    Yield,
    /// Until this timer has fired.
    Sleep(usize, Millis),
    Get(usize),
    Put(usize, usize),
    Event(usize),
    Acquire(usize),
    /// The handle, and whether it stays if the wait is cut short.
    Join(Handle, Stays),
    /// Children.
    Gather(Vec<usize>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stays {
    Yes,
    No,
}

#[derive(Clone, Copy)]
enum Limit {
    None,
    Timer(usize),
}

/// A wait that has just begun.
enum Begun {
    /// There was nothing to wait for.
    Done(String),
    Waits(Pending),
}

impl Loop {
    /// Begins a wait. Gives its result, unless the task has to suspend.
    pub(super) fn begin_wait(
        &mut self,
        task: usize,
        wait: &Wait,
        limit: Option<Millis>,
    ) -> Option<String> {
        let what = match self.begin(task, wait) {
            Begun::Done(result) => return Some(result),
            Begun::Waits(what) => what,
        };
        // The future is polled before the deadline is looked at, and once if there is no time at all.
        let limit = match limit {
            None => Limit::None,
            Some(0) => {
                self.differs(Difference::ZeroLimit);
                self.drop_pending(task, what);
                return Some("elapsed".into());
            }
            Some(millis) => Limit::Timer(self.arm_for(task, millis, Purpose::Limit)),
        };
        self.tasks[task].waiting = Some(Waiting { what, limit });
        None
    }

    fn arm_for(&mut self, task: usize, millis: Millis, purpose: Purpose) -> usize {
        self.arm(self.now + millis, purpose, Entry::Task(task))
    }

    fn begin(&mut self, task: usize, wait: &Wait) -> Begun {
        let done = |result: String| Begun::Done(result);
        match *wait {
            // A sleep of zero gives up one round, as a yield does.
            Wait::Yield | Wait::Sleep(0) => {
                self.make_ready(Entry::Task(task));
                Begun::Waits(Pending::Yield)
            }
            Wait::Sleep(millis) => {
                let timer = self.arm_for(task, millis, Purpose::Sleep);
                Begun::Waits(Pending::Sleep(timer, millis))
            }
            // A put or get that can go on at once does not suspend.
            Wait::Get(queue) => match self.take_item(queue) {
                Some(item) => done(got(queue, item)),
                None => {
                    self.wait_for_item(queue, task);
                    Begun::Waits(Pending::Get(queue))
                }
            },
            Wait::Put(queue) => {
                let item = self.new_item();
                if self.put_if_room(queue, item) {
                    return done(put(queue, item));
                }
                self.wait_for_room(queue, task);
                Begun::Waits(Pending::Put(queue, item))
            }
            Wait::Event(event) if self.wait_for_event(event, task) => done(format!("saw e{event}")),
            Wait::Event(event) => Begun::Waits(Pending::Event(event)),
            Wait::Acquire(semaphore) if self.acquire(semaphore, task) => {
                done(self.acquired(task, semaphore))
            }
            Wait::Acquire(semaphore) => Begun::Waits(Pending::Acquire(semaphore)),
            Wait::Join(which) => self.begin_join(task, which, Stays::No),
            Wait::Peek(which) => self.begin_join(task, which, Stays::Yes),
            Wait::Gather(ref bodies) => self.begin_gather(task, bodies),
        }
    }

    fn acquired(&mut self, task: usize, semaphore: usize) -> String {
        self.tasks[task].permits.push(semaphore);
        format!("acquired s{semaphore}")
    }

    /// The result of a task that has ended is there at once.
    fn begin_join(&mut self, task: usize, which: usize, stays: Stays) -> Begun {
        let Some(mut handle) = self.tasks[task].take_handle(which) else {
            return Begun::Done("joined nobody".into());
        };
        if let Some(outcome) = self.tasks[handle.task].outcome {
            return Begun::Done(format!("joined t{} {outcome}", handle.task));
        }
        handle.awaited = true;
        self.await_end(task, handle.task);
        Begun::Waits(Pending::Join(handle, stays))
    }

    /// The futures become tasks at the call, in order.
    fn begin_gather(&mut self, task: usize, bodies: &[Body]) -> Begun {
        let first = self.tasks.len();
        bodies.iter().for_each(|body| self.spawn(body));
        let children: Vec<_> = (first..self.tasks.len()).collect();
        for &child in &children {
            self.tasks[child].gathered_by = Some(task);
        }
        if children.is_empty() {
            return Begun::Done(gathered(&children));
        }
        Begun::Waits(Pending::Gather(children))
    }

    /// A look at what the task waits for. Gives the result, unless the wait goes on.
    pub(super) fn look_at_wait(&mut self, task: usize) -> Option<String> {
        let Waiting { what, limit } = self.tasks[task].waiting.take().expect("it waits");
        let what = match self.look_at(task, what) {
            Begun::Waits(what) => what,
            Begun::Done(result) => {
                self.disarm_limit(limit);
                return Some(result);
            }
        };
        match limit {
            // The loser is dropped before the waiter goes on.
            Limit::Timer(timer) if !self.is_armed(timer) => {
                self.cut_short(task, what);
                Some("elapsed".into())
            }
            _ => {
                self.tasks[task].waiting = Some(Waiting { what, limit });
                None
            }
        }
    }

    fn look_at(&mut self, task: usize, what: Pending) -> Begun {
        let result = match &what {
            Pending::Yield => Some("yielded".into()),
            Pending::Sleep(timer, millis) => {
                (!self.is_armed(*timer)).then(|| format!("slept {millis}"))
            }
            Pending::Get(queue) => self
                .get_in_order(*queue, task)
                .map(|item| got(*queue, item)),
            Pending::Put(queue, item) => self
                .put_in_order(*queue, task, *item)
                .then(|| put(*queue, *item)),
            Pending::Event(event) => self
                .event_in_order(*event, task)
                .then(|| format!("saw e{event}")),
            Pending::Acquire(semaphore) => self
                .acquire_in_order(*semaphore, task)
                .then(|| self.acquired(task, *semaphore)),
            Pending::Join(handle, _) => {
                let outcome = self.tasks[handle.task].outcome;
                outcome.map(|outcome| format!("joined t{} {outcome}", handle.task))
            }
            Pending::Gather(..) => return self.look_at_children(task, what),
        };
        result.map_or(Begun::Waits(what), Begun::Done)
    }

    /// A child that was cancelled from outside cancels the task that gathers.
    fn look_at_children(&mut self, task: usize, what: Pending) -> Begun {
        let Pending::Gather(children) = what else {
            unreachable!("only asked for a gather");
        };
        if children
            .iter()
            .any(|&child| self.tasks[child].is_cancelled())
        {
            self.cancel(task);
            return Begun::Waits(Pending::Gather(children));
        }
        if !self.have_ended(&children) {
            return Begun::Waits(Pending::Gather(children));
        }
        if self.round > 1 || self.is_last_round() {
            self.differs(Difference::GatherInCompany);
        }
        Begun::Done(gathered(&children))
    }

    fn have_ended(&self, children: &[usize]) -> bool {
        let mut children = children.iter();
        children.all(|&child| self.tasks[child].is_finished())
    }

    /// Whether the task gathers children that have not ended.
    pub(super) fn gathers_more(&self, task: usize) -> bool {
        let waiting = &self.tasks[task].waiting;
        waiting.as_ref().is_some_and(|waiting| match &waiting.what {
            Pending::Gather(children) => !self.have_ended(children),
            _ => false,
        })
    }

    fn disarm_limit(&mut self, limit: Limit) {
        if let Limit::Timer(timer) = limit {
            self.disarm(timer);
        }
    }

    /// Time is up. A handle that was awaited by reference stays.
    fn cut_short(&mut self, task: usize, what: Pending) {
        if matches!(what, Pending::Join(_, Stays::No) | Pending::Gather(..)) {
            self.differs(Difference::ChainOfAwaits);
        }
        self.drop_pending(task, what);
    }

    /// The whole task goes, and its wait with it.
    pub(super) fn drop_wait(&mut self, task: usize) {
        if let Some(Waiting { what, limit }) = self.tasks[task].waiting.take() {
            self.drop_pending(task, what);
            self.disarm_limit(limit);
        }
    }

    fn drop_pending(&mut self, task: usize, what: Pending) {
        match what {
            Pending::Yield => {}
            Pending::Sleep(timer, _) => self.disarm(timer),
            Pending::Get(queue) | Pending::Put(queue, _) => self.leave_queue(queue, task),
            Pending::Event(event) => self.leave_event(event, task),
            Pending::Acquire(semaphore) => self.leave_semaphore(semaphore, task),
            Pending::Join(handle, Stays::No) => self.drop_handle(task, &handle),
            Pending::Join(handle, Stays::Yes) => self.tasks[task].handles.push(handle),
            // The children are dropped at once, in order, and nothing is notified of it.
            Pending::Gather(children) => {
                self.differs(Difference::GroupGoesAway);
                for &child in &children {
                    self.tasks[child].gathered_by = None;
                }
                children.into_iter().for_each(|child| self.end(child));
            }
        }
    }

    /// Whether its cancellation has to go down to another task first, in asyncio.
    pub(super) fn awaits_others(&self, task: usize) -> bool {
        let what = self.tasks[task]
            .waiting
            .as_ref()
            .map(|waiting| &waiting.what);
        match what {
            Some(Pending::Join(handle, _)) => !self.tasks[handle.task].is_finished(),
            Some(Pending::Gather(..)) => true,
            _ => false,
        }
    }
}

fn got(queue: usize, item: usize) -> String {
    format!("got q{queue} {item}")
}

fn put(queue: usize, item: usize) -> String {
    format!("put q{queue} {item}")
}

fn gathered(children: &[usize]) -> String {
    format!("gathered {}", children.len())
}
