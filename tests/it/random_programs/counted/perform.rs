//! How a random program is carried out.

use std::collections::BTreeSet;
use std::future::Future;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::time::Duration;

use futures::future::LocalBoxFuture;
use looplet::{
    JoinError, JoinHandle, Wait, Waited, as_completed, gather, oneshot, shield, spawn, spawn_eager,
    task_group, timeout, try_gather, wait, yield_now,
};

use super::counts::{Count, NoneLeft};
use super::program::{Millis, Op, Program};
use super::world::{World, pause};

/// The error of a program that fails.
#[derive(Debug)]
pub(crate) struct Failed;

/// The payload of a panic that belongs to a program.
struct Planned;

pub(crate) fn spawn_program(world: &Rc<World>, program: Program) -> JoinHandle<Result<(), Failed>> {
    world.watch(spawn(perform(world, program)))
}

fn perform(world: &Rc<World>, program: Program) -> LocalBoxFuture<'static, Result<(), Failed>> {
    let (world, playing) = (world.clone(), world.playing.one());
    Box::pin(async move {
        let _playing = playing;
        for op in program {
            step(&world, op).await?;
        }
        Ok(())
    })
}

async fn step(world: &Rc<World>, op: Op) -> Result<(), Failed> {
    match op {
        Op::Sleep(millis) => pause(millis).await,
        Op::Yield => yield_now().await,
        Op::Put => world.put().await,
        Op::Get => world.get().await,
        Op::Lock(millis) => world.lock(millis).await,
        Op::Permit(millis) => world.visit(millis).await,
        Op::WaitForEvent => world.hope().await,
        Op::SetEvent => world.event.set(),
        Op::ClearEvent => world.clear_event(),
        Op::Cook(millis) => world.cook(millis).await,
        Op::Eat(millis) => world.eat(millis).await,
        Op::Arrive => world.arrive().await,
        Op::Receive(after) => receive(world, after).await,
        Op::Cancel(which) => cancel(world, which),
        Op::Fail => return Err(Failed),
        Op::Panic => resume_unwind(Box::new(Planned)),
        compound => step_with_programs(world, compound).await,
    }
    Ok(())
}

async fn step_with_programs(world: &Rc<World>, op: Op) {
    match op {
        Op::Spawn(program) => spawn_program(world, program).detach(),
        Op::SpawnEager(program) => world.watch(spawn_eager(perform(world, program))).detach(),
        Op::Await(program) => expect_planned(spawn_program(world, program).await),
        Op::Shield(program) => expect_planned(shield(spawn_program(world, program)).await),
        Op::Timeout(millis, program) => {
            let limit = Duration::from_millis(millis);
            // Its end, of whatever kind, is no failure of this program.
            let _ = timeout(limit, perform(world, program)).await;
        }
        Op::Gather(programs) => gather_all(world, programs).await,
        Op::Settle(programs) => settle_all(world, programs).await,
        Op::TryGather(programs) => try_gather_all(world, programs).await,
        Op::WaitForFirst(programs) => wait_for(world, programs, Wait::first_completed).await,
        Op::WaitForException(programs) => wait_for(world, programs, Wait::first_exception).await,
        Op::WaitAtMost(millis, programs) => {
            let limit = Duration::from_millis(millis);
            wait_for(world, programs, |wait| wait.timeout(limit)).await;
        }
        Op::AsCompleted(count, programs) => some_completed(world, count, programs).await,
        Op::Group(programs) => group(world, programs, None).await,
        Op::GroupUntil(millis, programs) => group(world, programs, Some(millis)).await,
        simple => unreachable!("{simple:?} has no programs inside"),
    }
}

/// A task that panicked did so as planned.
fn expect_planned<T>(result: Result<T, JoinError>) {
    if let Err(error) = result {
        assert!(error.is_cancelled() || error.into_panic().is::<Planned>());
    }
}

fn cancel(world: &Rc<World>, which: usize) {
    let task = {
        let tasks = world.tasks.borrow();
        tasks[which % tasks.len()].clone()
    };
    let is_finished = task.is_finished();
    assert_eq!(task.cancel(), !is_finished);
}

