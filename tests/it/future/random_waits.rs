//! Random programs of everything that waits, with random cancellations: nothing hangs, nothing leaks, and no panic is
//! seen but those that the programs make themselves.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use looplet::{
    EventLoop, JoinError, all_tasks, call_later, current_task, gather, spawn, timeout, try_gather,
    wait, yield_now,
};

use crate::support::hook::with_panic_hook;
use crate::support::trace::message;

const PROGRAMS: u64 = 3000;
const OWN_PANIC: &str = "made by the program";

type Tree = Pin<Box<dyn Future<Output = Result<u32, u32>>>>;

/// What one program counts, and its dice.
#[derive(Clone)]
struct World {
    dice: Rc<Cell<u64>>,
    alive: Rc<Cell<isize>>,
    surprises: Rc<RefCell<Vec<String>>>,
}

/// Counts a future as alive from its making to its drop.
struct Alive(Rc<Cell<isize>>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            dice: Rc::new(Cell::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)),
            alive: Rc::default(),
            surprises: Rc::default(),
        }
    }

    /// A number below `sides`.
    fn roll(&self, sides: u64) -> u64 {
        let mut state = self.dice.get();
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.dice.set(state);
        (state >> 11) % sides
    }

    fn delay(&self) -> Duration {
        Duration::from_millis(self.roll(4))
    }

    fn see(&self, error: JoinError) {
        if error.is_panic() {
            let text = message(error);
            if text != OWN_PANIC {
                self.surprises.borrow_mut().push(text);
            }
        }
    }

    fn settle(&self, outcome: Result<Result<u32, u32>, JoinError>) -> Result<u32, u32> {
        outcome.unwrap_or_else(|error| {
            self.see(error);
            Err(0)
        })
    }

    fn tree(&self, depth: u32) -> Tree {
        self.alive.set(self.alive.get() + 1);
        let (alive, world) = (Alive(self.alive.clone()), self.clone());
        Box::pin(async move {
            let _alive = alive;
            match depth {
                0 => world.leaf().await,
                _ => world.branch(depth - 1).await,
            }
        })
    }

    async fn leaf(&self) -> Result<u32, u32> {
        match self.roll(10) {
            0 => panic!("{OWN_PANIC}"),
            1 => drop(current_task().cancel()),
            2 => pending().await,
            3 => return Err(1),
            4 | 5 => yield_now().await,
            6 => {}
            _ => looplet::sleep(self.delay()).await,
        }
        Ok(1)
    }

    async fn branch(&self, depth: u32) -> Result<u32, u32> {
        let trees = (0..self.roll(4)).map(|_| self.tree(depth));
        let sum = |results: Vec<Result<u32, u32>>| results.into_iter().sum();
        match self.roll(8) {
            0 => sum(gather(trees.collect::<Vec<_>>()).await),
            1 => {
                let settled = gather(trees.collect::<Vec<_>>()).return_exceptions().await;
                sum(settled
                    .into_iter()
                    .map(|outcome| self.settle(outcome))
                    .collect())
            }
            2 => {
                let values: Vec<u32> = try_gather(trees.collect::<Vec<_>>()).await?;
                Ok(values.into_iter().sum())
            }
            3 => {
                let handles: Vec<_> = trees.map(spawn).collect();
                let settled = gather(handles).await;
                sum(settled
                    .into_iter()
                    .map(|outcome| self.settle(outcome))
                    .collect())
            }
            4 => self.waits(depth).await,
            5 => {
                let limited = timeout(self.delay(), self.tree(depth));
                limited.await.unwrap_or(Err(2))
            }
            6 => {
                let limited = timeout(self.delay(), spawn(self.tree(depth)));
                limited.await.map_or(Err(2), |outcome| self.settle(outcome))
            }
            _ => self.settle(spawn(self.tree(depth)).await),
        }
    }

    async fn waits(&self, depth: u32) -> Result<u32, u32> {
        let handles: Vec<_> = (0..=self.roll(3))
            .map(|_| spawn(self.tree(depth)))
            .collect();
        let mut waiting = wait(handles);
        match self.roll(3) {
            0 => waiting = waiting.first_completed(),
            1 => waiting = waiting.first_exception(),
            _ => {}
        }
        if self.roll(2) == 0 {
            waiting = waiting.timeout(self.delay());
        }
        let waited = waiting.await;
        for task in waited.done {
            assert!(task.is_finished());
            let _seen = self.settle(task.await);
        }
        Ok(0)
    }

    /// Cancels some task at some time, a few times.
    fn cancel_now_and_then(&self) {
        for _ in 0..self.roll(4) {
            let world = self.clone();
            let (delay, current) = (self.delay(), current_task());
            let cancel = move || {
                let tasks = all_tasks();
                let victim = &tasks[world.roll(tasks.len() as u64) as usize];
                if *victim != current {
                    victim.cancel();
                }
            };
            drop(call_later(delay, cancel));
        }
    }
}

/// Plays a program; what is wrong with how it ended.
fn goes_wrong(seed: u64) -> Option<(u64, isize, Vec<String>)> {
    let world = World::new(seed + 1);
    let unseen = world.clone();
    let mut event_loop = EventLoop::builder()
        .virtual_time()
        .on_unhandled_panic(move |_, error| {
            if !error.to_string().ends_with(OWN_PANIC) {
                unseen.surprises.borrow_mut().push(error.to_string());
            }
        })
        .build();
    let main = world.clone();
    event_loop.block_on(async move {
        main.cancel_now_and_then();
        let program = spawn(main.tree(4));
        // Whatever hangs by itself is cut off.
        if let Ok(outcome) = timeout(Duration::from_secs(1), program).await {
            let _seen = main.settle(outcome);
        }
    });
    event_loop.shutdown(Duration::ZERO);
    let (alive, surprises) = (world.alive.get(), world.surprises.take());
    (alive != 0 || !surprises.is_empty()).then_some((seed, alive, surprises))
}

#[test]
fn random_programs_end_and_leave_nothing_behind() {
    // The programs' own panics are many: they are not worth printing.
    let play_all = || (0..PROGRAMS).filter_map(goes_wrong).collect();
    let wrong: Vec<_> = with_panic_hook(|_| (), play_all);
    assert!(wrong.is_empty(), "{wrong:?}");
}
