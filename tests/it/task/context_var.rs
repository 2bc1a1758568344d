//! Context variables: who sees which value, and what setting one must not do.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use looplet::{
    ContextVar, EventLoop, Token, call_later, call_soon, gather, spawn, task_group, yield_now,
};
use proptest::prelude::*;

use crate::support::trace::{OnDrop, log, nap, note, play, secs, virtual_loop, virtual_loop_with};
use crate::support::{panic_text, panics};

static NUMBER: ContextVar<u32> = ContextVar::new("number");
static OTHER: ContextVar<u32> = ContextVar::new("other");
/// Neither `Send` nor `Sync`.
static SHARED: ContextVar<Rc<Cell<u32>>> = ContextVar::new("shared");

#[test]
fn a_variable_starts_without_a_value() {
    play(async { assert_eq!(NUMBER.get(), None) });
}

#[test]
fn set_and_reset_bring_values_back_in_any_order() {
    play(async {
        let first = NUMBER.set(1);
        let second = NUMBER.set(2);
        assert_eq!(NUMBER.get(), Some(2));
        NUMBER.reset(first);
        assert_eq!(NUMBER.get(), None);
        NUMBER.reset(second);
        assert_eq!(NUMBER.get(), Some(1));
    });
}

#[test]
fn a_task_starts_with_a_copy_and_keeps_its_changes() {
    play(async {
        NUMBER.set(1);
        let child = spawn(async {
            let inherited = NUMBER.get();
            NUMBER.set(10);
            yield_now().await;
            (inherited, NUMBER.get())
        });
        NUMBER.set(2);
        yield_now().await;
        assert_eq!(NUMBER.get(), Some(2));
        assert_eq!(child.await.unwrap(), (Some(1), Some(10)));
        assert_eq!(NUMBER.get(), Some(2));
    });
}

#[test]
fn the_copy_is_taken_at_the_spawn_not_at_the_first_poll() {
    play(async {
        let before = spawn(async { NUMBER.get() });
        NUMBER.set(1);
        let after = spawn(async { NUMBER.get() });
        assert_eq!(before.await.unwrap(), None);
        assert_eq!(after.await.unwrap(), Some(1));
    });
}

#[test]
fn plain_calls_and_callbacks_start_with_a_copy_of_their_registration() {
    play(async {
        let see = |what: &'static str| move || note(format!("{what} {:?}", NUMBER.get()));
        let task = spawn(async {
            NUMBER.set(100);
        });
        NUMBER.set(1);
        call_soon(see("soon"));
        call_later(secs(1.0), see("later"));
        let done = see("done");
        task.on_done(move |_| done());
        NUMBER.set(2);
        nap(2.0).await;
        assert_eq!(NUMBER.get(), Some(2));
    });
    assert_eq!(log(), ["soon Some(1)", "done Some(1)", "later Some(1)"]);
}

#[test]
fn a_plain_call_may_set_values_for_what_it_spawns() {
    play(async {
        call_soon(|| {
            NUMBER.set(5);
            spawn(async { note(NUMBER.get().unwrap()) }).detach();
        });
        yield_now().await;
        yield_now().await;
        assert_eq!(NUMBER.get(), None);
    });
    assert_eq!(log(), ["5"]);
}

#[test]
fn combinators_hand_the_values_down() {
    play(async {
        NUMBER.set(1);
        let (a, b) = gather((async { NUMBER.get() }, async {
            NUMBER.set(7);
            NUMBER.get()
        }))
        .await;
        assert_eq!((a, b, NUMBER.get()), (Some(1), Some(7), Some(1)));
        let child = task_group::<_, (), _>(async |group| {
            NUMBER.set(3);
            Ok(group.spawn(async { Ok(NUMBER.get()) }).await.unwrap())
        });
        assert_eq!(child.await.unwrap(), Some(3));
        // The body is the awaiting task's own code.
        assert_eq!(NUMBER.get(), Some(3));
    });
}

