//! What a program consists of: its random numbers, all that it keeps, and what went wrong.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::ops::Deref;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, Once, mpsc};
use std::task::Waker;
use std::thread;
use std::{env, mem};

use looplet::{
    Barrier, CallHandle, Condition, Event, EventLoop, JoinHandle, LifoQueue, PriorityQueue, Queue,
    Remote, RemoteHandle, RemoteQueue, Semaphore, Sender, Sleep, Spawner, Task, TaskGroup, Token,
};

use crate::support::probes::Ledger;
use crate::values::Value;

/// What sort of programs there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Observed,
    /// Part of the mischief happens on a second thread.
    Threads,
}

/// What the panics of the library begin with that a program may cause.
const DOCUMENTED: &[&str] = &[
    "no running event loop",
    "cannot run an event loop while another one is running on this thread",
    "a task cannot await itself",
    "the result of <Task",
    "the result of this remote task has been taken already",
    "the main task was cancelled",
    "deadlock: nothing is ready",
    "no current task",
    "context variable 'mischief' cannot be changed here",
    "wait() needs at least one handle",
    "a wait was polled after it had finished",
    "a gather was polled after it had finished",
    "a timeout was polled after it had elapsed",
    "task_done() called too many times",
    "real time cannot be advanced",
    "this queue has a remote end in another event loop",
    "`async fn` resumed after",
];

pub(crate) type Boxed = Pin<Box<dyn Future<Output = ()>>>;

/// Things of one type, in no order. Nothing is dropped in here.
pub(crate) struct Kept<T>(RefCell<Vec<T>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<T> Kept<T> {
    pub(crate) fn put(&self, item: T) {
        self.0.borrow_mut().push(item);
    }

    /// Takes any of them out, if there is one.
    pub(crate) fn pick(&self) -> Option<T> {
        let mut items = self.0.borrow_mut();
        let bound = items.len();
        (bound > 0).then(|| items.swap_remove(below(bound)))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = T> + use<T> {
        self.0.take().into_iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.borrow().len()
    }
}

/// What tasks of any loop share.
pub(crate) struct Shared {
    pub(crate) queue: Queue<Value>,
    pub(crate) stack: LifoQueue<Value>,
    pub(crate) heap: PriorityQueue<Value>,
    pub(crate) mutex: Rc<looplet::Mutex<Value>>,
    pub(crate) semaphore: Rc<Semaphore>,
    pub(crate) condition: Condition,
    pub(crate) barrier: Barrier,
    pub(crate) event: Event,
}

/// A count of it. A panic that comes of the end of the last one goes no further: at the end of an `async` block it would
/// leak the block's output.
#[derive(Clone)]
pub(crate) struct Common(Option<Rc<Shared>>);

impl Deref for Common {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for Common {
    fn drop(&mut self) {
        quietly(|| drop(self.0.take()));
    }
}

impl Shared {
    fn new() -> Self {
        Self {
            queue: Queue::unbounded(),
            stack: LifoQueue::bounded(1),
            heap: PriorityQueue::bounded(3),
            mutex: Rc::new(looplet::Mutex::new(Value::new())),
            semaphore: Rc::new(Semaphore::new(1)),
            condition: Condition::new(),
            barrier: Barrier::new(2),
            event: Event::new(),
        }
    }
}

/// A program under way.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) kind: Cell<Option<Kind>>,
    random: RefCell<fastrand::Rng>,
    /// What must be dropped on this thread, and what may be dropped on any.
    pub(crate) owner: Ledger,
    pub(crate) anywhere: Ledger,
    pub(crate) depth: Cell<u32>,
    pub(crate) left: Cell<u32>,
    /// The loops draw the order of their rounds, and would say so whenever a panic comes out of `block_on`.
    pub(crate) is_shuffled: Cell<bool>,
    /// A loop runs that must not get anything from other threads, for which it would wait.
    pub(crate) must_end: Cell<bool>,
    /// How many comparisons of queues' items are under way.
    pub(crate) comparing: Cell<u32>,
    surprises: Surprises,
    pub(crate) is_verbose: Cell<bool>,
    pub(crate) shared: RefCell<Option<Common>>,
    pub(crate) loops: Kept<EventLoop>,
    pub(crate) spawners: Kept<Spawner>,
    pub(crate) handles: Kept<JoinHandle<Value>>,
    pub(crate) tasks: Kept<Task>,
    /// Tasks that nothing is done to until the end.
    pub(crate) witnesses: Kept<Task>,
    pub(crate) wakers: Kept<Waker>,
    pub(crate) calls: Kept<CallHandle>,
    pub(crate) futures: Kept<Boxed>,
    pub(crate) sleeps: Kept<Sleep>,
    pub(crate) groups: Kept<TaskGroup<Value>>,
    pub(crate) tokens: Kept<Token<Value>>,
    pub(crate) senders: Kept<Sender<Value>>,
    pub(crate) remotes: Kept<Remote>,
    pub(crate) remote_handles: Kept<RemoteHandle<Value>>,
    pub(crate) remote_queues: Kept<RemoteQueue<Value>>,
    /// Guards, permits, results: what only waits to be dropped.
    pub(crate) others: Kept<Box<dyn Any>>,
}

thread_local! {
    static WORLD: RefCell<Rc<World>> = RefCell::default();
    /// While a program is played: where panics are noted that are not documented.
    static SURPRISES: RefCell<Option<Surprises>> = const { RefCell::new(None) };
    static HELPER: mpsc::Sender<Job> = start_helper();
}

pub(crate) fn world() -> Rc<World> {
    WORLD.with(|world| world.borrow().clone())
}

pub(crate) fn below(bound: usize) -> usize {
    world().random.borrow_mut().usize(..bound)
}

/// True once in `n` times.
pub(crate) fn one_in(n: usize) -> bool {
    below(n) == 0
}

type Pick = fn(&World) -> Option<Box<dyn Any>>;

/// One way for each sort of kept things to take any of them.
const SORTS: &[Pick] = &[
    |world| any_of(&world.spawners),
    |world| any_of(&world.handles),
    |world| any_of(&world.tasks),
    |world| any_of(&world.wakers),
    |world| any_of(&world.calls),
    |world| any_of(&world.futures),
    |world| any_of(&world.sleeps),
    |world| any_of(&world.groups),
    |world| any_of(&world.tokens),
    |world| any_of(&world.senders),
    |world| any_of(&world.remotes),
    |world| any_of(&world.remote_handles),
    |world| any_of(&world.remote_queues),
    |world| any_of(&world.others),
];

fn any_of<T: 'static>(kept: &Kept<T>) -> Option<Box<dyn Any>> {
    kept.pick().map(|item| Box::new(item) as _)
}

impl World {
    pub(crate) fn begin(kind: Kind, seed: u64) {
        listen_to_panics();
        let world = Self::default();
        world.kind.set(Some(kind));
        world.is_verbose.set(is_single());
        world.is_shuffled.set(seed % 4 == 3);
        world.random.replace(fastrand::Rng::with_seed(seed));
        SURPRISES.set(Some(world.surprises.clone()));
        WORLD.replace(Rc::new(world));
    }

    /// Drops what is left, wakers last and on another thread: they may be all that keeps a task, and what was the
    /// task's has been dropped on the owner thread long ago.
    pub(crate) fn end() {
        let world = world();
        let wakers: Vec<_> = world.wakers.all().collect();
        for sort in SORTS {
            while let Some(item) = sort(&world) {
                quietly(|| drop(item));
            }
        }
        quietly(|| drop(world.shared.take()));
        on_thread(|| drop(wakers));
        WORLD.take();
        SURPRISES.take();
        let surprises = mem::take(&mut *world.surprises.lock().unwrap());
        assert!(surprises.is_empty(), "{surprises:#?}");
        world.owner.settle();
        assert_eq!(world.anywhere.made(), world.anywhere.dropped());
    }

    /// Prints what is done next, if there is one program only.
    pub(crate) fn announce(&self, what: &str) {
        if self.is_verbose.get() {
            let depth = self.depth.get() as usize;
            eprintln!("{:depth$}{what}", "");
        }
    }

    pub(crate) fn refill(&self, pieces: u32) {
        self.left.set(pieces);
    }

    pub(crate) fn pick_anything(&self) -> Option<Box<dyn Any>> {
        SORTS[below(SORTS.len())](self)
    }

    /// What tasks share now; made when it is first asked for.
    pub(crate) fn shared(&self) -> Common {
        let known = self.shared.borrow().clone();
        known.unwrap_or_else(|| {
            let shared = Common(Some(Rc::new(Shared::new())));
            self.shared.replace(Some(shared.clone()));
            shared
        })
    }
}

fn is_single() -> bool {
    env::var("LOOPLET_SEED").is_ok_and(|chosen| !chosen.contains(".."))
}

/// Runs `f`; what it panics with is dropped.
pub(crate) fn quietly<R>(f: impl FnOnce() -> R) {
    let mut outcome = panic::catch_unwind(AssertUnwindSafe(|| drop(f())));
    while let Err(payload) = outcome {
        outcome = panic::catch_unwind(AssertUnwindSafe(|| drop(payload)));
    }
}

type Surprises = Arc<Mutex<Vec<String>>>;

/// While a program is played, panics are not printed, and those that are not documented are noted.
fn listen_to_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            match SURPRISES.with(|surprises| surprises.borrow().clone()) {
                Some(_) if is_documented(text_of(info.payload())) => {}
                Some(surprises) => surprises.lock().unwrap().push(info.to_string()),
                None => usual(info),
            }
        }));
    });
}

