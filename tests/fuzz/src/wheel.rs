//! The timer wheel against a sorted map.

use std::collections::BTreeMap;

use crate::bytes::Bytes;
use timer::{Key, Wheel};

// The wheel is no part of the public API; it knows nothing else of the library.
#[allow(dead_code, reason = "the loop uses more of it")]
#[path = "../../../src/timer/mod.rs"]
mod timer;

const TICK_BITS: u32 = 10;
const DIGIT_BITS: u32 = 6;
const LEVELS: usize = 9;
const HOUR: u64 = 3_600_000_000_000;
/// The latest moment for which a timer may be armed.
const LAST: u64 = u64::MAX - 1;

/// Plays the input.
///
/// # Panics
///
/// If the wheel and the map disagree.
pub fn play(input: &[u8]) {
    let mut bytes = Bytes::new(input);
    let mut pair = Pair::default();
    pair.now = pair.moment(&mut bytes);
    while !bytes.is_empty() {
        pair.step(&mut bytes);
        assert_eq!(pair.wheel.len(), pair.model.len());
        assert_eq!(pair.wheel.is_empty(), pair.model.is_empty());
    }
    pair.drain();
}

/// Where the map has a timer: deadline, then the number of the arm or re-arm.
type Line = (u64, u64);

/// Every operation is done to the wheel and to the map, and the answers compared.
struct Pair {
    wheel: Wheel<Box<u64>>,
    /// What the timers hold.
    model: BTreeMap<Line, u64>,
    /// All timers there have been, armed or not.
    timers: Vec<(Key, Line)>,
    next: u64,
    now: u64,
}

impl Default for Pair {
    fn default() -> Self {
        Self {
            wheel: Wheel::new(),
            model: BTreeMap::new(),
            timers: Vec::new(),
            next: 0,
            now: 0,
        }
    }
}

impl Pair {
    fn step(&mut self, bytes: &mut Bytes<'_>) {
        match bytes.byte() % 16 {
            0..=3 => self.arm(bytes),
            4 | 5 => self.cancel(bytes),
            6 | 7 => self.rearm(bytes),
            8 => self.look_up(bytes),
            9 => self.change(bytes),
            10 => self.check_next_deadline(),
            11 => self.check_all(),
            12 => drop(self.pop_due()),
            13 => self.jump_to_next(),
            14 => self.burst(bytes),
            _ => self.go_on(bytes),
        }
    }

    fn arm(&mut self, bytes: &mut Bytes<'_>) {
        let deadline = self.moment(bytes);
        self.arm_at(deadline);
    }

    fn arm_at(&mut self, deadline: u64) {
        let line = (deadline.min(LAST), self.next);
        self.next += 1;
        let key = self.wheel.arm(line.0, Box::new(line.1));
        self.model.insert(line, line.1);
        self.timers.push((key, line));
    }

    /// Arms many timers, which may all be due at once.
    fn burst(&mut self, bytes: &mut Bytes<'_>) {
        let first = self.moment(bytes);
        let (count, apart) = (bytes.number(1), bytes.number(1) << bytes.below(32));
        for n in 0..count {
            self.arm_at(first.saturating_add(n * apart));
        }
    }

    fn cancel(&mut self, bytes: &mut Bytes<'_>) {
        if let Some((key, line)) = self.choose(bytes) {
            assert_eq!(
                self.wheel.cancel(key).map(|value| *value),
                self.model.remove(&line)
            );
        }
    }

    fn rearm(&mut self, bytes: &mut Bytes<'_>) {
        let Some(at) = self.choose_at(bytes) else {
            return;
        };
        let (key, line) = self.timers[at];
        let deadline = self.moment(bytes).min(LAST);
        let value = self.model.remove(&line);
        assert_eq!(self.wheel.rearm(key, deadline), value.is_some());
        if let Some(value) = value {
            let line = (deadline, self.next);
            self.next += 1;
            self.model.insert(line, value);
            self.timers[at].1 = line;
        }
    }

    fn look_up(&mut self, bytes: &mut Bytes<'_>) {
        if let Some((key, line)) = self.choose(bytes) {
            let expected = self.model.contains_key(&line).then_some(line.0);
            assert_eq!(self.wheel.deadline(key), expected);
        }
    }

