//! Compares the wheel with a simple model: a sorted map.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{Key, Wheel};

const TICK: u64 = 1 << 10;
const HOUR: u64 = 3_600_000_000_000;
const LAST: u64 = u64::MAX - 1;

/// Applies every operation to the wheel and to the model, and compares the results.
struct Pair {
    wheel: Wheel<u64>,
    /// Deadline and arming number to the timer's name.
    model: BTreeMap<(u64, u64), u64>,
    /// By name: the key, and where the model has it.
    timers: Vec<(Key, (u64, u64))>,
    armed: u64,
    now: u64,
}

impl Pair {
    fn new(now: u64) -> Self {
        let wheel = Wheel::new();
        Self {
            wheel,
            model: BTreeMap::new(),
            timers: Vec::new(),
            armed: 0,
            now,
        }
    }

    fn next_place(&mut self, deadline: u64) -> (u64, u64) {
        self.armed += 1;
        (deadline, self.armed)
    }

    fn arm(&mut self, deadline: u64) {
        let name = self.timers.len() as u64;
        let place = self.next_place(deadline);
        self.model.insert(place, name);
        self.timers.push((self.wheel.arm(deadline, name), place));
    }

    /// Picks any timer that was ever armed, including stale ones.
    fn pick(&self, which: prop::sample::Index) -> Option<(usize, Key, (u64, u64))> {
        let name = (!self.timers.is_empty()).then(|| which.index(self.timers.len()))?;
        let (key, place) = self.timers[name];
        Some((name, key, place))
    }

    fn cancel(&mut self, which: prop::sample::Index) {
        let Some((_, key, place)) = self.pick(which) else {
            return;
        };
        let expected = self.model.remove(&place);
        assert_eq!(self.wheel.deadline(key), expected.map(|_| place.0));
        assert_eq!(self.wheel.value_mut(key).copied(), expected);
        assert_eq!(self.wheel.cancel(key), expected);
        assert_eq!(self.wheel.cancel(key), None);
    }

    fn cancel_earliest(&mut self) {
        let Some((_, name)) = self.model.pop_first() else {
            return;
        };
        let (key, _) = self.timers[name as usize];
        assert_eq!(self.wheel.cancel(key), Some(name));
    }

    fn rearm(&mut self, which: prop::sample::Index, deadline: u64) {
        let Some((name, key, place)) = self.pick(which) else {
            return;
        };
        let known = self.model.remove(&place);
        assert_eq!(self.wheel.rearm(key, deadline), known.is_some());
        if let Some(value) = known {
            let place = self.next_place(deadline);
            self.model.insert(place, value);
            self.timers[name].1 = place;
        }
    }

    /// Compares one `pop_due`; returns whether a timer was due.
    fn pop(&mut self, now: u64) -> bool {
        let due = self
            .model
            .first_entry()
            .filter(|first| first.key().0 <= now);
        let expected = due.map(|first| first.remove());
        assert_eq!(self.wheel.pop_due(now), expected);
        expected.is_some()
    }

    fn advance(&mut self, by: u64) {
        self.now = self.now.saturating_add(by);
        while self.pop(self.now) {}
    }

    fn look(&mut self) {
        let expected = self.model.first_key_value().map(|(place, _)| place.0);
        assert_eq!(self.wheel.next_deadline(), expected);
        assert_eq!(self.wheel.len(), self.model.len());
        assert_eq!(self.wheel.is_empty(), self.model.is_empty());
        let seen: BTreeSet<_> = self.wheel.iter().map(|(at, name)| (at, *name)).collect();
        let known = self.model.iter().map(|(place, name)| (place.0, *name));
        assert_eq!(seen, known.collect());
    }

    /// The deadline that a generated value stands for at the current time.
    fn resolve(&self, when: &When) -> u64 {
        let deadline = match *when {
            When::Ahead(by) => self.now.saturating_add(by),
            When::Past(by) => self.now.saturating_sub(by),
            When::Rounded(by, bits) => self.now.saturating_add(by) >> bits << bits,
            When::At(moment) => moment,
            When::Like(which) => self.pick(which).map_or(self.now, |(_, _, place)| place.0),
        };
        deadline.min(LAST)
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Arm(when) => self.arm(self.resolve(when)),
            Step::Burst(whens) => whens.iter().for_each(|when| self.arm(self.resolve(when))),
            Step::Cancel(which) => self.cancel(*which),
            Step::CancelEarliest => self.cancel_earliest(),
            Step::Rearm(which, when) => self.rearm(*which, self.resolve(when)),
            Step::Advance(by) => self.advance(*by),
            Step::ToNext => self.advance_to_next(),
            Step::PopOne => drop(self.pop(self.now)),
            Step::PopBefore(by) => drop(self.pop(self.now.saturating_sub(*by))),
            Step::Look => self.look(),
        }
        self.wheel.check();
    }

    fn advance_to_next(&mut self) {
        let next = self
            .model
            .first_key_value()
            .map_or(self.now, |(place, _)| place.0);
        self.advance(next.saturating_sub(self.now));
    }
}