async fn receive(world: &Rc<World>, after: Option<Millis>) {
    let (sender, receiver) = oneshot();
    if let Some(millis) = after {
        let sending = async move {
            pause(millis).await;
            // The receiver may be gone.
            let _ = sender.send(millis);
        };
        world.watch(spawn(sending)).detach();
    } else {
        drop(sender);
    }
    if let Ok(value) = receiver.await {
        assert_eq!(Some(value), after);
    }
}

/// The programs as futures that give their numbers, and are counted until they are dropped.
fn numbered(
    world: &Rc<World>,
    programs: Vec<Program>,
    alive: &Count,
) -> Vec<impl Future<Output = Result<usize, Failed>> + use<>> {
    let number = |(number, program)| {
        let (program, counted) = (perform(world, program), alive.one());
        async move {
            let _counted = counted;
            program.await?;
            Ok(number)
        }
    };
    programs.into_iter().enumerate().map(number).collect()
}

fn spawn_numbered(
    world: &Rc<World>,
    programs: Vec<Program>,
) -> Vec<JoinHandle<Result<usize, Failed>>> {
    let children = numbered(world, programs, &Count::default());
    let spawn = |child| world.watch(spawn(child));
    children.into_iter().map(spawn).collect()
}

async fn gather_all(world: &Rc<World>, programs: Vec<Program>) {
    let alive = Count::default();
    let _none_left = NoneLeft(alive.clone(), "a gather left a child behind");
    let results = gather(numbered(world, programs, &alive)).await;
    for (expected, result) in results.into_iter().enumerate() {
        assert!(result.is_err() || result.is_ok_and(|number| number == expected));
    }
}

async fn settle_all(world: &Rc<World>, programs: Vec<Program>) {
    let alive = Count::default();
    let _none_left = NoneLeft(alive.clone(), "a gather left a child behind");
    let children = gather(numbered(world, programs, &alive));
    for (expected, result) in children.return_exceptions().await.into_iter().enumerate() {
        match result {
            Ok(Ok(number)) => assert_eq!(number, expected),
            Ok(Err(Failed)) => {}
            Err(error) => expect_planned(Err::<(), _>(error)),
        }
    }
}

async fn try_gather_all(world: &Rc<World>, programs: Vec<Program>) {
    let count = programs.len();
    let children = numbered(world, programs, &Count::default());
    if let Ok(numbers) = try_gather(children).await {
        assert!(numbers.into_iter().eq(0..count));
    }
}

async fn wait_for<T>(
    world: &Rc<World>,
    programs: Vec<Program>,
    how: impl FnOnce(Wait<Result<usize, Failed>>) -> T,
) where
    T: Future<Output = Waited<Result<usize, Failed>>>,
{
    let count = programs.len();
    let mut waited = how(wait(spawn_numbered(world, programs))).await;
    assert_eq!(waited.done.len() + waited.pending.len(), count);
    assert!(waited.pending.iter().all(|handle| !handle.is_finished()));
    let outcomes = waited.done.iter_mut().map(JoinHandle::try_join);
    let outcomes: Vec<_> = outcomes
        .map(|outcome| outcome.expect("it is done"))
        .collect();
    let numbers = outcomes.into_iter().flatten().flatten();
    assert!(numbers.is_sorted());
}

async fn some_completed(world: &Rc<World>, count: usize, programs: Vec<Program>) {
    let total = programs.len();
    let mut completed = as_completed(spawn_numbered(world, programs));
    let mut seen = BTreeSet::new();
    for n in 0..count {
        match completed.next().await {
            Some(Ok(Ok(number))) => assert!(seen.insert(number), "it came twice"),
            Some(Ok(Err(Failed))) => {}
            Some(Err(error)) => expect_planned(Err::<(), _>(error)),
            None => assert!(n >= total),
        }
    }
}

async fn group(world: &Rc<World>, programs: Vec<Program>, until: Option<Millis>) {
    let alive = Count::default();
    let _none_left = NoneLeft(alive.clone(), "a task outlived its group");
    let children = numbered(world, programs, &alive);
    let result = task_group(async |group| {
        for child in children {
            world.watch(group.spawn(child)).detach();
        }
        if let Some(millis) = until {
            pause(millis).await;
            group.cancel();
        }
        Ok(())
    });
    if let Err(error) = result.await {
        assert!(!error.failures().is_empty());
    }
    assert_eq!(alive.get(), 0);
}
