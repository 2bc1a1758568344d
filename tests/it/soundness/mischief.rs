//! Random mischief: every piece of user code that the loop calls (polls, destructors of futures, outputs, wakers and
//! context, callbacks, the observer, the hook for unseen panics) wakes, cancels, polls, drops, spawns, panics, runs the
//! loop or ends it, whatever is under way. Everything made is dropped once, and at home; the sanitizers see the rest.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use looplet::{
    ContextVar, EventLoop, JoinHandle, Spawner, Task, TaskEvent, call_later, gather,
    spawn_blocking, spawn_eager, spawn_named, try_current_task,
};

use crate::support::probes::{Entry, Ledger};

/// How deep pieces of mischief may lie in each other, and how many there are in one run.
const DEPTH: u32 = 5;
const PIECES: u32 = 300;

type Boxed = Pin<Box<dyn Future<Output = ()>>>;

/// All that mischief can be done to.
#[derive(Default)]
struct World {
    random: RefCell<fastrand::Rng>,
    ledger: Ledger,
    event_loop: RefCell<Option<EventLoop>>,
    spawner: RefCell<Option<Spawner>>,
    handles: RefCell<Vec<JoinHandle<Output>>>,
    tasks: RefCell<Vec<Task>>,
    wakers: RefCell<Vec<Waker>>,
    groups: RefCell<Vec<Boxed>>,
    depth: Cell<u32>,
    left: Cell<u32>,
}

thread_local! {
    static WORLD: World = World::default();
}

static CONTEXT: ContextVar<Value> = ContextVar::new("mischief");

fn below(bound: usize) -> usize {
    WORLD.with(|world| world.random.borrow_mut().usize(..bound))
}

fn entry() -> Entry {
    WORLD.with(|world| world.ledger.entry())
}

/// Takes any item out, if there is one.
fn pick<T>(from: impl Fn(&World) -> &RefCell<Vec<T>>) -> Option<T> {
    WORLD.with(|world| {
        let mut items = from(world).borrow_mut();
        let bound = items.len();
        (bound > 0).then(|| items.swap_remove(world.random.borrow_mut().usize(..bound)))
    })
}

fn put<T>(into: impl Fn(&World) -> &RefCell<Vec<T>>, item: T) {
    WORLD.with(|world| into(world).borrow_mut().push(item));
}

/// Does something that should not be done here, or nothing.
fn mischief() {
    let (depth, left) = WORLD.with(|world| (world.depth.get(), world.left.get()));
    if depth == DEPTH || left == 0 || below(3) == 0 {
        return;
    }
    WORLD.with(|world| {
        world.depth.set(depth + 1);
        world.left.set(left - 1);
    });
    let done = panic::catch_unwind(one_piece);
    WORLD.with(|world| world.depth.set(depth));
    if let Err(panic) = done {
        // A second one would end the process.
        if !thread::panicking() {
            panic::resume_unwind(panic);
        }
    }
}

fn one_piece() {
    match below(22) {
        0 => pick(|world| &world.wakers)
            .into_iter()
            .for_each(Waker::wake),
        1 => drop(pick(|world| &world.wakers)),
        2 => wake_by_ref(),
        3 | 4 => cancel(),
        5 => drop(pick(|world| &world.handles)),
        6 | 7 => poll_a_handle(),
        8 | 9 => spawn_from_outside(),
        10 => spawn_inside(),
        11 => drop(pick(|world| &world.groups)),
        12 => begin_a_group(),
        13 => on_done(),
        14 => print(),
        15 => wake_on_another_thread(),
        16 => change_context(),
        17 => run_the_loop(),
        18 if below(4) == 0 => drop(WORLD.with(|world| world.event_loop.take())),
        19 if !thread::panicking() => panic::resume_unwind(Box::new(entry())),
        20 => another_loop(),
        21 => later(),
        _ => {}
    }
}

/// A loop of its own, which takes part for a moment. Where one is running it cannot run.
fn another_loop() {
    let mut event_loop = loop_of_mischief(below(4) == 0);
    keep(event_loop.spawn(Sized::<24>::new()));
    if below(2) == 0 {
        quietly(|| event_loop.run_until_stalled());
    }
    keep(event_loop.spawn(Sized::<200>::new()));
    drop(event_loop);
}

fn later() {
    if try_current_task().is_none() {
        return;
    }
    if below(4) == 0 {
        spawn_blocking(|| ()).detach();
    } else {
        let value = Value::new();
        call_later(Duration::from_millis(1), move || drop(value));
    }
}

