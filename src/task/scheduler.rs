//! The interface of this module to the event loop: creates tasks and calls, runs rounds and ends all tasks.

use std::future::Future;
use std::hint;
use std::marker::PhantomData;
use std::panic::{self, AssertUnwindSafe, Location};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use super::awaiting::AWAITS_ITSELF;
use super::ends::Ends;
use super::event::EventSink;
use super::guarded;
use super::header::Owner;
use super::join::JoinHandle;
use super::reference::{self, Task};
use super::rng::Rng;
use super::run;
use super::shared::{Local, Phase, Report, Shared, Unpark};
use super::sync::Arc;
use super::vacant::{self, Call, Vacant};
use super::waiters::{Context, Waiter};
use super::waker;
use super::work::{Kind, Plain, Work};
use crate::error::JoinError;
use crate::waiting::WaitsOn;

/// A task that waits for many others may be woken by each of them. Later polls note at most this many joins, for all
/// joins at each wakeup would be quadratic.
const MAX_REJOINS: usize = 100;

/// All tasks of one loop. It is not `Send`.
pub(crate) struct Scheduler {
    shared: Arc<Shared>,
    not_send: PhantomData<*const ()>,
}

impl Scheduler {
    pub(crate) fn new(parker: std::sync::Arc<dyn Unpark>) -> Self {
        static LOOPS: AtomicU64 = AtomicU64::new(0);
        let serial = LOOPS.fetch_add(1, Ordering::Relaxed);
        Self {
            shared: Arc::new(Shared::new(serial, parker)),
            not_send: PhantomData,
        }
    }

    pub(super) fn local(&self) -> &Local {
        &self.shared.local
    }

    /// Distinguishes this loop from others.
    pub(crate) fn serial(&self) -> u64 {
        self.local().serial
    }

    pub(super) fn owner(&self) -> Owner {
        Owner::of(&self.shared)
    }

    pub(crate) fn set_report(&self, report: Rc<Report>) {
        *self.shared.local.report.borrow_mut() = Some(report);
    }