#[test]
fn variables_do_not_meddle_with_each_other() {
    play(async {
        let token = NUMBER.set(1);
        OTHER.set(2);
        SHARED.set(Rc::new(Cell::new(3)));
        NUMBER.reset(token);
        assert_eq!((NUMBER.get(), OTHER.get()), (None, Some(2)));
        SHARED.get().unwrap().set(4);
        assert_eq!(SHARED.get().unwrap().get(), 4);
    });
}

#[test]
fn a_token_of_another_variable_is_refused() {
    play(async {
        let token = OTHER.set(1);
        NUMBER.set(2);
        let text = panic_text(|| NUMBER.reset(token)).unwrap();
        assert!(
            text.contains("'number'") && text.contains("'other'"),
            "{text}"
        );
        assert_eq!((NUMBER.get(), OTHER.get()), (Some(2), Some(1)));
    });
}

#[test]
fn outside_of_any_task_get_is_none_and_set_panics() {
    assert_eq!(NUMBER.get(), None);
    let text = panic_text(|| NUMBER.set(1)).unwrap();
    assert!(text.contains("'number'"), "{text}");
    let mut kept: Option<Token<u32>> = None;
    let mut event_loop = virtual_loop();
    event_loop.block_on(async {
        kept = Some(NUMBER.set(1));
    });
    assert_eq!(NUMBER.get(), None);
    assert!(panics(|| NUMBER.reset(kept.unwrap())));
    let child = event_loop.spawn(async { NUMBER.get() });
    assert_eq!(event_loop.block_on(child).unwrap(), None);
}

#[test]
fn the_next_main_starts_without_values() {
    let mut event_loop = EventLoop::new();
    event_loop.block_on(async { NUMBER.set(1) });
    assert_eq!(event_loop.block_on(async { NUMBER.get() }), None);
}

#[test]
fn a_destructor_sees_the_values_of_its_task() {
    play(async {
        NUMBER.set(1);
        let child = spawn(async {
            NUMBER.set(2);
            let _guard = OnDrop(|| note(format!("{:?}", NUMBER.get())));
            std::future::pending::<()>().await;
        });
        yield_now().await;
        child.cancel();
        assert!(child.await.is_err());
    });
    assert_eq!(log(), ["Some(2)"]);
}

#[derive(Clone)]
struct Loud {
    _clones: Rc<OnDrop<Box<dyn FnMut()>>>,
}

impl Loud {
    fn new(f: impl FnMut() + 'static) -> Self {
        let _clones = Rc::new(OnDrop(Box::new(f) as Box<dyn FnMut()>));
        Self { _clones }
    }
}

static LOUD: ContextVar<Loud> = ContextVar::new("loud");

#[test]
fn a_value_may_use_the_variable_while_it_is_dropped() {
    play(async {
        let nosy = || {
            Loud::new(|| {
                note(LOUD.get().is_some());
                LOUD.set(Loud::new(|| note("innermost")));
            })
        };
        drop(LOUD.set(nosy()));
        // The token holds the first value, and drops it when nothing is borrowed.
        drop(LOUD.set(Loud::new(|| note("second"))));
        let token = LOUD.set(nosy());
        LOUD.reset(token);
    });
    let notes = log();
    assert_eq!(notes[0], "true");
    assert!(notes.contains(&"innermost".to_string()));
}

#[test]
fn values_are_dropped_with_the_last_task_that_sees_them() {
    let mut event_loop = virtual_loop();
    event_loop.block_on(async {
        drop(LOUD.set(Loud::new(|| note("gone"))));
        spawn(nap(1.0)).detach();
        call_later(secs(2.0), || note("last call"));
    });
    event_loop.run_until_stalled();
    assert!(log().is_empty());
    event_loop.block_on(nap(3.0));
    assert_eq!(log(), ["last call", "gone"]);
}

#[test]
fn a_loop_that_goes_takes_the_values_along() {
    let mut event_loop = virtual_loop();
    event_loop.block_on(async {
        drop(LOUD.set(Loud::new(|| note("gone"))));
        spawn(std::future::pending::<()>()).detach();
    });
    assert!(log().is_empty());
    drop(event_loop);
    assert_eq!(log(), ["gone"]);
}