fn wake_by_ref() {
    if let Some(waker) = pick(|world| &world.wakers) {
        waker.wake_by_ref();
        put(|world| &world.wakers, waker);
    }
}

fn cancel() {
    if let Some(task) = pick(|world| &world.tasks) {
        task.cancel();
        if below(2) == 0 {
            put(|world| &world.tasks, task);
        }
    }
}

fn poll_a_handle() {
    let Some(waker) = pick(|world| &world.wakers) else {
        return;
    };
    poll_a_handle_with(&waker);
    put(|world| &world.wakers, waker);
}

/// True if it is over.
fn poll_a_handle_with(waker: &Waker) -> bool {
    let Some(mut handle) = pick(|world| &world.handles) else {
        return true;
    };
    match Pin::new(&mut handle).poll(&mut Context::from_waker(waker)) {
        Poll::Ready(result) => {
            drop(result);
            true
        }
        Poll::Pending => {
            put(|world| &world.handles, handle);
            false
        }
    }
}

fn keep(handle: JoinHandle<Output>) {
    match below(6) {
        0 => handle.detach(),
        1 => drop(handle),
        2 => put(|world| &world.tasks, handle.task()),
        _ => {
            put(|world| &world.tasks, handle.task());
            put(|world| &world.handles, handle);
        }
    }
}

/// Cells of several sizes and alignments, and without a size.
macro_rules! with_any_future {
    ($spawn:expr) => {
        match below(5) {
            0 => $spawn(Nothing),
            1 => $spawn(Sized::<24>::new()),
            2 => $spawn(Sized::<200>::new()),
            3 => $spawn(Sized::<3000>::new()),
            _ => $spawn(Aligned(Sized::<8>::new())),
        }
    };
}

fn spawn_from_outside() {
    let spawner = WORLD.with(|world| world.spawner.borrow().clone());
    let Some(spawner) = spawner else { return };
    if below(4) == 0 {
        let value = Value::new();
        let call = spawner.call_soon(move || drop(value));
        if below(2) == 0 {
            call.cancel();
        }
        return;
    }
    keep(with_any_future!(|future| spawner.spawn(future)));
}

fn spawn_inside() {
    if try_current_task().is_none() {
        return;
    }
    if below(2) == 0 {
        keep(with_any_future!(spawn_eager));
    } else {
        keep(with_any_future!(|future| spawn_named("odd", future)));
    }
}

fn begin_a_group() {
    if try_current_task().is_none() {
        return;
    }
    let group = gather([Sized::<24>::new(), Sized::<24>::new()]);
    let mut group: Boxed = Box::pin(async move { drop(group.await) });
    let waker = pick(|world| &world.wakers).unwrap_or_else(|| Waker::noop().clone());
    if group
        .as_mut()
        .poll(&mut Context::from_waker(&waker))
        .is_pending()
    {
        put(|world| &world.groups, group);
    }
    drop(waker);
}

fn on_done() {
    if let Some(handle) = pick(|world| &world.handles) {
        let value = Value::new();
        handle.on_done(move |_| drop(value));
        put(|world| &world.handles, handle);
    }
}

fn print() {
    if let Some(task) = pick(|world| &world.tasks) {
        assert!(!format!("{task:?}").is_empty());
        task.set_name("renamed");
        put(|world| &world.tasks, task);
    }
}

fn wake_on_another_thread() {
    if let Some(waker) = pick(|world| &world.wakers) {
        let by_ref = below(2) == 0;
        let other = thread::spawn(move || {
            let again = waker.clone();
            if by_ref {
                waker.wake_by_ref();
            } else {
                waker.wake();
            }
            drop(again);
        });
        other.join().unwrap();
    }
}

fn change_context() {
    if try_current_task().is_some() {
        let token = CONTEXT.set(Value::new());
        if below(2) == 0 {
            CONTEXT.reset(token);
        }
    }
}

fn run_the_loop() {
    let taken = WORLD.with(|world| world.event_loop.take());
    if let Some(mut event_loop) = taken {
        let ran = panic::catch_unwind(AssertUnwindSafe(|| match below(3) {
            0 => drop(event_loop.run_once(Some(Duration::ZERO))),
            1 => event_loop.run_until_stalled(),
            _ => drop(event_loop.block_on(Sized::<200>::new())),
        }));
        WORLD.with(|world| world.event_loop.replace(Some(event_loop)));
        drop(ran);
    }
}