fn text_of(payload: &dyn Any) -> &str {
    let owned = || payload.downcast_ref::<String>().map(String::as_str);
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(owned).unwrap_or_default()
}

fn is_documented(text: &str) -> bool {
    let is_in_use = world().comparing.get() > 0 && text.starts_with("RefCell already borrowed");
    is_in_use || DOCUMENTED.iter().any(|known| text.starts_with(known))
}

type Job = Box<dyn FnOnce() + Send>;

/// Runs `f` on a second thread, if this program has one, and waits for it.
pub(crate) fn on_thread(f: impl FnOnce() + Send + 'static) {
    if world().kind.get() != Some(Kind::Threads) {
        return f();
    }
    let (done, is_done) = mpsc::channel();
    meanwhile(move || {
        f();
        done.send(()).unwrap();
    });
    // An error is a panic, which has been noted.
    let _ = is_done.recv();
}

/// Runs `f` on a second thread, if this program has one, after all that was given to it before.
pub(crate) fn meanwhile(f: impl FnOnce() + Send + 'static) {
    let world = world();
    if world.kind.get() != Some(Kind::Threads) {
        return f();
    }
    let surprises = world.surprises.clone();
    let job = move || {
        SURPRISES.set(Some(surprises));
        quietly(f);
    };
    HELPER.with(|helper| helper.send(Box::new(job)).unwrap());
}

fn start_helper() -> mpsc::Sender<Job> {
    let (sender, jobs) = mpsc::channel::<Job>();
    thread::spawn(move || jobs.into_iter().for_each(|job| job()));
    sender
}