#[test]
fn a_value_that_panics_when_it_is_dropped_is_reported_and_does_no_harm() {
    let reports = EventLoop::builder().on_unhandled_panic(|task, error| {
        assert!(task.is_some_and(looplet::Task::is_finished));
        note(error);
    });
    virtual_loop_with(reports).block_on(async {
        let task = spawn(async {
            drop(LOUD.set(Loud::new(|| panic!("a fatal drop"))));
        });
        task.set_name("setter");
        task.await.unwrap();
        note("goes on");
    });
    assert_eq!(log(), ["task 'setter' panicked: a fatal drop", "goes on"]);
}

#[test]
fn a_clone_that_uses_the_variable_is_no_trap() {
    struct Nosy;
    static NOSY: ContextVar<Nosy> = ContextVar::new("nosy");
    impl Clone for Nosy {
        fn clone(&self) -> Self {
            NOSY.set(Self);
            Self
        }
    }
    play(async {
        NOSY.set(Nosy);
        assert!(NOSY.get().is_some());
    });
}

#[test]
fn a_variable_need_not_be_a_static() {
    play(async {
        let token = {
            let local = ContextVar::new("local");
            let token = local.set(1);
            assert_eq!(local.get(), Some(1));
            token
        };
        let another = ContextVar::<i32>::new("another");
        assert_eq!(another.get(), None);
        assert!(panics(|| another.reset(token)));
        let moved = Box::new(another);
        moved.set(3);
        assert_eq!((*moved).get(), Some(3));
    });
}

#[test]
fn a_foreign_thread_sees_nothing() {
    play(async {
        NUMBER.set(1);
        let on_thread = std::thread::spawn(|| NUMBER.get()).join().unwrap();
        assert_eq!(on_thread, None);
    });
}

#[test]
fn they_tell_their_names() {
    play(async {
        assert!(format!("{NUMBER:?}").contains("number"));
        assert!(format!("{:?}", NUMBER.set(1)).contains("number"));
    });
}

#[derive(Clone, Debug)]
enum Step {
    Set(usize, u32),
    Reset(usize),
    Spawn(Vec<Step>),
    Yield,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let leaf = prop_oneof![
        (0..3_usize, any::<u32>()).prop_map(|(variable, value)| Step::Set(variable, value)),
        (0..3_usize).prop_map(Step::Reset),
        Just(Step::Yield),
    ];
    let step = leaf.prop_recursive(3, 24, 8, |inner| {
        prop::collection::vec(inner, 0..8).prop_map(Step::Spawn)
    });
    prop::collection::vec(step, 0..12)
}

static VARIABLES: [ContextVar<u32>; 3] = [
    ContextVar::new("a"),
    ContextVar::new("b"),
    ContextVar::new("c"),
];

/// Runs the steps and compares what is seen with a plain copy of the values.
fn walk(
    steps: Vec<Step>,
    mut model: [Option<u32>; 3],
    running: Rc<RefCell<usize>>,
) -> std::pin::Pin<Box<dyn Future<Output = ()>>> {
    *running.borrow_mut() += 1;
    Box::pin(async move {
        let mut tokens: [Vec<(Token<u32>, Option<u32>)>; 3] = Default::default();
        for step in steps {
            match step {
                Step::Set(variable, value) => {
                    let token = VARIABLES[variable].set(value);
                    tokens[variable].push((token, model[variable].replace(value)));
                }
                Step::Reset(variable) => {
                    if let Some((token, former)) = tokens[variable].pop() {
                        VARIABLES[variable].reset(token);
                        model[variable] = former;
                    }
                }
                Step::Spawn(steps) => spawn(walk(steps, model, running.clone())).detach(),
                Step::Yield => yield_now().await,
            }
            let seen = [0, 1, 2].map(|variable| VARIABLES[variable].get());
            assert_eq!(seen, model);
        }
        *running.borrow_mut() -= 1;
    })
}

proptest! {
    #[test]
    fn random_programs_see_what_plain_copies_hold(steps in steps()) {
        let running = Rc::default();
        let mut event_loop = virtual_loop();
        event_loop.spawn(walk(steps, [None; 3], Rc::clone(&running))).detach();
        event_loop.run_until_stalled();
        prop_assert_eq!(*running.borrow(), 0);
    }
}
