//! What tasks share. First come first served; what was granted and is not used is passed on.

use std::collections::VecDeque;
use std::mem;

use super::super::program::{EVENTS, QUEUES, SEMAPHORES};
use super::{Difference, Entry, Loop};

/// Somebody in a line.
struct Waiter {
    task: usize,
    /// Was granted, and has not been polled since.
    woken: bool,
}

pub(super) struct Queue {
    bound: usize,
    items: VecDeque<usize>,
    getters: Vec<Waiter>,
    putters: Vec<Waiter>,
}

pub(super) struct Event {
    pub(super) is_set: bool,
    waiters: Vec<Waiter>,
}

pub(super) struct Semaphore {
    free: usize,
    /// Who was woken owns a permit.
    waiters: Vec<Waiter>,
}

pub(super) fn queues() -> Vec<Queue> {
    let queue = |bound: Option<usize>| Queue {
        bound: bound.unwrap_or(usize::MAX),
        items: VecDeque::new(),
        getters: Vec::new(),
        putters: Vec::new(),
    };
    QUEUES.map(queue).into()
}

pub(super) fn events() -> Vec<Event> {
    let event = || Event {
        is_set: false,
        waiters: Vec::new(),
    };
    std::iter::repeat_with(event).take(EVENTS).collect()
}

pub(super) fn semaphores() -> Vec<Semaphore> {
    let semaphore = |free| Semaphore {
        free,
        waiters: Vec::new(),
    };
    SEMAPHORES.map(semaphore).into()
}

fn waiting(task: usize) -> Waiter {
    Waiter { task, woken: false }
}

fn place(line: &[Waiter], task: usize) -> Option<usize> {
    line.iter().position(|waiter| waiter.task == task)
}

/// Marks them, and gives those who were not marked yet.
fn newly_woken<'a>(waiters: impl Iterator<Item = &'a mut Waiter>) -> Vec<usize> {
    waiters
        .filter_map(|waiter| (!mem::replace(&mut waiter.woken, true)).then_some(waiter.task))
        .collect()
}

impl Queue {
    fn room(&self) -> usize {
        self.bound - self.items.len()
    }
}

impl Loop {
    /// As many getters may go on as there are items, and as many putters as there is room. A wakeup reserves nothing:
    /// all of this is checked again at their poll.
    fn settle_queue(&mut self, queue: usize) {
        let q = &mut self.queues[queue];
        let (items, room) = (q.items.len(), q.room());
        let too_many = |line: &[Waiter], allowed| line.iter().skip(allowed).any(|w| w.woken);
        let in_vain = too_many(&q.getters, items) || too_many(&q.putters, room);
        let getters = q.getters.iter_mut().take(items);
        let putters = q.putters.iter_mut().take(room);
        let woken = newly_woken(getters.chain(putters));
        if in_vain {
            self.differs(Difference::WokenInVain);
        }
        woken.into_iter().for_each(|task| self.let_go(task));
    }

    fn let_go(&mut self, task: usize) {
        if self.tasks[task].cancel_requested {
            self.differs(Difference::CancelledWaiter);
        }
        self.make_ready(Entry::Task(task));
    }

    pub(super) fn new_item(&mut self) -> usize {
        self.items += 1;
        self.items
    }

    pub(super) fn try_put(&mut self, who: &str, queue: usize) {
        let item = self.new_item();
        let done = self.put_if_room(queue, item);
        self.note(who, format_args!("try_put q{queue} {item} {done}"));
    }

    pub(super) fn try_get(&mut self, who: &str, queue: usize) {
        let item = self.take_item(queue);
        let item = item.map_or("nothing".to_owned(), |item| item.to_string());
        self.note(who, format_args!("try_get q{queue} {item}"));
    }

    /// A newcomer's put: those that wait already are not considered.
    pub(super) fn put_if_room(&mut self, queue: usize, item: usize) -> bool {
        let has_room = self.queues[queue].room() > 0;
        if has_room {
            self.queues[queue].items.push_back(item);
            self.settle_queue(queue);
        }
        has_room
    }

