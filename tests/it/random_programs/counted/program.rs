//! What a random program is made of.

/// One task's work, step by step.
pub(crate) type Program = Vec<Op>;

/// So many milliseconds.
pub(crate) type Millis = u64;

/// Longer than any chain of sleeps in one program.
pub(crate) const LONG: Millis = 3_600_000;

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Sleep(Millis),
    Yield,
    /// Puts a new item in the queue; takes the next one out.
    Put,
    Get,
    /// Holds the mutex, or a permit, for so long.
    Lock(Millis),
    Permit(Millis),
    WaitForEvent,
    SetEvent,
    ClearEvent,
    /// Puts an egg in the pot and notifies one; waits for an egg and takes it. Both keep the pot for so long.
    Cook(Millis),
    Eat(Millis),
    /// Waits at the barrier.
    Arrive,
    /// Waits for a value that a task sends after so long, or, without a time, never.
    Receive(Option<Millis>),
    /// Cancels one of the tasks there have been, whichever it is.
    Cancel(usize),
    /// Ends the program with an error, or with a panic.
    Fail,
    Panic,

    Spawn(Program),
    SpawnEager(Program),
    Await(Program),
    Shield(Program),
    Timeout(Millis, Program),
    Gather(Vec<Program>),
    Settle(Vec<Program>),
    TryGather(Vec<Program>),
    WaitForFirst(Vec<Program>),
    WaitForException(Vec<Program>),
    WaitAtMost(Millis, Vec<Program>),
    /// Takes so many results as they come.
    AsCompleted(usize, Vec<Program>),
    Group(Vec<Program>),
    /// A group that cancels itself after so long.
    GroupUntil(Millis, Vec<Program>),
}
