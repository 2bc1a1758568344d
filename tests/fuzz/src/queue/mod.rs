//! The three queues, polled by hand, against a plain model: no item is lost or doubled, no waiter is forgotten or
//! overtaken, and each item is dropped when its time has come.

mod game;
mod kind;
mod model;
mod waiter;

use looplet::{LifoQueue, PriorityQueue, Queue};

use crate::bytes::Bytes;
use game::Game;
use kind::{Item, Kind};

/// Plays the input.
///
/// # Panics
///
/// If a queue and its model disagree.
pub fn play(input: &[u8]) {
    let mut bytes = Bytes::new(input);
    // Most of the interesting things happen at the bounds.
    let capacity = [Some(1), Some(2), Some(3), Some(9), None][bytes.below(5)];
    match bytes.below(3) {
        0 => play_with::<Queue<Item>>(capacity, bytes),
        1 => play_with::<LifoQueue<Item>>(capacity, bytes),
        _ => play_with::<PriorityQueue<Item>>(capacity, bytes),
    }
}

fn play_with<K: Kind>(capacity: Option<usize>, mut bytes: Bytes<'_>) {
    let mut game = Game::<K>::new(capacity);
    while !bytes.is_empty() {
        game.step(&mut bytes);
        game.check();
    }
    game.end();
}
