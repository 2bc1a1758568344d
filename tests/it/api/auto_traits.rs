//! Which public types are `Send`, `Sync` and `Unpin`, and which are not: a change of an answer is a change of the API.
//!
//! The compiler checks it. A wrong `yes` is an error that says what the type lacks; a wrong `no` is one that asks for
//! type annotations, for then there are two reasons.

use std::cell::Cell;
use std::future::Ready;
use std::marker::{PhantomData, PhantomPinned};
use std::rc::Rc;

use looplet::*;

/// A question about a type, with a function for each answer.
macro_rules! question {
    ($name:ident, $auto:ident) => {
        mod $name {
            pub(super) trait No<Reason> {}
            impl<T> No<()> for T {}
            impl<T: $auto> No<u8> for T {}

            pub(super) fn yes<T: $auto>(_: std::marker::PhantomData<T>) {}
            pub(super) fn no<T: No<Reason>, Reason>(_: std::marker::PhantomData<T>) {}
        }
    };
}

question!(is_send, Send);
question!(is_sync, Sync);
question!(is_unpin, Unpin);

/// Answers for types.
macro_rules! types {
    ($($type:ty: $send:ident $sync:ident $unpin:ident,)*) => {
        $(const _: fn() = || {
            is_send::$send(PhantomData::<$type>);
            is_sync::$sync(PhantomData::<$type>);
            is_unpin::$unpin(PhantomData::<$type>);
        };)*
    };
}

/// Answers for the types of values, which may have no names.
macro_rules! values {
    ($($value:expr => $send:ident $sync:ident $unpin:ident,)*) => {
        $(
            let value = $value;
            is_send::$send(type_of(&value));
            is_sync::$sync(type_of(&value));
            is_unpin::$unpin(type_of(&value));
            drop(value);
        )*
    };
}

fn type_of<T>(_: &T) -> PhantomData<T> {
    PhantomData
}

types! {
    // The loop.            Send Sync Unpin
    EventLoop:              no   no   yes,
    Builder:                no   no   yes,
    Spawner:                no   no   yes,
    Remote:                 yes  yes  yes,
    RemoteHandle<u8>:       yes  yes  yes,
    CallHandle:             no   no   yes,
    ContextVar<u8>:         yes  yes  yes,
    Token<u8>:              no   no   yes,
    OrderBug:               yes  no   yes,

    // What it looks like.
    Metrics:                yes  yes  yes,
    PollTimes:              no   no   yes,
    Dump:                   yes  yes  yes,
    TaskDump:               yes  yes  yes,
    TaskState:              yes  yes  yes,
    WaitsOn:                yes  yes  yes,
    TaskEvent<'static>:     no   no   yes,
    WokenBy<'static>:       no   no   yes,

    // Tasks.
    Task:                   no   no   yes,
    TaskId:                 yes  yes  yes,
    JoinHandle<u8>:         no   no   yes,

    // Time.
    Sleep:                  no   no   yes,
    Timeout<Ready<u8>>:     no   no   yes,
    Interval:               no   no   yes,
    MissedTick:             yes  yes  yes,

    // Waiting.
    YieldNow:               yes  yes  yes,
    Wait<u8>:               no   no   yes,
    Waited<u8>:             no   no   yes,
    AsCompleted<u8>:        no   no   yes,
    Shield<u8>:             no   no   yes,
    TaskGroup<u8>:          no   no   yes,
    Gathered<(JoinHandle<u8>,)>: no no yes,
    Settled<(JoinHandle<u8>,)>: no no yes,
    TryGathered<(JoinHandle<Result<u8, u8>>,)>: no no yes,

    // What tasks share.
    Queue<u8>:              no   no   yes,
    LifoQueue<u8>:          no   no   yes,
    PriorityQueue<u8>:      no   no   yes,
    RemoteQueue<u8>:        yes  yes  yes,
    Event:                  no   no   yes,
    Condition:              no   no   yes,
    Barrier:                no   no   yes,
    Mutex<u8>:              no   no   yes,
    MutexGuard<'static, u8>: no  no   yes,
    OwnedMutexGuard<u8>:    no   no   yes,
    Semaphore:              no   no   yes,
    Permit<'static>:        no   no   yes,
    OwnedPermit:            no   no   yes,
    Sender<u8>:             no   no   yes,
    Receiver<u8>:           no   no   yes,

    // Errors.
    JoinError:              yes  yes  yes,
    GroupError<u8>:         yes  yes  yes,
    Failure<u8>:            yes  yes  yes,
    Closed:                 yes  yes  yes,
    Elapsed:                yes  yes  yes,
    BrokenBarrier:          yes  yes  yes,
    LoopGone:               yes  yes  yes,
    NoDump:                 yes  yes  yes,
    PutError<u8>:           yes  yes  yes,
    TryPutError<u8>:        yes  yes  yes,
    TryGetError:            yes  yes  yes,
}

#[cfg(feature = "timeline")]
types! {
    timeline::Timeline: no no yes,
}