    /// A newcomer's get.
    pub(super) fn take_item(&mut self, queue: usize) -> Option<usize> {
        let item = self.queues[queue].items.pop_front();
        if item.is_some() {
            self.settle_queue(queue);
        }
        item
    }

    pub(super) fn wait_for_item(&mut self, queue: usize, task: usize) {
        self.queues[queue].getters.push(waiting(task));
    }

    pub(super) fn wait_for_room(&mut self, queue: usize, task: usize) {
        self.queues[queue].putters.push(waiting(task));
    }

    /// The poll of a waiter in line.
    pub(super) fn get_in_order(&mut self, queue: usize, task: usize) -> Option<usize> {
        let q = &mut self.queues[queue];
        let place = place(&q.getters, task).expect("it is in line");
        q.getters[place].woken = false;
        if place >= q.items.len() {
            return None;
        }
        q.getters.remove(place);
        self.take_item(queue)
    }

    pub(super) fn put_in_order(&mut self, queue: usize, task: usize, item: usize) -> bool {
        let q = &mut self.queues[queue];
        let place = place(&q.putters, task).expect("it is in line");
        q.putters[place].woken = false;
        if place >= q.room() {
            return false;
        }
        q.putters.remove(place);
        self.put_if_room(queue, item)
    }

    pub(super) fn leave_queue(&mut self, queue: usize, task: usize) {
        let q = &mut self.queues[queue];
        q.getters.retain(|waiter| waiter.task != task);
        q.putters.retain(|waiter| waiter.task != task);
        self.settle_queue(queue);
    }

    pub(super) fn set(&mut self, who: &str, event: usize) {
        self.note(who, format_args!("sets e{event}"));
        self.events[event].is_set = true;
        let woken = newly_woken(self.events[event].waiters.iter_mut());
        for task in woken {
            self.make_ready(Entry::Task(task));
        }
    }

    pub(super) fn wait_for_event(&mut self, event: usize, task: usize) -> bool {
        if !self.events[event].is_set {
            self.events[event].waiters.push(waiting(task));
        }
        self.events[event].is_set
    }

    /// Who was there when it was set goes on, though it may have been cleared since.
    pub(super) fn event_in_order(&mut self, event: usize, task: usize) -> bool {
        let waiters = &mut self.events[event].waiters;
        let place = place(waiters, task).expect("it is in line");
        let woken = waiters[place].woken;
        if woken {
            waiters.remove(place);
        }
        woken
    }

    pub(super) fn leave_event(&mut self, event: usize, task: usize) {
        self.events[event]
            .waiters
            .retain(|waiter| waiter.task != task);
    }

    /// What has no waiter is free at once.
    pub(super) fn acquire(&mut self, semaphore: usize, task: usize) -> bool {
        let s = &mut self.semaphores[semaphore];
        let is_free = s.free > 0;
        let in_company = !s.waiters.is_empty();
        if is_free {
            s.free -= 1;
        } else {
            s.waiters.push(waiting(task));
        }
        if is_free && in_company {
            self.differs(Difference::LeftOverPermit);
        }
        is_free
    }

    /// A granted waiter waits no more.
    pub(super) fn acquire_in_order(&mut self, semaphore: usize, task: usize) -> bool {
        let waiters = &mut self.semaphores[semaphore].waiters;
        let place = place(waiters, task).expect("it is in line");
        let granted = waiters[place].woken;
        if granted {
            waiters.remove(place);
        }
        granted
    }

    /// A permit is handed to the first who has none.
    pub(super) fn release(&mut self, semaphore: usize) {
        let s = &mut self.semaphores[semaphore];
        match s.waiters.iter_mut().find(|waiter| !waiter.woken) {
            None => s.free += 1,
            Some(waiter) => {
                waiter.woken = true;
                let task = waiter.task;
                self.let_go(task);
            }
        }
    }

    /// A permit that was granted and not taken goes on to the next one.
    pub(super) fn leave_semaphore(&mut self, semaphore: usize, task: usize) {
        let waiters = &mut self.semaphores[semaphore].waiters;
        let place = place(waiters, task).expect("it is in line");
        if waiters.remove(place).woken {
            self.release(semaphore);
        }
    }
}
