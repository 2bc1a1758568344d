//! The pieces of mischief: what may be done. Each takes what it needs from what was kept, and does nothing if there is none.

pub(crate) mod loops;
pub(crate) mod many;
pub(crate) mod tasks;
pub(crate) mod threads;
pub(crate) mod waiting;

use std::panic;
use std::thread;

use crate::values::Payload;
use crate::world::{below, world};

/// A list of functions with how often each is chosen, and their names.
macro_rules! kinds {
    ($($times:literal $($piece:ident)::+,)+) => {
        &[$(($times, stringify!($($piece)::+), $($piece)::+)),+]
    };
}

const KINDS: &[(usize, &str, fn())] = kinds![
    3 tasks::wake,
    2 tasks::wake_by_ref,
    5 tasks::cancel,
    3 tasks::keep_current,
    2 tasks::keep_all,
    2 tasks::print,
    1 tasks::rename,
    5 tasks::poll_handle,
    3 tasks::take_result,
    3 tasks::drop_handle,
    3 tasks::on_done,
    6 tasks::spawn_from_outside,
    6 tasks::spawn_inside,
    3 tasks::call,
    2 tasks::cancel_call,
    3 many::begin_gather,
    2 many::begin_group,
    4 many::spawn_in_group,
    1 many::cancel_group,
    2 many::begin_shield,
    2 many::begin_wait,
    3 many::begin_as_completed,
    6 many::poll_future,
    3 many::drop_future,
    2 waiting::begin_sleep,
    1 waiting::reset_sleep,
    2 waiting::begin_timer,
    1 waiting::advance,
    3 waiting::use_queue,
    2 waiting::wait_for_others,
    2 waiting::let_others_go,
    1 waiting::use_oneshot,
    3 waiting::change_context,
    3 threads::with_waker,
    2 threads::use_remote,
    2 threads::use_remote_handle,
    2 threads::use_remote_queue,
    1 threads::block,
    2 loops::make,
    3 loops::run,
    2 loops::end,
    2 loops::look,
    1 loops::run_another,
    4 drop_anything,
    1 drop_shared,
    2 panic,
];

/// One of them.
pub(crate) fn one() {
    let all = KINDS.iter().map(|(times, ..)| times).sum();
    let mut drawn = below(all);
    for (times, name, piece) in KINDS {
        if drawn < *times {
            world().announce(name);
            return piece();
        }
        drawn -= times;
    }
}

pub(crate) fn drop_anything() {
    drop(world().pick_anything());
}

fn drop_shared() {
    drop(world().shared.take());
}

fn panic() {
    if !thread::panicking() {
        panic::resume_unwind(Box::new(Payload::new()));
    }
}