    /// Runs `f` as code of this loop: its wakers are local until `f` returns.
    pub(crate) fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        waker::as_owner(&self.shared, f)
    }

    /// A cell for a future; see [`Vacant::spawn`].
    #[inline]
    pub(crate) fn vacant<W: Work>(&self, at: &'static Location<'static>) -> Vacant<W> {
        Vacant::new(self.owner(), at)
    }

    /// A new plain call, not queued yet.
    pub(crate) fn call(&self, at: &'static Location<'static>, f: impl FnOnce() + 'static) -> Call {
        vacant::call(self.owner(), at, f)
    }

    /// Runs `body` with a task whose future may borrow. The future and its output are dropped before this returns or
    /// unwinds.
    pub(crate) fn scoped<F: Future, R>(
        &self,
        at: &'static Location<'static>,
        future: F,
        body: impl FnOnce(&mut JoinHandle<F::Output>) -> R,
    ) -> R {
        struct Scope(Task);
        impl Drop for Scope {
            fn drop(&mut self) {
                self.0.end();
                // A future that is still being polled would be used after its borrows have ended; `body` does not
                // return inside the poll.
                assert!(self.0.is_finished(), "block_on ended inside its own task");
            }
        }
        // SAFETY: PINNED: the scope ends the task before it returns, also when `body` unwinds; until then the borrows
        // of the future are held by this function's caller.
        let mut handle = unsafe { self.vacant::<Plain<F>>(at).spawn_unbounded(future) };
        let _scope = Scope(handle.task());
        body(&mut handle)
    }

    /// Whether a task or call is queued for the next round.
    #[inline]
    pub(crate) fn is_ready(&self) -> bool {
        !self.shared.local.ready.is_empty()
    }

    /// The same, after removal of entries at the front whose tasks have finished.
    pub(crate) fn is_ready_to_run(&self) -> bool {
        let local = &self.shared.local;
        while let Some(first) = local.ready.pop_ended() {
            local.run(first);
        }
        self.is_ready()
    }

    /// Begins a round of the entries queued now; later ones belong to the next round. False: there are none.
    #[inline]
    pub(crate) fn begin_round(&self) -> bool {
        self.shared.local.ready.begin_round()
    }

    /// Sets the seed for `begin_shuffled_round`.
    pub(crate) fn set_shuffle(&self, seed: u64) {
        let _ = self.shared.local.rng.set(Rng::new(seed));
    }

    /// The seed of the shuffle, if one was set.
    pub(crate) fn shuffle_seed(&self) -> Option<u64> {
        self.shared.local.rng.get().map(|rng| rng.seed)
    }

    /// Begins a round in shuffled order, or in the order of the queue if no seed was set.
    #[cold]
    pub(crate) fn begin_shuffled_round(&self) -> bool {
        if let Some(rng) = self.shared.local.rng.get() {
            self.shared.local.ready.shuffle(rng);
        }
        self.begin_round()
    }

    /// Runs at most `budget` tasks of the round. True if some are left.
    #[inline(always)]
    pub(crate) fn run(&self, budget: u32) -> bool {
        let local = &self.shared.local;
        for _ in 0..budget {
            let Some(task) = local.ready.pop_of_round() else {
                return false;
            };
            local.run(task);
        }
        local.ready.in_round() && {
            local.ready.measure(local.polls.get());
            true
        }
    }

    /// The same, with `around` called for each task or call. It gets the task, whether it is a task, and the closure
    /// that runs it.
    #[cold]
    pub(crate) fn run_around(&self, budget: u32, around: impl Fn(&Task, bool, &dyn Fn())) -> bool {
        let local = &self.shared.local;
        for _ in 0..budget {
            let Some(entry) = local.ready.pop_of_round() else {
                return false;
            };
            // SAFETY: ONE-ENTRY: the queued flag keeps the task alive until this clone does.
            let task = Task::clone(&*unsafe { Task::borrowed(entry) });
            let is_task = task.header().vtable.kind == Kind::Task;
            around(&task, is_task, &|| local.run(entry));
        }
        local.ready.in_round()
    }

    /// Adds a source of events: the future is polled in a look of the loop after its waker was woken, on any thread. It
    /// lives until it is ready, or until the loop ends.
    #[track_caller]
    pub(crate) fn source(&self, future: impl Future<Output = ()> + Unpin + 'static) -> Waker {
        vacant::source(self.owner(), Location::caller(), future)
    }

    /// Whether there are remote wakeups, cancel requests or drops.
    #[inline]
    pub(crate) fn has_remote(&self) -> bool {
        self.shared.stack.has_remote()
    }

    /// Drains the remote stack: queues the tasks that other threads have woken, and polls the sources.
    pub(crate) fn take_remote(&self) {
        self.shared.take_remote();
    }

    /// Records that the loop is about to sleep. False: there are remote wakeups or drops, so it must not.
    #[must_use]
    pub(crate) fn fall_asleep(&self) -> bool {
        self.shared.stack.fall_asleep()
    }

    pub(crate) fn wake_up(&self) {
        self.shared.stack.wake_up();
    }

    /// Wakes the wakers of timers, in order; a panic in one is reported.
    pub(crate) fn wake_all(&self, wakers: &mut Vec<Waker>) {
        // The tasks are scattered in memory. A first pass that only reads each header overlaps the cache misses.
        for waker in &*wakers {
            hint::black_box(waker::task_of(waker, self.owner()));
        }
        for waker in wakers.drain(..) {
            self.shared.local.wake_any(waker);
        }
    }

    /// Drops a waker; a panic in it is reported.
    pub(crate) fn discard(&self, waker: Waker) {
        self.shared.local.discard(waker);
    }

    /// Runs user code outside of tasks and calls; a panic in it is reported under `name`.
    pub(crate) fn guarded(&self, name: &str, f: impl FnOnce()) {
        if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(f)) {
            self.report(None, JoinError::panicked(name, panic));
        }
    }

    /// Reports an unhandled panic.
    pub(crate) fn report(&self, task: Option<&Task>, error: JoinError) {
        self.shared.local.report(task, &error);
        guarded::drop_quietly(error);
    }

    pub(crate) fn current_task(&self) -> Option<Task> {
        self.shared.local.current_task()
    }

    /// The context of the running task or call.
    pub(crate) fn context(&self) -> Option<Context> {
        self.shared.local.context()
    }

    /// Changes the context of the running task or call; `None` if none runs. The context is borrowed meanwhile, so
    /// `change` must not run user code.
    pub(crate) fn change_context<R>(
        &self,
        change: impl FnOnce(&mut Option<Context>) -> R,
    ) -> Option<R> {
        let running = self.shared.local.current()?;
        let extra = running.waiters.extra_or_new();
        Some(change(&mut extra.context.borrow_mut()))
    }

    /// All unfinished tasks, in spawn order.
    pub(crate) fn tasks(&self) -> Vec<Task> {
        if self.live() == 0 {
            return Vec::new();
        }
        let [tasks, ..] = self.unfinished();
        tasks
    }

    /// What is unfinished, by its kind; the tasks are in spawn order.
    fn unfinished(&self) -> [Vec<Task>; Kind::COUNT] {
        let mut unfinished = [const { Vec::new() }; Kind::COUNT];
        for cell in self.shared.local.cells.in_use() {
            // SAFETY: COUNTED: a cell in use is live, and nothing is freed until the view is cloned.
            let cell = unsafe { Task::borrowed(cell) };
            if !cell.is_finished() {
                unfinished[cell.header().vtable.kind as usize].push(Task::clone(&cell));
            }
        }
        reference::sort(&mut unfinished[Kind::Task as usize], |a, b| {
            a.id().cmp(&b.id())
        });
        unfinished
    }

    pub(crate) fn live(&self) -> usize {
        // The tasks fit in memory, so their number fits in `usize`.
        (self.spawned() - self.shared.local.ended.get()) as usize
    }

    pub(crate) fn rounds(&self) -> u64 {
        self.shared.local.ready.rounds.get()
    }

    pub(crate) fn polls(&self) -> u64 {
        self.shared.local.polls.get()
    }

    pub(crate) fn wakes(&self) -> u64 {
        self.shared.local.wakes.get()
    }

    pub(crate) fn remote_wakes(&self) -> u64 {
        self.shared.local.remote_wakes.get()
    }

    pub(crate) fn spawned(&self) -> u64 {
        self.shared.local.numbered.get() + self.shared.local.named.get()
    }

    /// Whether a task that is spawned now is cancelled inside the call.
    pub(crate) fn is_refusing(&self) -> bool {
        self.shared.local.is_refusing()
    }

    /// From now on a new task is cancelled, and its future dropped, inside the call that spawns it.
    pub(crate) fn refuse_tasks(&self) {
        self.shared.local.phase.set(Phase::Closing);
    }

    /// Ends every task, call and source now, tasks in spawn order, and empties the queue, until no new ones appear.
    pub(crate) fn end_all(&self) {
        self.refuse_tasks();
        let mut is_over = false;
        while !is_over {
            is_over = true;
            for cells in self.unfinished() {
                for cell in cells {
                    // The task that drops the loop is on the call stack: the frame that runs it ends it.
                    if !cell.header().state.is_running() {
                        is_over = false;
                        self.shared.local.end(&cell);
                    }
                }
            }
            // Calls made by destructors are found in the queue, without a pass over all cells for each.
            self.shared.local.end_queued();
        }
    }

    /// Checks that the task of this waker, which is about to wait for these ends, is not one of the tasks.
    ///
    /// # Panics
    ///
    /// If it is.
    pub(crate) fn refuse_own_end(&self, waker: &Waker, ends: &Rc<Ends>) {
        let waiter = waker::task_of(waker, self.owner()).or(self.local().running.get());
        let is_own = waiter.is_some_and(|waiter| {
            // SAFETY: COUNTED: the waker holds a count; and the running task is unfinished, and so alive.
            let waiter = unsafe { Task::borrowed(waiter) };
            let is_same =
                |known: &Waiter| matches!(known, Waiter::Ends(known) if Rc::ptr_eq(known, ends));
            waiter.header().waiters.with_waiter(is_same) == Some(true)
        });
        assert!(!is_own, "{AWAITS_ITSELF}");
    }

    /// Drops the hook for unhandled panics, whose destructor is user code.
    pub(crate) fn drop_report(&self) {
        let report = self.shared.local.report.take();
        guarded::drop_quietly(report);
    }

    /// Orphans all cells: the last references to them may be dropped on any thread from now on. Call `end_all` first,
    /// and call this outside of `enter`.
    pub(crate) fn close(&self) {
        let observer = self.shared.local.observer.take();
        self.shared.close();
        // Its destructor is user code.
        guarded::drop_quietly(observer);
    }
}

