//! The random programs of `tests/it/random_programs/counted`, made from bytes instead of being drawn.

use crate::bytes::Bytes;
use play::{play_and_drop, play_to_the_end};
use program::{Op, Program};

#[path = "../../it/random_programs/counted/counts.rs"]
mod counts;
#[path = "../../support/hook.rs"]
mod hook;
#[path = "../../it/random_programs/counted/perform.rs"]
mod perform;
#[path = "../../it/random_programs/counted/play.rs"]
mod play;
#[path = "../../it/random_programs/counted/program.rs"]
mod program;
#[path = "../../it/random_programs/counted/world.rs"]
mod world;

/// How deep programs lie in one another.
const DEPTH: usize = 5;

/// Plays the input.
///
/// # Panics
///
/// If anything is lost, doubled, forgotten, overtaken, or left over.
pub fn play(input: &[u8]) {
    let mut bytes = Bytes::new(input);
    let how = bytes.byte();
    let seed = (how & 1 != 0).then(|| bytes.number(1));
    let until = (how & 2 != 0).then(|| millis(&mut bytes));
    let mut programs = Vec::new();
    while !bytes.is_empty() {
        programs.push(program(&mut bytes, DEPTH));
    }
    match until {
        Some(millis) => play_and_drop(programs, seed, millis),
        None => play_to_the_end(programs, seed),
    }
}

fn millis(bytes: &mut Bytes<'_>) -> u64 {
    (bytes.below(40)) as u64
}

/// Ends at the byte that says so, or with the input.
fn program(bytes: &mut Bytes<'_>, depth: usize) -> Program {
    let mut program = Vec::new();
    while let Some(op) = op(bytes, depth) {
        program.push(op);
    }
    program
}

fn some(bytes: &mut Bytes<'_>, depth: usize) -> Vec<Program> {
    let count = 1 + bytes.below(4);
    (0..count).map(|_| program(bytes, depth)).collect()
}

fn op(bytes: &mut Bytes<'_>, depth: usize) -> Option<Op> {
    if bytes.is_empty() {
        return None;
    }
    let kind = bytes.byte() % 34;
    if kind >= 20 && depth > 0 {
        return Some(compound(kind, bytes, depth - 1));
    }
    Some(match kind {
        1 => Op::Sleep(millis(bytes)),
        2 => Op::Yield,
        3 | 4 => Op::Put,
        5 | 6 => Op::Get,
        7 => Op::Lock(millis(bytes)),
        8 => Op::Permit(millis(bytes)),
        9 => Op::WaitForEvent,
        10 => Op::SetEvent,
        11 => Op::ClearEvent,
        12 => Op::Cook(millis(bytes)),
        13 => Op::Eat(millis(bytes)),
        14 => Op::Arrive,
        15 => Op::Receive(Some(millis(bytes))),
        16 => Op::Receive(None),
        17 => Op::Cancel(bytes.below(256)),
        18 => Op::Fail,
        19 => Op::Panic,
        _ => return None,
    })
}

fn compound(kind: u8, bytes: &mut Bytes<'_>, depth: usize) -> Op {
    match kind {
        20 => Op::Spawn(program(bytes, depth)),
        21 => Op::SpawnEager(program(bytes, depth)),
        22 => Op::Await(program(bytes, depth)),
        23 => Op::Shield(program(bytes, depth)),
        24 => Op::Timeout(millis(bytes), program(bytes, depth)),
        25 => Op::Gather(some(bytes, depth)),
        26 => Op::Settle(some(bytes, depth)),
        27 => Op::TryGather(some(bytes, depth)),
        28 => Op::WaitForFirst(some(bytes, depth)),
        29 => Op::WaitForException(some(bytes, depth)),
        30 => Op::WaitAtMost(millis(bytes), some(bytes, depth)),
        31 => Op::AsCompleted(bytes.below(5), some(bytes, depth)),
        32 => Op::Group(some(bytes, depth)),
        _ => Op::GroupUntil(millis(bytes), some(bytes, depth)),
    }
}
