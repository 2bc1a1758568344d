//! How random programs are drawn.

use proptest::prelude::*;

use super::program::{Millis, Op, Program};

fn millis() -> impl Strategy<Value = Millis> {
    0..12u64
}

/// What a case is about. Rare events need many steps of one kind, so most cases keep to one.
#[derive(Clone, Copy, Debug)]
enum Theme {
    Everything,
    Queue,
    Locks,
    Pot,
    Signals,
}

fn theme() -> impl Strategy<Value = Theme> {
    prop_oneof![
        2 => Just(Theme::Everything),
        1 => Just(Theme::Queue),
        1 => Just(Theme::Locks),
        1 => Just(Theme::Pot),
        1 => Just(Theme::Signals),
    ]
}

fn topical(theme: Theme) -> BoxedStrategy<Op> {
    let queue = prop_oneof![Just(Op::Put), Just(Op::Get)];
    let locks = prop_oneof![millis().prop_map(Op::Lock), millis().prop_map(Op::Permit)];
    let pot = prop_oneof![2 => millis().prop_map(Op::Cook), 3 => millis().prop_map(Op::Eat)];
    let signals = prop_oneof![
        3 => Just(Op::WaitForEvent),
        2 => Just(Op::SetEvent),
        1 => Just(Op::ClearEvent),
        3 => Just(Op::Arrive),
        3 => prop::option::weighted(0.8, millis()).prop_map(Op::Receive),
    ];
    match theme {
        Theme::Everything => prop_oneof![queue, locks, pot, signals].boxed(),
        Theme::Queue => queue.boxed(),
        Theme::Locks => locks.boxed(),
        Theme::Pot => pot.boxed(),
        Theme::Signals => signals.boxed(),
    }
}

fn simple(theme: Theme) -> impl Strategy<Value = Op> + Clone {
    prop_oneof![
        5 => millis().prop_map(Op::Sleep),
        2 => Just(Op::Yield),
        24 => topical(theme),
        4 => any::<usize>().prop_map(Op::Cancel),
        1 => Just(Op::Fail),
        1 => Just(Op::Panic),
    ]
}

fn compound(inner: impl Strategy<Value = Program> + Clone + 'static) -> impl Strategy<Value = Op> {
    let one = inner.clone();
    let some = prop::collection::vec(inner, 1..4);
    prop_oneof![
        3 => one.clone().prop_map(Op::Spawn),
        1 => one.clone().prop_map(Op::SpawnEager),
        2 => one.clone().prop_map(Op::Await),
        1 => one.clone().prop_map(Op::Shield),
        4 => (millis(), one).prop_map(|(limit, program)| Op::Timeout(limit, program)),
        2 => some.clone().prop_map(Op::Gather),
        1 => some.clone().prop_map(Op::Settle),
        1 => some.clone().prop_map(Op::TryGather),
        1 => some.clone().prop_map(Op::WaitForFirst),
        1 => some.clone().prop_map(Op::WaitForException),
        1 => (millis(), some.clone()).prop_map(|(limit, programs)| Op::WaitAtMost(limit, programs)),
        1 => (0..4usize, some.clone()).prop_map(|(count, programs)| Op::AsCompleted(count, programs)),
        2 => some.clone().prop_map(Op::Group),
        1 => (millis(), some).prop_map(|(limit, programs)| Op::GroupUntil(limit, programs)),
    ]
}

fn program(theme: Theme) -> impl Strategy<Value = Program> {
    let leaf = prop::collection::vec(simple(theme), 0..5);
    leaf.prop_recursive(4, 64, 4, move |inner| {
        prop::collection::vec(prop_oneof![simple(theme), compound(inner)], 0..5)
    })
}

/// Several programs that run at the same time.
pub(crate) fn programs() -> impl Strategy<Value = Vec<Program>> {
    theme().prop_flat_map(|theme| prop::collection::vec(program(theme), 1..10))
}
