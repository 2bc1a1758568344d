//! Random programs, carried out by looplet and by two others that know nothing of it: a naive interpreter of the rules,
//! and CPython's asyncio. All write down what happens, and the lines must be the same.
//!
//! `PROPTEST_CASES` says how many programs there are.

mod differences;
mod on_looplet;
mod on_python;
mod program;
mod rules;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use differences::Difference;
use on_looplet::Drive;
use on_python::Part;
use program::{Body, Dialect, programs};
use rules::Outcome;

/// How many programs one Python process carries out.
const BATCH: usize = 200;
/// How many simpler programs are tried when one has failed.
const SIMPLER: usize = 500;

/// Both traces side by side; a mark stands where they differ.
fn side_by_side(left: &[String], right: &[String]) -> String {
    let line = |lines: &[String], at: usize| lines.get(at).cloned().unwrap_or_default();
    let rows = (0..left.len().max(right.len())).map(|at| {
        let (left, right) = (line(left, at), line(right, at));
        let mark = if left == right { ' ' } else { '!' };
        format!("{mark} {left:<36}| {right}\n")
    });
    rows.collect()
}

fn compare_with_rules(program: &Body, drive: Drive) {
    let expected = rules::play(program).trace;
    let seen = on_looplet::play(program, drive);
    assert!(
        expected == seen,
        "{drive:?}\n  the rules                           | looplet\n{}",
        side_by_side(&expected, &seen)
    );
}

/// How many programs there are by default.
const PROGRAMS: u32 = 1500;

fn config() -> ProptestConfig {
    let mut config = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = PROGRAMS;
    }
    config
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_random_program_does_what_the_rules_say(program in programs(Dialect::Everything)) {
        compare_with_rules(&program, Drive::Virtual);
        compare_with_rules(&program, Drive::ByHand);
    }
}

/// The lines that asyncio must have too: those before the cleanup, which goes in no order there, and before the first
/// situation in which it is known to differ.
fn must_agree(outcome: &Outcome) -> usize {
    outcome
        .difference
        .map_or(outcome.before_cleanup, |(_, lines)| lines)
}

/// What is wrong with asyncio's trace of a program.
fn compare_with_python(program: &Body, python: &[String]) -> Result<(), String> {
    let outcome = rules::play(program);
    let looplet = on_looplet::play(program, Drive::Virtual);
    if looplet != outcome.trace {
        return Err(side_by_side(&outcome.trace, &looplet));
    }
    let looplet = &looplet[..outcome.before_cleanup];
    let lines = must_agree(&outcome);
    let same_length = outcome.difference.is_some() || python.len() == lines;
    if same_length && python.get(..lines) == Some(&looplet[..lines]) {
        return Ok(());
    }
    Err(format!(
        "{lines} lines must agree; {:?}\n  looplet                             | asyncio\n{}",
        outcome.difference,
        side_by_side(looplet, python)
    ))
}

fn part(program: &Body) -> Part<'_> {
    Part {
        main: program,
        naps: rules::play(program).crowded_sleep,
    }
}

fn play_alone(program: &Body) -> Result<(), String> {
    let traces = on_python::play(&[part(program)]);
    compare_with_python(program, &traces[0])
}

/// The simplest program that goes wrong, and how.
fn simplest(mut tree: impl ValueTree<Value = Body>, mut fault: String) -> String {
    let mut simplest = tree.current();
    let mut goes_on = tree.simplify();
    for _ in 0..SIMPLER {
        if !goes_on {
            break;
        }
        let program = tree.current();
        goes_on = match play_alone(&program) {
            Ok(()) => tree.complicate(),
            Err(found) => {
                (simplest, fault) = (program, found);
                tree.simplify()
            }
        };
    }
    format!("{fault}\n{}", on_python::source(&part(&simplest)))
}

/// How many programs met a known difference, or none, and how many of them did go on in another way.
#[derive(Debug, Default)]
struct Tally(BTreeMap<Option<Difference>, (usize, usize)>);

impl Tally {
    fn add(&mut self, program: &Body, python: &[String]) {
        let outcome = rules::play(program);
        let difference = outcome.difference.map(|(difference, _)| difference);
        let (met, differ) = self.0.entry(difference).or_default();
        *met += 1;
        *differ += usize::from(outcome.trace[..outcome.before_cleanup] != *python);
    }
}

#[test]
fn asyncio_keeps_the_same_order_where_the_map_says_so() {
    if let Some(reason) = on_python::is_missing() {
        eprintln!("not compared with asyncio: {reason}");
        return;
    }
    let mut runner = TestRunner::new(ProptestConfig::default());
    let strategy = programs(Dialect::Asyncio);
    let mut left = runner.config().cases as usize;
    let mut tally = Tally::default();
    while left > 0 {
        let count = left.min(BATCH);
        left -= count;
        let tree = || strategy.new_tree(&mut runner).expect("nothing is rejected");
        let trees: Vec<_> = std::iter::repeat_with(tree).take(count).collect();
        let programs: Vec<_> = trees.iter().map(ValueTree::current).collect();
        let parts: Vec<_> = programs.iter().map(part).collect();
        let traces = on_python::play(&parts);
        for ((tree, program), trace) in trees.into_iter().zip(&programs).zip(&traces) {
            if let Err(fault) = compare_with_python(program, trace) {
                panic!("{}", simplest(tree, fault));
            }
            tally.add(program, trace);
        }
    }
    println!("{tally:?}");
}

#[test]
fn every_known_difference_stands_on_the_map() {
    let map = include_str!("../../../../docs/asyncio-map.md");
    for difference in Difference::ALL {
        let row = format!("\n| {} |", difference.situation());
        assert!(map.contains(&row), "no row: {}", difference.situation());
    }
}