impl Scheduler {
    /// Records what new tasks wait for. Call it before the first spawn.
    pub(crate) fn note_waits(&self) {
        self.local().phase.set(Phase::Observed);
        self.local().observing.set(Some(&run::OBSERVING));
    }

    /// The same, and sets the observer.
    pub(crate) fn set_observer(&self, observer: Rc<dyn EventSink>) {
        self.note_waits();
        *self.local().observer.borrow_mut() = Some(observer);
    }

    pub(crate) fn observer(&self) -> Option<Rc<dyn EventSink>> {
        self.local().observer.borrow().clone()
    }

    /// Records a wait of the task that is run now.
    #[cold]
    pub(crate) fn note(&self, wait: WaitsOn) {
        self.local().note(wait);
    }

    /// How many of the tasks that the running one awaits are to be noted, in addition to those whose waiter it is.
    /// `None` without an observer.
    #[inline]
    pub(crate) fn joins_to_note(&self, again: bool) -> Option<usize> {
        let local = self.local();
        let is_observed = local.cause.get().is_some() && local.is_observed();
        is_observed.then_some(if again { MAX_REJOINS } else { usize::MAX })
    }

    /// Records that the task of this waker awaits `tasks`, and `others` if there are more.
    #[cold]
    pub(crate) fn note_joins<'a>(
        &self,
        waker: &Waker,
        tasks: impl Iterator<Item = &'a Task>,
        others: bool,
    ) {
        let local = self.local();
        let waiter = waker::task_of(waker, self.owner());
        if waiter.is_none() || waiter != local.cause.get() {
            return;
        }
        tasks.for_each(|task| local.note(WaitsOn::Result(task.id())));
        if others {
            local.note(WaitsOn::OtherResults);
        }
    }

    /// The task of a waker, if it is a task of this loop.
    pub(crate) fn task_behind(&self, waker: &Waker) -> Option<Task> {
        waker::task_behind(waker, self.owner())
    }
}

impl Drop for Scheduler {
    /// Closes the block even if an earlier step has unwound, for cells point to it.
    fn drop(&mut self) {
        if self.shared.local.phase.get() != Phase::Closed {
            self.drop_report();
            self.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::panic::Location;
    use std::sync::Arc;

    use super::super::{Plain, Unpark};
    use super::Scheduler;

    struct NoopUnpark;

    impl Unpark for NoopUnpark {
        fn unpark(&self) {}
    }

    #[test]
    fn what_a_task_points_to_outlives_a_scheduler_that_was_never_closed() {
        let parker = Arc::new(NoopUnpark);
        let scheduler = Scheduler::new(parker.clone());
        let vacant = scheduler.vacant::<Plain<_>>(Location::caller());
        let handle = vacant.spawn(pending::<()>());
        scheduler.enter(|| scheduler.end_all());
        drop(scheduler);
        assert_eq!(Arc::strong_count(&parker), 2);
        assert!(handle.is_cancelled());
        drop(handle);
        assert_eq!(Arc::strong_count(&parker), 1);
    }
}
