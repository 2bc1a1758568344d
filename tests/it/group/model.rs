//! Random programs of groups in groups: nothing outlives its group, and every failure is reported once.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;

use looplet::{
    EventLoop, GroupError, TaskGroup, all_tasks, current_task, task_group, timeout, yield_now,
};
use proptest::prelude::*;

use crate::support::trace::{OnDrop, nap, secs, virtual_loop_with};

#[derive(Clone, Debug)]
enum Step {
    Yield,
    Sleep(u8),
    Spawn(Vec<Step>),
    SpawnAndJoin(Vec<Step>),
    /// A group of its own, whose error is this child's or body's.
    Group(Vec<Step>),
    /// The same with little time: it may be dropped halfway.
    Hurried(u8, Vec<Step>),
    Cancel,
    CancelSelf,
    Fail,
    Panic,
    FatalDrop,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let leaf = prop_oneof![
        6 => Just(Step::Yield),
        6 => (0..4_u8).prop_map(Step::Sleep),
        1 => Just(Step::Cancel),
        1 => Just(Step::CancelSelf),
        2 => Just(Step::Fail),
        1 => Just(Step::Panic),
        1 => Just(Step::FatalDrop),
    ];
    let step = leaf.prop_recursive(4, 48, 6, |inner| {
        let steps = || prop::collection::vec(inner.clone(), 0..6);
        prop_oneof![
            4 => steps().prop_map(Step::Spawn),
            1 => steps().prop_map(Step::SpawnAndJoin),
            1 => steps().prop_map(Step::Group),
            1 => (0..5_u8, steps()).prop_map(|(time, steps)| Step::Hurried(time, steps)),
        ]
    });
    prop::collection::vec(step, 0..8)
}

/// What a group should have come to.
#[derive(Default)]
struct Book {
    alive: Cell<usize>,
    failures: Cell<usize>,
}

fn add(count: &Cell<usize>, change: isize) {
    count.set(count.get().checked_add_signed(change).unwrap());
}

type Boxed<T> = Pin<Box<dyn Future<Output = T>>>;

/// A child, or the body of a group.
fn follow(
    steps: Vec<Step>,
    group: TaskGroup<()>,
    book: Rc<Book>,
    is_body: bool,
) -> Boxed<Result<(), ()>> {
    add(&book.alive, 1);
    let counted = book.clone();
    let alive = OnDrop(move || add(&counted.alive, -1));
    Box::pin(async move {
        let _alive = alive;
        for step in steps {
            let child = |steps| follow(steps, group.clone(), book.clone(), false);
            match step {
                Step::Yield => yield_now().await,
                Step::Sleep(seconds) => nap(seconds.into()).await,
                Step::Spawn(steps) => group.spawn(child(steps)).detach(),
                Step::SpawnAndJoin(steps) => drop(group.spawn(child(steps)).await),
                Step::Group(steps) => run(steps).await.map_err(|_| note_failure(&book, is_body))?,
                Step::Hurried(time, steps) => {
                    let _ = timeout(secs(time.into()), run(steps)).await;
                }
                Step::Cancel => group.cancel(),
                Step::CancelSelf => drop(current_task().cancel()),
                Step::Fail => {
                    return {
                        note_failure(&book, is_body);
                        Err(())
                    };
                }
                Step::Panic => {
                    add(&book.failures, 1);
                    std::panic::resume_unwind(Box::new("a panic"))
                }
                Step::FatalDrop => {
                    let book = book.clone();
                    // Keeps the panic within the child: in a body it would be the awaiter's.
                    group
                        .spawn::<(), _>(async move {
                            let _guard = OnDrop(move || {
                                add(&book.failures, 1);
                                std::panic::resume_unwind(Box::new("a fatal drop"))
                            });
                            nap(2.0).await;
                            Ok(())
                        })
                        .detach();
                }
            }
        }
        Ok(())
    })
}

/// Counts an `Err` that is about to be returned, unless it is a child's that counts as cancelled whatever it returns.
fn note_failure(book: &Book, is_body: bool) {
    if is_body || !format!("{:?}", current_task()).starts_with("<Task cancelling") {
        add(&book.failures, 1);
    }
}

/// Runs a group; when it is gone, so are its children.
fn run(steps: Vec<Step>) -> Boxed<Result<(), GroupError<()>>> {
    let book = Rc::new(Book::default());
    let (last, result) = (book.clone(), book.clone());
    let checked = OnDrop(move || assert_eq!(last.alive.get(), 0, "something outlived its group"));
    let body = async move |group: &TaskGroup<()>| {
        let mut steps = steps;
        // They would be the awaiter's, not the group's.
        steps.retain(|step| !matches!(step, Step::Panic | Step::CancelSelf));
        follow(steps, group.clone(), book, true).await
    };
    Box::pin(async move {
        let _checked = checked;
        let outcome = task_group(body).await;
        let failures = outcome.as_ref().err().map(GroupError::failures);
        assert_ne!(failures.map(<[_]>::len), Some(0), "an error of nothing");
        assert_eq!(failures.map_or(0, <[_]>::len), result.failures.get());
        outcome
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn nothing_outlives_a_group_and_no_failure_is_lost(steps in steps()) {
        let reports = Rc::new(Cell::new(0));
        let count = reports.clone();
        let builder = EventLoop::builder().on_unhandled_panic(move |_, _| add(&count, 1));
        let mut event_loop = virtual_loop_with(builder);
        event_loop.block_on(async {
            let _ = run(steps).await;
            assert_eq!(all_tasks().len(), 1, "a task was left behind");
        });
        prop_assert_eq!(event_loop.metrics().live_tasks, 0);
        prop_assert_eq!(reports.get(), 0, "a panic that the group holds was reported");
    }
}