// With contents that stay on one thread.
types! {
    RemoteHandle<Rc<u8>>:   no   no   yes,
    RemoteQueue<Rc<u8>>:    no   no   yes,
    ContextVar<Rc<u8>>:     yes  yes  yes,
    Mutex<Rc<u8>>:          no   no   yes,
    GroupError<Rc<u8>>:     no   no   yes,
    Failure<Rc<u8>>:        no   no   yes,
    PutError<Rc<u8>>:       no   no   yes,
    TryPutError<Rc<u8>>:    no   no   yes,
}

// With contents that may move to another thread, but not be used by two.
types! {
    RemoteHandle<Cell<u8>>: yes  yes  yes,
    RemoteQueue<Cell<u8>>:  yes  yes  yes,
    GroupError<Cell<u8>>:   yes  no   yes,
    Failure<Cell<u8>>:      yes  no   yes,
    PutError<Cell<u8>>:     yes  no   yes,
    TryPutError<Cell<u8>>:  yes  no   yes,
}

// With contents that must not move. What only holds them somewhere else may.
types! {
    RemoteHandle<PhantomPinned>: yes yes yes,
    JoinHandle<PhantomPinned>: no no  yes,
    Timeout<PhantomPinned>: no   no   no,
    Wait<PhantomPinned>:    no   no   yes,
    Waited<PhantomPinned>:  no   no   yes,
    AsCompleted<PhantomPinned>: no no yes,
    Shield<PhantomPinned>:  no   no   yes,
    TaskGroup<PhantomPinned>: no no   yes,
    Gathered<(JoinHandle<PhantomPinned>,)>: no no yes,
    Queue<PhantomPinned>:   no   no   yes,
    LifoQueue<PhantomPinned>: no no   yes,
    RemoteQueue<PhantomPinned>: yes yes yes,
    Mutex<PhantomPinned>:   no   no   no,
    MutexGuard<'static, PhantomPinned>: no no yes,
    OwnedMutexGuard<PhantomPinned>: no no no,
    Sender<PhantomPinned>:  no   no   yes,
    Receiver<PhantomPinned>: no  no   yes,
    GroupError<PhantomPinned>: yes yes no,
    PutError<PhantomPinned>: yes yes  no,
}

/// Futures and iterators without names.
mod unnamed {
    #![allow(dead_code, reason = "it is enough that the compiler accepts them")]

    use super::*;

    fn of_queues(queue: Queue<u8>, lifo: LifoQueue<u8>, priority: PriorityQueue<u8>) {
        values! {
            queue.put(1) => no no yes,
            queue.get() => no no yes,
            queue.join() => no no yes,
            queue.stream() => no no yes,
            lifo.put(1) => no no yes,
            lifo.get() => no no yes,
            lifo.join() => no no yes,
            lifo.stream() => no no yes,
            priority.put(1) => no no yes,
            priority.get() => no no yes,
            priority.join() => no no yes,
            priority.stream() => no no yes,
        }
    }

    fn of_queues_of_what_must_not_move(queue: Queue<PhantomPinned>) {
        values! {
            queue.put(PhantomPinned) => no no yes,
            queue.get() => no no yes,
            queue.stream() => no no yes,
        }
    }

    fn of_locks(mutex: Rc<Mutex<u8>>, semaphore: Rc<Semaphore>) {
        values! {
            mutex.lock() => no no no,
            mutex.lock_owned() => no no no,
            semaphore.acquire() => no no no,
            semaphore.acquire_owned() => no no no,
        }
    }

    fn of_conditions(condition: Condition, [one, other]: [MutexGuard<'_, u8>; 2]) {
        values! {
            condition.wait(one) => no no no,
            condition.wait_while(other, |_| true) => no no no,
        }
    }

    fn of_signals(event: Event, barrier: Barrier, mut sender: Sender<u8>) {
        values! {
            event.wait() => no no yes,
            barrier.wait() => no no yes,
            sender.closed() => no no no,
        }
    }

    fn of_time(mut interval: Interval, times: PollTimes) {
        values! {
            interval.tick() => no no no,
            times.counts() => no no yes,
        }
    }

    fn of_groups(wait: Wait<u8>, mut completed: AsCompleted<u8>) {
        values! {
            wait.into_future() => no no yes,
            completed.next() => no no yes,
            gather(vec![async { 1 }]) => no no yes,
            gather([async { 1 }]).return_exceptions() => no no yes,
            try_gather((async { Ok::<u8, u8>(1) },)) => no no yes,
            task_group(async |_: &TaskGroup<u8>| Ok::<u8, u8>(1)) => no no no,
        }
    }
}

/// Every type at the root of the crate has its line.
#[test]
fn no_public_type_is_missing() {
    let traits = ["Gather", "Observer", "TryGather"];
    let exports = include_str!("../../../src/lib.rs")
        .split("pub use ")
        .skip(1);
    let names = exports.flat_map(|rest| {
        let list = rest.split(';').next().unwrap_or_default();
        list.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
    });
    let types: Vec<_> = names
        .filter(|name| name.starts_with(char::is_uppercase) && !traits.contains(name))
        .collect();
    assert!(types.len() > 50, "the exports are not where they were");
    let table = include_str!("auto_traits.rs");
    for name in types {
        let line = table.lines().any(|line| {
            let rest = line.trim_start().strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with([':', '<']) && line.ends_with(','))
        });
        assert!(line, "`{name}` has no line in the table");
    }
}
