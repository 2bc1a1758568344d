//! The same programs on looplet.

mod tasks;

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::rc::Rc;
use std::time::{Duration, Instant};

use looplet::{
    CallHandle, Event, EventLoop, JoinHandle, Queue, Semaphore, Task, advance, call_later,
    call_soon, current_task, now, spawn,
};

use super::program::{Act, Body, EVENTS, QUEUES, SEMAPHORES};
use tasks::perform;

/// How the loop is driven.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Drive {
    /// By `block_on`, in virtual time.
    Virtual,
    /// Round by round, in manual time, in which tasks take other paths: they are not observed.
    ByHand,
}

/// What all tasks of a program share.
struct World {
    start: Instant,
    trace: RefCell<Vec<String>>,
    tasks: RefCell<Vec<Task>>,
    calls: Cell<usize>,
    items: Cell<usize>,
    queues: Vec<Queue<usize>>,
    events: Vec<Event>,
    semaphores: Vec<Rc<Semaphore>>,
}

/// What an act may leave behind.
enum Made {
    Task(usize, JoinHandle<()>),
    Call(usize, CallHandle),
}

/// Carries out a program.
pub(crate) fn play(main: &Body, drive: Drive) -> Vec<String> {
    let (event_loop, world) = match drive {
        Drive::Virtual => play_in_virtual_time(main),
        Drive::ByHand => play_by_hand(main),
    };
    event_loop.shutdown(Duration::ZERO);
    assert!(world.tasks.borrow().iter().all(Task::is_finished));
    world.trace.take()
}

fn play_in_virtual_time(main: &Body) -> (EventLoop, Rc<World>) {
    let mut event_loop = EventLoop::builder().virtual_time().build();
    let main = main.clone();
    let world = event_loop.block_on(async {
        let world = World::new();
        world.tasks.borrow_mut().push(current_task());
        perform(&world, 0, main).await;
        world
    });
    (event_loop, world)
}

fn play_by_hand(main: &Body) -> (EventLoop, Rc<World>) {
    let mut event_loop = EventLoop::builder().manual_time().build();
    let (world, main) = (Rc::<RefCell<_>>::default(), main.clone());
    let place = world.clone();
    let task = event_loop.spawn(async move {
        let world = World::new();
        world.tasks.borrow_mut().push(current_task());
        place.replace(Some(world.clone()));
        perform(&world, 0, main).await;
    });
    while !task.is_finished() {
        if !event_loop.run_once(Some(Duration::ZERO)) {
            jump(&mut event_loop);
        }
    }
    event_loop.run_once(Some(Duration::ZERO));
    (event_loop, world.take().expect("main has begun"))
}

/// Moves time to the next deadline, without a round.
fn jump(event_loop: &mut EventLoop) {
    let deadline = event_loop.next_deadline();
    let deadline = deadline.expect("the main task waits for nothing without a limit");
    // A plain call, for it must not run what falls due.
    drop(
        event_loop
            .spawner()
            .call_soon(move || advance(deadline - now())),
    );
    event_loop.run_once(Some(Duration::ZERO));
}

impl World {
    fn new() -> Rc<Self> {
        let queue = |bound: Option<usize>| bound.map_or_else(Queue::unbounded, Queue::bounded);
        Rc::new(Self {
            start: now(),
            trace: RefCell::default(),
            tasks: RefCell::default(),
            calls: Cell::default(),
            items: Cell::default(),
            queues: QUEUES.map(queue).into(),
            events: (0..EVENTS).map(|_| Event::new()).collect(),
            semaphores: SEMAPHORES.map(|n| Rc::new(Semaphore::new(n))).into(),
        })
    }

    fn note(&self, who: impl Display, what: impl Display) {
        let millis = (now() - self.start).as_millis();
        self.trace
            .borrow_mut()
            .push(format!("{millis} {who} {what}"));
    }

    fn next_call(&self) -> usize {
        self.calls.replace(self.calls.get() + 1)
    }

    fn next_item(&self) -> usize {
        self.items.set(self.items.get() + 1);
        self.items.get()
    }

    fn spawn(self: &Rc<Self>, body: &Body) -> (usize, JoinHandle<()>) {
        let number = self.tasks.borrow().len();
        let handle = spawn(perform(self, number, body.clone()));
        self.tasks.borrow_mut().push(handle.task());
        (number, handle)
    }

    fn act(self: &Rc<Self>, who: &str, act: &Act) -> Option<Made> {
        match act {
            Act::Spawn(body) => {
                self.note(who, format_args!("spawns t{}", self.tasks.borrow().len()));
                let (number, handle) = self.spawn(body);
                return Some(Made::Task(number, handle));
            }
            Act::Cancel(which) => self.cancel(who, *which),
            Act::TryPut(queue) => self.try_put(who, *queue),
            Act::TryGet(queue) => self.try_get(who, *queue),
            Act::Set(event) => {
                self.note(who, format_args!("sets e{event}"));
                self.events[*event].set();
            }
            Act::Clear(event) => {
                self.events[*event].clear();
                self.note(who, format_args!("clears e{event}"));
            }
            Act::Advance(millis) => {
                advance(Duration::from_millis(*millis));
                self.note(who, format_args!("was busy for {millis}"));
            }
            Act::CallSoon(act) => {
                let (call, run) = self.call(act);
                self.note(who, format_args!("calls c{call} soon"));
                return Some(Made::Call(call, call_soon(run)));
            }
            Act::CallLater(delay, act) => {
                let (call, run) = self.call(act);
                self.note(who, format_args!("calls c{call} in {delay}"));
                return Some(Made::Call(
                    call,
                    call_later(Duration::from_millis(*delay), run),
                ));
            }
        }
        None
    }

    fn try_put(&self, who: &str, queue: usize) {
        let item = self.next_item();
        let done = self.queues[queue].try_put(item).is_ok();
        self.note(who, format_args!("try_put q{queue} {item} {done}"));
    }

    fn try_get(&self, who: &str, queue: usize) {
        let item = self.queues[queue].try_get();
        let item = item.map_or("nothing".to_owned(), |item| item.to_string());
        self.note(who, format_args!("try_get q{queue} {item}"));
    }

    fn cancel(&self, who: &str, which: usize) {
        let others = self.tasks.borrow().len() - 1;
        if others == 0 {
            return self.note(who, "cancels nobody");
        }
        let number = 1 + which % others;
        let task = self.tasks.borrow()[number].clone();
        let hit = task.cancel();
        self.note(who, format_args!("cancels t{number} {hit}"));
    }

    fn call(self: &Rc<Self>, act: &Rc<Act>) -> (usize, impl FnOnce() + use<>) {
        let number = self.next_call();
        let (world, act) = (self.clone(), act.clone());
        let run = move || {
            let who = format!("c{number}");
            world.note(&who, "runs");
            drop(world.act(&who, &act));
        };
        (number, run)
    }
}
