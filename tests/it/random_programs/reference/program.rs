//! The language of the random programs.
//!
//! A program is a tree of bodies; each body is carried out by one task. Tasks, plain calls and items are numbered in the
//! order in which they are made, so that all who carry out a program call them by the same names.

use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;

pub(crate) type Millis = u64;

/// One task's work, step by step.
pub(crate) type Body = Rc<Vec<Step>>;

/// How many items each queue holds; none: any number.
pub(crate) const QUEUES: [Option<usize>; 2] = [Some(2), None];
pub(crate) const EVENTS: usize = 1;
/// How many permits each semaphore has.
pub(crate) const SEMAPHORES: [usize; 2] = [1, 2];

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Act(Act),
    Own(Own),
    Wait(Wait),
    /// Waits no longer than so.
    Within(Millis, Wait),
}

/// What tasks and plain calls do, without waiting.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// A task keeps the handle, a call lets it go.
    Spawn(Body),
    /// Cancels a task, whichever it is, but not the main one.
    Cancel(usize),
    TryPut(usize),
    TryGet(usize),
    Set(usize),
    Clear(usize),
    /// Is busy for so long.
    Advance(Millis),
    CallSoon(Rc<Act>),
    CallLater(Millis, Rc<Act>),
}

/// What a task does with what it owns, without waiting. A number is counted round the handles, or calls, that it has.
#[derive(Clone, Debug)]
pub(crate) enum Own {
    /// Gives back the first permit that it holds.
    Release,
    DropHandle(usize),
    Detach(usize),
    OnDone(usize),
    CancelCall(usize),
}

#[derive(Clone, Debug)]
pub(crate) enum Wait {
    Yield,
    Sleep(Millis),
    Get(usize),
    Put(usize),
    Event(usize),
    Acquire(usize),
    /// Awaits a handle, which is gone afterwards, however the wait ends.
    Join(usize),
    /// Awaits a handle by reference: it stays if the wait is cut short.
    Peek(usize),
    Gather(Vec<Body>),
}

/// Which programs are made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Everything,
    /// Only what asyncio has a word for.
    Asyncio,
}

fn act(body: Option<BoxedStrategy<Body>>, depth: u32) -> BoxedStrategy<Act> {
    let plain = prop_oneof![
        3 => (0..9usize).prop_map(Act::Cancel),
        3 => (0..QUEUES.len()).prop_map(Act::TryPut),
        2 => (0..QUEUES.len()).prop_map(Act::TryGet),
        2 => (0..EVENTS).prop_map(Act::Set),
        1 => (0..EVENTS).prop_map(Act::Clear),
        1 => (1..4u64).prop_map(Act::Advance),
    ];
    let plain = match body.clone() {
        None => plain.boxed(),
        Some(body) => prop_oneof![10 => plain, 7 => body.prop_map(Act::Spawn)].boxed(),
    };
    if depth == 0 {
        return plain;
    }
    let later = act(body, depth - 1).prop_map(Rc::new);
    prop_oneof![
        8 => plain,
        1 => later.clone().prop_map(Act::CallSoon),
        2 => (0..7u64, later).prop_map(|(delay, act)| Act::CallLater(delay, act)),
    ]
    .boxed()
}

fn own() -> impl Strategy<Value = Own> {
    prop_oneof![
        3 => Just(Own::Release),
        1 => (0..4usize).prop_map(Own::DropHandle),
        1 => (0..4usize).prop_map(Own::Detach),
        3 => (0..4usize).prop_map(Own::OnDone),
        1 => (0..4usize).prop_map(Own::CancelCall),
    ]
}

fn short_wait() -> impl Strategy<Value = Wait> {
    prop_oneof![Just(Wait::Yield), (0..7u64).prop_map(Wait::Sleep),]
}

fn wait(body: Option<BoxedStrategy<Body>>, dialect: Dialect) -> BoxedStrategy<Wait> {
    let simple = prop_oneof![
        6 => short_wait(),
        5 => (0..QUEUES.len()).prop_map(Wait::Get),
        5 => (0..QUEUES.len()).prop_map(Wait::Put),
        2 => (0..EVENTS).prop_map(Wait::Event),
        2 => Just(Wait::Acquire(0)),
        5 => Just(Wait::Acquire(1)),
        6 => (0..4usize).prop_map(Wait::Join),
    ];
    let peek = if dialect == Dialect::Asyncio { 0 } else { 4 };
    let simple = prop_oneof![
        20 => simple,
        peek => (0..4usize).prop_map(Wait::Peek),
    ];
    match body {
        None => simple.boxed(),
        Some(body) => {
            prop_oneof![12 => simple, 1 => vec(body, 0..4).prop_map(Wait::Gather)].boxed()
        }
    }
}