#[derive(Clone, Debug)]
enum When {
    Ahead(u64),
    Past(u64),
    /// Rounded down to a multiple of 2^bits: gives many equal deadlines, on the borders of slots.
    Rounded(u64, u32),
    At(u64),
    /// The deadline of some other timer.
    Like(prop::sample::Index),
}

#[derive(Clone, Debug)]
enum Step {
    Arm(When),
    Burst(Vec<When>),
    Cancel(prop::sample::Index),
    CancelEarliest,
    Rearm(prop::sample::Index, When),
    Advance(u64),
    ToNext,
    PopOne,
    /// A loop's time never runs backwards, but the wheel must stay correct if it does.
    PopBefore(u64),
    Look,
}

/// Durations of all orders of magnitude, with equal weight.
fn span() -> impl Strategy<Value = u64> {
    (0..64u32, any::<u64>()).prop_map(|(bits, noise)| noise >> bits)
}

fn short_span() -> impl Strategy<Value = u64> {
    prop_oneof![0..4 * TICK, 0..300 * TICK, 0..20_000 * TICK]
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        4 => short_span().prop_map(When::Ahead),
        2 => span().prop_map(When::Ahead),
        2 => (0..3 * HOUR).prop_map(When::Ahead),
        2 => short_span().prop_map(When::Past),
        1 => span().prop_map(When::Past),
        3 => (span(), 0..50u32).prop_map(|(by, bits)| When::Rounded(by, bits)),
        3 => any::<prop::sample::Index>().prop_map(When::Like),
        1 => prop_oneof![Just(0), Just(LAST), Just(LAST - 1)].prop_map(When::At),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let which = any::<prop::sample::Index>;
    prop_oneof![
        8 => when().prop_map(Step::Arm),
        1 => prop::collection::vec(when(), 0..60).prop_map(Step::Burst),
        3 => which().prop_map(Step::Cancel),
        3 => Just(Step::CancelEarliest),
        4 => (which(), when()).prop_map(|(which, when)| Step::Rearm(which, when)),
        2 => short_span().prop_map(Step::Advance),
        1 => prop_oneof![Just(0), Just(1), Just(TICK - 1), Just(TICK), Just(HOUR)].prop_map(Step::Advance),
        1 => span().prop_map(|by| Step::Advance(by >> 12)),
        2 => Just(Step::ToNext),
        2 => Just(Step::PopOne),
        1 => short_span().prop_map(Step::PopBefore),
        3 => Just(Step::Look),
    ]
}

/// The start time: near zero, anywhere, or shortly before the digits of all levels roll over.
fn start() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        span(),
        (16..64u32, 1..100 * TICK).prop_map(|(bits, before)| (1 << bits) - before.min(1 << bits)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn behaves_like_a_sorted_map(start in start(), steps in prop::collection::vec(step(), 1..120)) {
        let mut pair = Pair::new(start);
        for step in &steps {
            pair.apply(step);
        }
        pair.look();
        pair.advance(u64::MAX);
        pair.look();
        prop_assert!(pair.wheel.is_empty());
    }

    #[test]
    fn the_next_deadline_is_exact_after_every_step(
        start in start(),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut pair = Pair::new(start);
        for step in &steps {
            pair.apply(step);
            pair.look();
        }
    }
}

fn drain(wheel: &mut Wheel<u64>, now: u64) -> Vec<u64> {
    std::iter::from_fn(|| wheel.pop_due(now)).collect()
}

#[test]
fn a_new_wheel_has_nothing_and_allocates_nothing() {
    let mut wheel = Wheel::<u64>::new();
    assert_eq!((wheel.len(), wheel.capacity()), (0, 0));
    assert_eq!(
        (wheel.next_deadline(), wheel.pop_due(u64::MAX)),
        (None, None)
    );
}

#[test]
fn within_a_tick_the_exact_deadline_decides_and_nothing_fires_early() {
    let mut wheel = Wheel::new();
    let base = 77 * TICK;
    for (value, offset) in [900, 5, 900, 0, 500, 5].into_iter().enumerate() {
        wheel.arm(base + offset, value as u64);
    }
    assert_eq!(drain(&mut wheel, base - 1), [0_u64; 0]);
    assert_eq!(drain(&mut wheel, base + 4), [3]);
    assert_eq!(drain(&mut wheel, base + 899), [1, 5, 4]);
    assert_eq!(wheel.next_deadline(), Some(base + 900));
    assert_eq!(drain(&mut wheel, base + 900), [0, 2]);
}

