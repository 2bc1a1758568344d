//! A progress bar for a long job: the job counts, and another task reads the count twenty times a second.
//!
//! ```text
//! checked 60 blocks: 56 are sound
//! ```
//!
//! It takes 0.9 s. The bar is drawn on stderr, and only if that is a terminal; the result is printed on stdout.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use looplet::{MissedTick, interval, sleep, spawn};

const BLOCKS: u64 = 60;

fn main() {
    looplet::run(progress_bar());
}

pub(crate) async fn progress_bar() {
    let checked = Rc::new(Cell::new(0));
    let work = spawn(check_blocks(checked.clone()));

    let style = ProgressStyle::with_template("{spinner} {wide_bar} {pos}/{len} blocks").unwrap();
    let bar = ProgressBar::new(BLOCKS).with_style(style);
    let mut frames = interval(Duration::from_millis(50));
    // A frame that was late is not shown twice.
    frames.set_missed_tick(MissedTick::Skip);
    while !work.is_finished() {
        frames.tick().await;
        bar.set_position(checked.get());
    }
    bar.finish_and_clear();

    let sound = work.await.unwrap();
    println!("checked {BLOCKS} blocks: {sound} are sound");
}

/// The work: waits for each block, then looks whether it is sound.
async fn check_blocks(checked: Rc<Cell<u64>>) -> u64 {
    let mut sound = 0;
    for block in 1..=BLOCKS {
        sleep(Duration::from_millis(15)).await;
        sound += u64::from(block % 13 != 0);
        checked.set(block);
    }
    sound
}