/// Something whose destructor is up to mischief.
struct Value {
    _entry: Entry,
}

impl Value {
    fn new() -> Self {
        Self { _entry: entry() }
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        mischief();
    }
}

type Output = Value;

/// A waker that is no task's.
struct Stranger;

impl Wake for Stranger {
    fn wake(self: Arc<Self>) {
        mischief();
    }
}

/// What every future does when it is polled.
fn step(cx: &mut Context<'_>) -> Poll<Output> {
    mischief();
    match below(4) {
        0 => put(|world| &world.wakers, cx.waker().clone()),
        1 => put(|world| &world.wakers, Waker::from(Arc::new(Stranger))),
        2 => drop(poll_a_handle_with(cx.waker())),
        _ => cx.waker().wake_by_ref(),
    }
    let is_tired = WORLD.with(|world| world.left.get() == 0);
    if is_tired || below(4) == 0 {
        Poll::Ready(Value::new())
    } else {
        Poll::Pending
    }
}

struct Nothing;

impl Future for Nothing {
    type Output = Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        step(cx)
    }
}

impl Drop for Nothing {
    fn drop(&mut self) {
        mischief();
    }
}

struct Sized<const BYTES: usize> {
    // First, so that the bytes are looked at when the mischief is done.
    bytes: [u8; BYTES],
    _entry: Entry,
}

impl<const BYTES: usize> Sized<BYTES> {
    fn new() -> Self {
        Self {
            bytes: [BYTES as u8; BYTES],
            _entry: entry(),
        }
    }

    fn check(&self) {
        assert!(self.bytes.iter().all(|byte| *byte == BYTES as u8));
    }
}

impl<const BYTES: usize> Future for Sized<BYTES> {
    type Output = Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        let next = step(cx);
        self.check();
        next
    }
}

impl<const BYTES: usize> Drop for Sized<BYTES> {
    fn drop(&mut self) {
        let done = panic::catch_unwind(mischief);
        self.check();
        if let Err(panic) = done {
            panic::resume_unwind(panic);
        }
    }
}

#[repr(align(64))]
struct Aligned(Sized<8>);

impl Future for Aligned {
    type Output = Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        assert_eq!((&raw const *self).addr() % 64, 0);
        Pin::new(&mut self.0).poll(cx)
    }
}

/// A loop whose hooks are up to mischief too.
fn loop_of_mischief(observed: bool) -> EventLoop {
    let builder = EventLoop::builder()
        .virtual_time()
        .on_unhandled_panic(|_, _| mischief());
    let observer = |_: Instant, _: &Task, _: TaskEvent<'_>| {
        // An observer that has panicked is told nothing any more.
        drop(panic::catch_unwind(mischief));
    };
    if observed {
        builder.observer(observer).build()
    } else {
        builder.build()
    }
}

fn quietly(f: impl FnOnce()) {
    drop(panic::catch_unwind(AssertUnwindSafe(f)));
}

fn play(seed: u64, observed: bool) {
    WORLD.with(|world| {
        world.random.replace(fastrand::Rng::with_seed(seed));
        world.left.set(PIECES);
        let event_loop = loop_of_mischief(observed);
        world.spawner.replace(Some(event_loop.spawner()));
        world.event_loop.replace(Some(event_loop));
    });
    for _ in 0..6 {
        quietly(spawn_from_outside);
    }
    for _ in 0..12 {
        quietly(run_the_loop);
        quietly(mischief);
    }
    WORLD.with(|world| world.left.set(if seed % 2 == 0 { 0 } else { 40 }));
    quietly(|| drop(WORLD.with(|world| world.event_loop.take())));
    WORLD.with(|world| world.left.set(0));
    while let Some(group) = pick(|world| &world.groups) {
        quietly(|| drop(group));
    }
    while let Some(handle) = pick(|world| &world.handles) {
        quietly(|| drop(handle));
    }
    WORLD.with(|world| {
        world.spawner.take();
        world.tasks.take();
        world.wakers.take();
        world.ledger.settle();
    });
}

fn seeds() -> std::ops::Range<u64> {
    0..if cfg!(miri) { 3 } else { 200 }
}

#[test]
fn mischief_harms_nobody_else() {
    seeds().for_each(|seed| play(seed, false));
}

#[test]
fn mischief_of_an_observer_harms_nobody_else() {
    seeds().for_each(|seed| play(seed, true));
}
