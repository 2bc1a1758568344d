//! A stable merge sort of timers that are linked by their `next` links. It allocates nothing, and takes one pass over a
//! list that is sorted already.

use super::slab::{NONE, Slab};

/// Bin `n` holds a chain merged from 2^n ascending runs; 32 bins are enough for `u32` indices.
const BINS: usize = 32;

/// Sorts the chain that begins at `head` and returns its new head; leaves `prev` links unchanged.
pub(super) fn by_deadline<T>(slab: &mut Slab<T>, head: u32) -> u32 {
    let mut bins = [NONE; BINS];
    let mut rest = head;
    while rest != NONE {
        let mut run = rest;
        rest = cut_run(slab, run);
        // A chain in a bin comes from earlier in the list than the run, so it goes first among equals.
        for bin in &mut bins {
            if *bin == NONE {
                *bin = run;
                break;
            }
            run = merge(slab, *bin, run);
            *bin = NONE;
        }
    }
    bins.into_iter()
        .fold(NONE, |later, earlier| merge(slab, earlier, later))
}

/// Cuts the chain after the ascending run that begins at `index` and returns the rest.
fn cut_run<T>(slab: &mut Slab<T>, mut index: u32) -> u32 {
    loop {
        let timer = slab.timer(index);
        let next = timer.links.next;
        if next == NONE {
            return NONE;
        }
        if slab.timer(next).deadline < timer.deadline {
            slab.timer_mut(index).links.next = NONE;
            return next;
        }
        index = next;
    }
}

/// Merges two ascending chains; of equal deadlines those of `earlier` come first.
fn merge<T>(slab: &mut Slab<T>, mut earlier: u32, mut later: u32) -> u32 {
    let (mut head, mut tail) = (NONE, NONE);
    while earlier != NONE && later != NONE {
        let from = if slab.timer(later).deadline < slab.timer(earlier).deadline {
            &mut later
        } else {
            &mut earlier
        };
        let taken = *from;
        *from = slab.timer(taken).links.next;
        append(slab, &mut head, tail, taken);
        tail = taken;
    }
    let rest = if earlier == NONE { later } else { earlier };
    append(slab, &mut head, tail, rest);
    head
}

fn append<T>(slab: &mut Slab<T>, head: &mut u32, tail: u32, chain: u32) {
    if tail == NONE {
        *head = chain;
    } else {
        slab.timer_mut(tail).links.next = chain;
    }
}
