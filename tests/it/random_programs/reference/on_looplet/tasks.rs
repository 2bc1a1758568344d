//! How a task carries out its body.

use std::rc::Rc;
use std::time::Duration;

use futures::future::LocalBoxFuture;
use looplet::sync::OwnedPermit;
use looplet::{CallHandle, JoinError, JoinHandle, all_tasks, gather, sleep, timeout, yield_now};

use super::super::program::{Body, Own, Step, Wait};
use super::{Made, World};

/// What one task owns; goes in this order.
#[derive(Default)]
struct Owned {
    permits: Vec<(usize, OwnedPermit)>,
    handles: Vec<(usize, JoinHandle<()>)>,
    calls: Vec<(usize, CallHandle)>,
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

pub(super) fn perform(world: &Rc<World>, number: usize, body: Body) -> LocalBoxFuture<'static, ()> {
    let world = world.clone();
    Box::pin(async move {
        let who = match number {
            0 => "main".into(),
            _ => format!("t{number}"),
        };
        world.note(&who, "begins");
        let mut ending = Ending {
            world: &world,
            who: &who,
            has_ended: false,
        };
        // Dropped before `ending`, which reports that all of this is gone.
        let mut owned = Owned::default();
        for step in &*body {
            if let Some(result) = perform_step(&world, &who, &mut owned, step).await {
                world.note(&who, result);
            }
        }
        world.note(&who, "ends");
        ending.has_ended = true;
    })
}

/// Gives what is to be noted about it, if that was not done yet.
async fn perform_step(
    world: &Rc<World>,
    who: &str,
    owned: &mut Owned,
    step: &Step,
) -> Option<String> {
    let result = match step {
        Step::Act(act) => {
            match world.act(who, act)? {
                Made::Task(number, handle) => owned.handles.push((number, handle)),
                Made::Call(number, call) => owned.calls.push((number, call)),
            }
            return None;
        }
        Step::Own(own) => do_with_own(world, owned, own),
        Step::Wait(wait) => wait_for(world, owned, wait).await,
        Step::Within(millis, wait) => {
            let limit = Duration::from_millis(*millis);
            let waited = timeout(limit, wait_for(world, owned, wait)).await;
            waited.unwrap_or_else(|_| "elapsed".into())
        }
    };
    Some(result)
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
        Own::DropHandle(which) => with_handle(owned, which, "drops", |_, (_, handle)| drop(handle)),
        Own::Detach(which) => with_handle(owned, which, "detaches", |_, (_, handle)| {
            handle.detach();
        }),
        Own::OnDone(which) => with_handle(owned, which, "watches", |owned, (number, handle)| {
            let (world, call) = (world.clone(), world.next_call());
            handle.on_done(move |_| {
                world.note(format_args!("c{call}"), format_args!("hears of t{number}"));
            });
            owned.handles.push((number, handle));
        }),
        Own::CancelCall(which) => match take(&mut owned.calls, which) {
            None => "uncalls nothing".into(),
            Some((number, call)) => format!("uncalls c{number} {}", call.cancel()),
        },
    }
}

fn with_handle(
    owned: &mut Owned,
    which: usize,
    what: &str,
    f: impl FnOnce(&mut Owned, (usize, JoinHandle<()>)),
) -> String {
    let Some((number, handle)) = take(&mut owned.handles, which) else {
        return format!("{what} nobody");
    };
    f(owned, (number, handle));
    format!("{what} t{number}")
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
    let text = joined(*number, handle.await);
    owned.handles.pop();
    text
}

fn joined(number: usize, outcome: Result<(), JoinError>) -> String {
    let text = match outcome {
        Ok(()) => "done",
        Err(error) if error.is_cancelled() => "cancelled",
        Err(error) => panic!("{error}"),
    };
    format!("joined t{number} {text}")
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
