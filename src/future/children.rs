//! The tasks of a gather: the shapes of its arguments, and how its tasks end.

use std::panic;
use std::rc::Rc;
use std::task::Context;

use super::wait_many::{Progress, WaitMany};
use crate::event_loop::context;
use crate::event_loop::core::Core;
use crate::task::{Filter, JoinError, JoinHandle, Outcome, Task};

/// Handles in one of the shapes that `gather` takes, and the same shape of its results.
pub trait Children {
    /// The outputs.
    type Output;
    /// The outputs, or the errors of tasks without one.
    type Settled;

    #[doc(hidden)]
    fn len(&self) -> usize;
    #[doc(hidden)]
    fn task(&self, index: usize) -> &Task;
    /// Takes all outputs; every task must have ended with one.
    #[doc(hidden)]
    fn collect(&mut self) -> Self::Output;
    /// Takes all outcomes; every task must have ended.
    #[doc(hidden)]
    fn settle(&mut self) -> Self::Settled;
}

/// The outcome of a task that has ended, from a handle that was not used before.
pub(super) fn settled<T>(handle: &mut JoinHandle<T>) -> Result<T, JoinError> {
    handle
        .try_join()
        .expect("the task has ended, and its handle was not used before")
}

/// The output of a task that has ended with one.
pub(super) fn value<T>(handle: &mut JoinHandle<T>) -> T {
    settled(handle).expect("the task has ended with a value")
}

impl<T> Children for Vec<JoinHandle<T>> {
    type Output = Vec<T>;
    type Settled = Vec<Result<T, JoinError>>;

    fn len(&self) -> usize {
        self.len()
    }

    fn task(&self, index: usize) -> &Task {
        self[index].as_task()
    }

    fn collect(&mut self) -> Vec<T> {
        self.iter_mut().map(value).collect()
    }

    fn settle(&mut self) -> Self::Settled {
        self.iter_mut().map(settled).collect()
    }
}

impl<T, const N: usize> Children for [JoinHandle<T>; N] {
    type Output = [T; N];
    type Settled = [Result<T, JoinError>; N];

    fn len(&self) -> usize {
        N
    }

    fn task(&self, index: usize) -> &Task {
        self[index].as_task()
    }

    fn collect(&mut self) -> [T; N] {
        self.each_mut().map(value)
    }

    fn settle(&mut self) -> Self::Settled {
        self.each_mut().map(settled)
    }
}

macro_rules! children_of_tuples {
    ($(($($T:ident $index:tt),+) $len:literal;)+) => {$(
        impl<$($T),+> Children for ($(JoinHandle<$T>,)+) {
            type Output = ($($T,)+);
            type Settled = ($(Result<$T, JoinError>,)+);

            fn len(&self) -> usize {
                $len
            }

            fn task(&self, index: usize) -> &Task {
                match index {
                    $($index => self.$index.as_task(),)+
                    _ => unreachable!("a tuple of {} has no task {index}", $len),
                }
            }

            fn collect(&mut self) -> Self::Output {
                ($(value(&mut self.$index),)+)
            }

            fn settle(&mut self) -> Self::Settled {
                ($(settled(&mut self.$index),)+)
            }
        }
    )+};
}

/// Calls a macro with the tuples of one to twelve types.
macro_rules! for_tuples {
    ($macro:ident) => {
        $macro! {
            (A 0) 1;
            (A 0, B 1) 2;
            (A 0, B 1, C 2) 3;
            (A 0, B 1, C 2, D 3) 4;
            (A 0, B 1, C 2, D 3, F 4) 5;
            (A 0, B 1, C 2, D 3, F 4, G 5) 6;
            (A 0, B 1, C 2, D 3, F 4, G 5, H 6) 7;
            (A 0, B 1, C 2, D 3, F 4, G 5, H 6, I 7) 8;
            (A 0, B 1, C 2, D 3, F 4, G 5, H 6, I 7, J 8) 9;
            (A 0, B 1, C 2, D 3, F 4, G 5, H 6, I 7, J 8, K 9) 10;
            (A 0, B 1, C 2, D 3, F 4, G 5, H 6, I 7, J 8, K 9, L 10) 11;
            (A 0, B 1, C 2, D 3, F 4, G 5, H 6, I 7, J 8, K 9, L 10, M 11) 12;
        }
    };
}
pub(super) use for_tuples;

for_tuples!(children_of_tuples);

/// The tasks of one gather. Dropping it unfinished drops their futures.
pub(super) struct Group<C: Children> {
    /// The loop of the children.
    core: Rc<Core>,
    children: C,
    wait_many: WaitMany,
    /// The group has returned its result: dropping it does not end the tasks.
    done: bool,
}

impl<C: Children> Group<C> {
    pub(super) fn new(core: Rc<Core>, children: C) -> Self {
        Self {
            core,
            children,
            wait_many: WaitMany::default(),
            done: false,
        }
    }

    /// Looks at the children. If the wait is not over, the caller is woken by the next end that matters.
    pub(super) fn poll(&mut self, filter: Filter, cx: &Context<'_>) -> Progress {
        assert!(!self.done, "a gather was polled after it had finished");
        self.wait_many.poll(&self.children, filter, cx)
    }

    /// The same children, to be waited for with another filter.
    pub(super) fn restarted(mut self) -> Self {
        self.wait_many = WaitMany::default();
        self
    }

    /// Marks the group as done; the caller takes the results.
    pub(super) fn finish(&mut self) -> &mut C {
        self.done = true;
        &mut self.children
    }

    /// Handles a child that has ended without an output: resumes its panic in the awaiter, or cancels the awaiter as
    /// the child was cancelled.
    pub(super) fn propagate(&mut self, task: &Task) {
        if task.outcome() == Some(Outcome::Cancelled) {
            context::try_with(|core| core.tasks.current_task().map(|awaiter| awaiter.cancel()));
            return;
        }
        let panic = task
            .take_panic()
            .expect("the task has panicked, and its payload was not taken before");
        self.done = true;
        panic::resume_unwind(panic.into_panic());
    }

    pub(super) fn position(&self, task: &Task) -> usize {
        (0..self.children.len())
            .find(|&index| self.children.task(index) == task)
            .expect("the task is one of the children")
    }
}

impl<C: Children> Drop for Group<C> {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        // This may be dropped outside of the loop, or inside another one.
        context::as_current(&self.core, || {
            // The ends must not wake the task that drops this.
            self.wait_many.close();
            for index in 0..self.children.len() {
                self.children.task(index).end();
            }
        });
    }
}