#[test]
fn ties_keep_their_order_when_some_of_them_came_down_from_higher_levels() {
    let mut wheel = Wheel::new();
    let deadline = 5 * HOUR;
    for value in 0..100 {
        // Each tie is armed nearer to the deadline, and so on a lower level; the other timers make slots cascade.
        let now = deadline - (deadline >> (value / 3));
        drain(&mut wheel, now);
        wheel.arm(deadline, value);
        wheel.arm(deadline + 1, 1000 + value);
        wheel.arm(now + 3, 2000);
        wheel.arm(now + 2, 2000);
    }
    drain(&mut wheel, deadline - 1);
    assert_eq!(drain(&mut wheel, deadline), (0..100).collect::<Vec<_>>());
}

#[test]
fn past_deadlines_come_first_and_in_their_own_order() {
    let mut wheel = Wheel::new();
    let now = 3 * HOUR;
    assert_eq!(wheel.pop_due(now), None);
    for (value, deadline) in [now, now - 1, 0, now - HOUR, 0, now + 1, now]
        .into_iter()
        .enumerate()
    {
        wheel.arm(deadline, value as u64);
    }
    assert_eq!(drain(&mut wheel, now), [2, 4, 3, 1, 0, 6]);
    assert_eq!(drain(&mut wheel, now + 1), [5]);
}

#[test]
fn arming_again_goes_behind_those_with_the_same_deadline() {
    let mut wheel = Wheel::new();
    let keys = [0, 1, 2].map(|value| wheel.arm(50 * TICK, value));
    assert!(wheel.rearm(keys[0], 50 * TICK));
    assert_eq!(drain(&mut wheel, 50 * TICK), [1, 2, 0]);
    assert!(!wheel.rearm(keys[0], 60 * TICK));
    assert!(wheel.is_empty());
}

#[test]
fn the_last_moment_that_can_be_armed_fires_only_then() {
    let mut wheel = Wheel::new();
    wheel.arm(LAST, 1);
    wheel.arm(LAST - 1, 0);
    assert_eq!(drain(&mut wheel, LAST - 2), [0_u64; 0]);
    assert_eq!(wheel.next_deadline(), Some(LAST - 1));
    assert_eq!(drain(&mut wheel, LAST - 1), [0]);
    assert_eq!(drain(&mut wheel, u64::MAX), [1]);
    wheel.arm(7, 2);
    assert_eq!(drain(&mut wheel, u64::MAX), [2]);
}

#[test]
fn a_jump_over_centuries_costs_no_more_than_the_timers_it_meets() {
    let mut wheel = Wheel::new();
    for value in 0..1000 {
        let start = value * 5000 * HOUR;
        assert_eq!(drain(&mut wheel, start), [0_u64; 0]);
        wheel.arm(start + HOUR, value);
        assert_eq!(drain(&mut wheel, start + HOUR), [value]);
    }
}

#[test]
fn a_burst_gives_its_memory_back() {
    let mut wheel = Wheel::new();
    for value in 0..1_000_000 {
        wheel.arm(value * 300, value);
    }
    assert!(wheel.capacity() >= 1_000_000);
    assert_eq!(drain(&mut wheel, LAST).len(), 1_000_000);
    assert!(wheel.capacity() < 10_000);
}

#[test]
fn cancelling_the_earliest_again_and_again_searches_once_and_then_sorts() {
    let mut wheel = Wheel::new();
    let deadline = |n: u64| HOUR + (n * 7919) % 100_000;
    let mut keys: Vec<_> = (0..100_000)
        .map(|n| (deadline(n), wheel.arm(deadline(n), n)))
        .collect();
    keys.sort_unstable_by_key(|(deadline, _)| *deadline);
    assert!(!wheel.is_in_order());
    for (cancelled, (deadline, key)) in keys.into_iter().enumerate() {
        assert_eq!(wheel.next_deadline(), Some(deadline));
        // The first answer is known from arming; the second one takes a search.
        assert_eq!(wheel.is_in_order(), cancelled >= 2);
        wheel.cancel(key);
    }
}

#[test]
fn timers_that_are_armed_in_order_stay_where_they_are() {
    let mut wheel = Wheel::new();
    for value in 0..1000 {
        wheel.arm(HOUR + value / 10, value);
    }
    for value in 0..1000 {
        assert!(wheel.is_in_order());
        assert_eq!(wheel.pop_due(HOUR + 50), (value < 510).then_some(value));
    }
}

#[test]
fn a_value_can_be_changed_while_its_timer_is_armed() {
    let mut wheel = Wheel::new();
    let key = wheel.arm(9, 1);
    *wheel.value_mut(key).unwrap() = 2;
    assert_eq!(wheel.pop_due(9), Some(2));
    assert_eq!(wheel.value_mut(key), None);
}