/// A body in which at most so many generations are spawned.
fn body(generations: u32, dialect: Dialect) -> BoxedStrategy<Body> {
    let inner = (generations > 0).then(|| body(generations - 1, dialect));
    let wait = wait(inner.clone(), dialect);
    let step = prop_oneof![
        9 => act(inner, 2).prop_map(Step::Act),
        3 => own().prop_map(Step::Own),
        9 => wait.clone().prop_map(Step::Wait),
        3 => (0..7u64, wait).prop_map(|(limit, wait)| Step::Within(limit, wait)),
    ];
    vec(step, 0..7).prop_map(Rc::new).boxed()
}

/// A main task that spawns others first and sleeps last.
fn main_task(
    crew: impl Strategy<Value = Vec<Body>> + 'static,
    steps: impl Strategy<Value = Vec<Step>> + 'static,
) -> BoxedStrategy<Body> {
    let last = (0..16u64).prop_map(|millis| Step::Wait(Wait::Sleep(millis)));
    let all = |(crew, steps, last): (Vec<Body>, Vec<Step>, Step)| {
        let spawns = crew.into_iter().map(|body| Step::Act(Act::Spawn(body)));
        Rc::new(spawns.chain(steps).chain([last]).collect())
    };
    (crew, steps, last).prop_map(all).boxed()
}

/// A bit of everything. The main task waits for nothing without a limit, so that every program ends.
fn mixture(dialect: Dialect) -> BoxedStrategy<Body> {
    let act = act(Some(body(1, dialect)), 2);
    let wait = wait(None, dialect);
    let step = prop_oneof![
        9 => act.prop_map(Step::Act),
        3 => own().prop_map(Step::Own),
        5 => short_wait().prop_map(Step::Wait),
        4 => (0..12u64, wait).prop_map(|(limit, wait)| Step::Within(limit, wait)),
    ];
    main_task(vec(body(2, dialect), 0..5), vec(step, 0..7))
}

/// Many that wait for the same few things, while some are cancelled.
fn crowd() -> BoxedStrategy<Body> {
    let scarce = prop_oneof![
        4 => Just(Wait::Get(0)),
        2 => Just(Wait::Put(0)),
        4 => Just(Wait::Acquire(1)),
    ];
    let push = prop_oneof![
        3 => (0..9usize).prop_map(Act::Cancel),
        3 => Just(Act::TryPut(0)),
        1 => Just(Act::TryGet(0)),
    ];
    let pause = (0..3u64).prop_map(|millis| Step::Wait(Wait::Sleep(millis)));
    let step = prop_oneof![
        6 => scarce.clone().prop_map(Step::Wait),
        2 => (1..4u64, scarce).prop_map(|(limit, wait)| Step::Within(limit, wait)),
        3 => pause.clone(),
        2 => Just(Step::Own(Own::Release)),
        2 => push.clone().prop_map(Step::Act),
    ];
    let step_of_main = prop_oneof![2 => pause, 3 => push.prop_map(Step::Act)];
    let member = vec(step, 1..6).prop_map(Rc::new);
    main_task(vec(member, 3..8), vec(step_of_main, 0..10))
}

/// A few tasks that end by themselves, and one that joins, watches and lets go of them.
fn family(dialect: Dialect) -> BoxedStrategy<Body> {
    let pause = prop_oneof![
        3 => short_wait().prop_map(Step::Wait),
        1 => (0..3usize).prop_map(|which| Step::Act(Act::Cancel(which))),
    ];
    let look = match dialect {
        Dialect::Everything => (0..3usize).prop_map(Wait::Peek).boxed(),
        Dialect::Asyncio => Just(Wait::Yield).boxed(),
    };
    let step = prop_oneof![
        4 => (0..5u64, look).prop_map(|(limit, wait)| Step::Within(limit, wait)),
        3 => own().prop_map(Step::Own),
        2 => (0..3usize).prop_map(|which| Step::Wait(Wait::Join(which))),
        2 => pause.clone(),
    ];
    let member = vec(pause, 0..4).prop_map(Rc::new);
    main_task(vec(member, 1..4), vec(step, 0..10))
}

pub(crate) fn programs(dialect: Dialect) -> BoxedStrategy<Body> {
    prop_oneof![4 => mixture(dialect), 2 => crowd(), 1 => family(dialect)].boxed()
}