    fn change(&mut self, bytes: &mut Bytes<'_>) {
        let Some((key, line)) = self.choose(bytes) else {
            return;
        };
        let (value, expected) = (self.wheel.value_mut(key), self.model.get_mut(&line));
        assert_eq!(
            value.as_ref().map(|value| ***value),
            expected.as_ref().map(|value| **value)
        );
        if let (Some(value), Some(expected)) = (value, expected) {
            self.next += 1;
            (*value, *expected) = (self.next.into(), self.next);
        }
    }

    fn check_next_deadline(&mut self) {
        let expected = self.model.first_key_value().map(|(line, _)| line.0);
        assert_eq!(self.wheel.next_deadline(), expected);
    }

    fn check_all(&self) {
        let mut found: Vec<_> = self
            .wheel
            .iter()
            .map(|(deadline, value)| (deadline, **value))
            .collect();
        let mut expected: Vec<_> = self
            .model
            .iter()
            .map(|(line, value)| (line.0, *value))
            .collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    /// Takes one timer out, if one is due.
    fn pop_due(&mut self) -> Option<()> {
        let first = self
            .model
            .first_entry()
            .filter(|entry| entry.key().0 <= self.now);
        let expected = first.map(|entry| entry.remove());
        assert_eq!(self.wheel.pop_due(self.now).map(|value| *value), expected);
        expected.map(drop)
    }

    /// What the loop does when nothing is ready.
    fn jump_to_next(&mut self) {
        self.check_next_deadline();
        if let Some(deadline) = self.wheel.next_deadline() {
            self.now = self.now.max(deadline);
            while self.pop_due().is_some() {}
        }
    }

    fn go_on(&mut self, bytes: &mut Bytes<'_>) {
        self.now = self.moment(bytes).max(self.now);
        while self.pop_due().is_some() {}
    }

    /// Lets time run out.
    fn drain(&mut self) {
        self.check_all();
        self.now = u64::MAX;
        while self.pop_due().is_some() {}
        assert!(self.wheel.is_empty() && self.model.is_empty());
        assert_eq!(self.wheel.next_deadline(), None);
        for (key, _) in &self.timers {
            assert_eq!(self.wheel.deadline(*key), None);
        }
    }

    fn choose_at(&self, bytes: &mut Bytes<'_>) -> Option<usize> {
        let from_the_end = bytes.below(256);
        self.timers
            .len()
            .checked_sub(1 + from_the_end % self.timers.len().max(1))
    }

    fn choose(&self, bytes: &mut Bytes<'_>) -> Option<(Key, Line)> {
        self.choose_at(bytes).map(|at| self.timers[at])
    }

    /// Some moment, by preference one where something changes.
    fn moment(&self, bytes: &mut Bytes<'_>) -> u64 {
        let now = self.now;
        match bytes.byte() % 12 {
            0 => now,
            1 => now.saturating_add(1),
            2 => now.saturating_add(1 << TICK_BITS),
            3 => now.saturating_add(bytes.number(1)),
            4 => now.saturating_add(bytes.number(1) << TICK_BITS),
            5 => now.saturating_add(bytes.number(2) << bytes.below(48)),
            6 => now.saturating_add(HOUR * bytes.number(1)),
            7 => self.border(bytes),
            8 => self.choose(bytes).map_or(LAST, |(_, line)| line.0),
            9 => now.saturating_sub(bytes.number(2)),
            10 => bytes.number(8),
            _ => u64::MAX,
        }
    }

    /// Shortly before, at, or after the begin of a slot of some level.
    fn border(&self, bytes: &mut Bytes<'_>) -> u64 {
        let shift = TICK_BITS + DIGIT_BITS * bytes.below(LEVELS) as u32;
        let slot = (self.now >> shift).saturating_add(bytes.number(1) % 70);
        let border = slot.checked_mul(1 << shift).unwrap_or(LAST);
        match bytes.byte() % 8 {
            0..=2 => border,
            3 => border.saturating_sub(1),
            4 => border.saturating_add(1),
            5 => border.saturating_sub(1 << TICK_BITS),
            6 => border.saturating_add(1 << TICK_BITS),
            _ => border.saturating_add(bytes.number(2)),
        }
    }
}
