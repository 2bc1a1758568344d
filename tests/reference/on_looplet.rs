//! The same programs on looplet.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures::future::LocalBoxFuture;
use looplet::sync::OwnedPermit;
use looplet::{
    CallHandle, Event, EventLoop, JoinError, JoinHandle, Queue, Semaphore, Task, advance,
    all_tasks, call_later, call_soon, current_task, gather, now, sleep, spawn, timeout, yield_now,
};

use crate::program::{Act, Body, EVENTS, Own, QUEUES, SEMAPHORES, Step, Wait};

/// How the loop is driven.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Drive {
    /// By `block_on`, in virtual time.
    Virtual,
    /// Round by round, in manual time, in which tasks take other doors: nobody watches them.
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

/// What one task owns; goes in this order.
#[derive(Default)]
struct Owned {
    permits: Vec<(usize, OwnedPermit)>,
    handles: Vec<(usize, JoinHandle<()>)>,
    calls: Vec<(usize, CallHandle)>,
}

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
            Act::TryPut(queue) => {
                let item = self.next_item();
                let done = self.queues[*queue].try_put(item).is_ok();
                self.note(who, format_args!("try_put q{queue} {item} {done}"));
            }
            Act::TryGet(queue) => {
                let item = self.queues[*queue].try_get();
                let item = item.map_or("nothing".to_owned(), |item| item.to_string());
                self.note(who, format_args!("try_get q{queue} {item}"));
            }
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

/// Tells that a body has gone before its end.
struct Ending<'a> {
    world: &'a World,
    who: &'a str,
    has_ended: bool,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.world.note(self.who, "cancelled");
        }
    }
}

fn perform(world: &Rc<World>, number: usize, body: Body) -> LocalBoxFuture<'static, ()> {
    let world = world.clone();
    Box::pin(async move {
        let who = if number == 0 {
            "main".into()
        } else {
            format!("t{number}")
        };
        world.note(&who, "begins");
        let mut ending = Ending {
            world: &world,
            who: &who,
            has_ended: false,
        };
        let mut owned = Owned::default();
        for step in &*body {
            let result = match step {
                Step::Act(act) => {
                    match world.act(&who, act) {
                        Some(Made::Task(number, handle)) => owned.handles.push((number, handle)),
                        Some(Made::Call(number, call)) => owned.calls.push((number, call)),
                        None => {}
                    }
                    continue;
                }
                Step::Own(own) => do_with_own(&world, &mut owned, own),
                Step::Wait(wait) => wait_for(&world, &mut owned, wait).await,
                Step::Within(millis, wait) => {
                    let limit = Duration::from_millis(*millis);
                    let waited = timeout(limit, wait_for(&world, &mut owned, wait)).await;
                    waited.unwrap_or_else(|_| "elapsed".into())
                }
            };
            world.note(&who, result);
        }
        world.note(&who, "ends");
        ending.has_ended = true;
    })
}

/// One of several, counted round.
fn take<T>(many: &mut Vec<T>, which: usize) -> Option<T> {
    let count = many.len();
    (count > 0).then(|| many.remove(which % count))
}

fn do_with_own(world: &Rc<World>, owned: &mut Owned, own: &Own) -> String {
    match *own {
        Own::Release => match take(&mut owned.permits, 0) {
            None => "releases nothing".into(),
            Some((semaphore, permit)) => {
                drop(permit);
                format!("releases s{semaphore}")
            }
        },
        Own::DropHandle(which) => match take(&mut owned.handles, which) {
            None => "drops nobody".into(),
            Some((number, handle)) => {
                drop(handle);
                format!("drops t{number}")
            }
        },
        Own::Detach(which) => match take(&mut owned.handles, which) {
            None => "detaches nobody".into(),
            Some((number, handle)) => {
                handle.detach();
                format!("detaches t{number}")
            }
        },
        Own::OnDone(which) => match take(&mut owned.handles, which) {
            None => "watches nobody".into(),
            Some((number, handle)) => {
                let (world, call) = (world.clone(), world.next_call());
                handle.on_done(move |_| {
                    world.note(format_args!("c{call}"), format_args!("hears of t{number}"))
                });
                owned.handles.push((number, handle));
                format!("watches t{number}")
            }
        },
        Own::CancelCall(which) => match take(&mut owned.calls, which) {
            None => "uncalls nothing".into(),
            Some((number, call)) => format!("uncalls c{number} {}", call.cancel()),
        },
    }
}

async fn wait_for(world: &Rc<World>, owned: &mut Owned, wait: &Wait) -> String {
    match wait {
        Wait::Yield => {
            yield_now().await;
            "yielded".into()
        }
        Wait::Sleep(millis) => {
            sleep(Duration::from_millis(*millis)).await;
            if *millis == 0 {
                "yielded".into()
            } else {
                format!("slept {millis}")
            }
        }
        Wait::Get(queue) => {
            let item = world.queues[*queue].get().await;
            format!("got q{queue} {}", item.expect("nobody shuts it down"))
        }
        Wait::Put(queue) => {
            let item = world.next_item();
            let put = world.queues[*queue].put(item).await;
            put.expect("nobody shuts it down");
            format!("put q{queue} {item}")
        }
        Wait::Event(event) => {
            world.events[*event].wait().await;
            format!("saw e{event}")
        }
        Wait::Acquire(semaphore) => {
            let permit = world.semaphores[*semaphore].clone().acquire_owned().await;
            owned.permits.push((*semaphore, permit));
            format!("acquired s{semaphore}")
        }
        Wait::Join(which) => match take(&mut owned.handles, *which) {
            None => "joined nobody".into(),
            Some((number, handle)) => joined(number, handle.await),
        },
        Wait::Peek(which) => peek(owned, *which).await,
        Wait::Gather(bodies) => gather_all(world, bodies).await,
    }
}

async fn peek(owned: &mut Owned, which: usize) -> String {
    let Some(taken) = take(&mut owned.handles, which) else {
        return "joined nobody".into();
    };
    // It stays among the others, so that it outlives this wait.
    owned.handles.push(taken);
    let (number, handle) = owned.handles.last_mut().expect("it was put there");
    let told = joined(*number, handle.await);
    owned.handles.pop();
    told
}

fn joined(number: usize, outcome: Result<(), JoinError>) -> String {
    let told = match outcome {
        Ok(()) => "done",
        Err(error) if error.is_cancelled() => "cancelled",
        Err(error) => panic!("{error}"),
    };
    format!("joined t{number} {told}")
}

async fn gather_all(world: &Rc<World>, bodies: &[Body]) -> String {
    let first = world.tasks.borrow().len();
    let children: Vec<_> = (first..)
        .zip(bodies)
        .map(|(number, body)| perform(world, number, body.clone()))
        .collect();
    let gathered = gather(children);
    let mut all = all_tasks();
    let children = all.split_off(all.len() - bodies.len());
    world.tasks.borrow_mut().extend(children);
    format!("gathered {}", gathered.await.len())
}
