//! The floor: a loop that polls everything it has, round after round, ready or not.
//!
//! It has no wakers, no timers and no order worth the name. What it costs is what polling itself costs.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::runtime::Runtime;

type BoxedTask = Pin<Box<dyn Future<Output = ()>>>;

/// What was spawned since the loop last looked.
#[derive(Clone)]
pub struct BarePollLoop(Rc<RefCell<Vec<BoxedTask>>>);

/// Where a task leaves its output for whoever joins it.
struct Joined<T>(Rc<Cell<Option<T>>>);

impl<T> Future for Joined<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        self.0.take().map_or(Poll::Pending, Poll::Ready)
    }
}

/// Polls every task once and drops those that end; whether one did.
fn poll_all(tasks: &mut Vec<BoxedTask>, cx: &mut Context<'_>) -> bool {
    let before = tasks.len();
    let mut i = 0;
    while let Some(task) = tasks.get_mut(i) {
        if task.as_mut().poll(cx).is_ready() {
            drop(tasks.swap_remove(i));
        } else {
            i += 1;
        }
    }
    tasks.len() < before
}

impl Runtime for BarePollLoop {
    fn run<F>(main: impl FnOnce(Self) -> F) -> F::Output
    where
        F: Future + 'static,
    {
        let spawned = Self(Rc::default());
        let mut main = pin!(main(spawned.clone()));
        let mut tasks: Vec<BoxedTask> = Vec::new();
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(output) = main.as_mut().poll(&mut cx) {
                return output;
            }
            tasks.append(&mut spawned.0.borrow_mut());
            // Main only waits for tasks: it has nothing to do until one of them ends.
            while !poll_all(&mut tasks, &mut cx)
                && spawned.0.borrow().is_empty()
                && !tasks.is_empty()
            {}
        }
    }

    fn spawn<F>(&self, future: F) -> impl Future<Output = F::Output> + use<F>
    where
        F: Future + 'static,
    {
        let output = Rc::new(Cell::new(None));
        let place = output.clone();
        self.spawn_detached(async move { place.set(Some(future.await)) });
        Joined(output)
    }

    fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output = ()> + 'static,
    {
        self.0.borrow_mut().push(Box::pin(future));
    }

    #[expect(
        unreachable_code,
        reason = "only names the type of a future that is never made"
    )]
    fn sleep(&self, _: Duration) -> impl Future<Output = ()> + use<> {
        panic!("the bare poll loop has no timers");
        std::future::ready(())
    }
}
