//! Rounds in an order drawn from a seed, and the search for the first seed under which a program fails.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::panic::{self, AssertUnwindSafe};
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;
use std::{env, future};

use looplet::{EventLoop, explore, now, sleep, spawn, yield_now};

use crate::support::process::name_of;

/// Who comes when: five tasks of three steps each, some with a sleep to the same moment between them.
fn order_under(seed: u64) -> Vec<u32> {
    let order = Rc::new(RefCell::new(Vec::new()));
    let mut event_loop = EventLoop::builder().virtual_time().shuffle(seed).build();
    event_loop.block_on(async {
        let tasks: Vec<_> = (0..5)
            .map(|n| {
                let order = order.clone();
                spawn(async move {
                    order.borrow_mut().push(n);
                    yield_now().await;
                    order.borrow_mut().push(n + 10);
                    sleep(Duration::from_secs(1)).await;
                    order.borrow_mut().push(n + 20);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    order.take()
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in [0, 1, u64::MAX] {
        assert_eq!(order_under(seed), order_under(seed));
    }
}

#[test]
fn different_seeds_give_different_runs() {
    let runs: BTreeSet<_> = (0..50).map(order_under).collect();
    assert!(runs.len() > 45);
}

#[test]
fn only_the_order_within_a_round_is_drawn() {
    for seed in 0..20 {
        let run = order_under(seed);
        for (round, steps) in run.chunks(5).enumerate() {
            let steps: BTreeSet<_> = steps.iter().copied().collect();
            let first = round as u32 * 10;
            assert_eq!(steps, (first..first + 5).collect());
        }
    }
}

#[test]
fn every_task_of_a_large_round_is_polled_exactly_once() {
    let mut event_loop = EventLoop::builder().shuffle(5).build();
    let polls = Rc::new(RefCell::new(vec![0; 1000]));
    for n in 0..1000 {
        let polls = polls.clone();
        event_loop
            .spawn(async move { polls.borrow_mut()[n] += 1 })
            .detach();
    }
    assert!(event_loop.run_once(Some(Duration::ZERO)));
    assert!(polls.borrow().iter().all(|polls| *polls == 1));
}

#[test]
fn calls_and_the_rounds_of_every_way_to_run_are_shuffled_too() {
    let orders: BTreeSet<_> = (0..20)
        .map(|seed| {
            let mut event_loop = EventLoop::builder().shuffle(seed).build();
            let order = Rc::new(RefCell::new(Vec::new()));
            for n in 0..4 {
                let order = order.clone();
                event_loop
                    .spawner()
                    .call_soon(move || order.borrow_mut().push(n));
            }
            event_loop.run_until_stalled();
            order.take()
        })
        .collect();
    assert!(orders.len() > 5);
}

#[test]
fn a_program_without_a_bug_passes_all_seeds_in_virtual_time() {
    // In real time that would take four days.
    let runs = explore(0..100, || async {
        let start = now();
        sleep(Duration::from_secs(3600)).await;
        assert_eq!(now() - start, Duration::from_secs(3600));
    });
    assert_eq!(runs.unwrap(), 100);
}

/// Fails if the second task comes first.
async fn race() {
    let first = Rc::new(Cell::new(0));
    for n in [1, 2] {
        let first = first.clone();
        spawn(async move { first.set(if first.get() == 0 { n } else { first.get() }) }).detach();
    }
    yield_now().await;
    yield_now().await;
    assert_eq!(first.get(), 1, "out of order");
}

#[test]
fn the_first_failing_seed_is_found_and_repeats_the_failure() {
    let bug = explore(0..100, race).unwrap_err();
    let seed = bug.seed();
    assert_eq!(explore(0..seed, race).unwrap(), seed);
    let text = bug.to_string();
    assert!(text.contains("out of order"), "{text}");
    assert!(text.contains(&format!("LOOPLET_SEED={seed} ")), "{text}");
    assert_eq!(format!("{bug:?}"), text);

    let again = explore([seed], race).unwrap_err();
    let panic = again.into_panic();
    assert!(
        panic
            .downcast_ref::<String>()
            .unwrap()
            .contains("out of order")
    );
}

#[test]
fn a_failure_hands_over_what_the_program_panicked_with_or_says_why_it_failed() {
    let panicked = explore([1], || async { panic::panic_any(13_u8) }).unwrap_err();
    assert_eq!(*panicked.into_panic().downcast::<u8>().unwrap(), 13);

    let cancelled = explore([1], || async {
        looplet::current_task().cancel();
        yield_now().await;
    });
    let text = cancelled.unwrap_err().into_panic();
    assert_eq!(
        *text.downcast::<String>().unwrap(),
        "the main task was cancelled"
    );
}

#[test]
fn a_failure_shows_the_run_if_runs_can_be_drawn() {
    let bug = explore(0..100, race).unwrap_err().to_string();
    // The two that race; only a chart names them.
    for task in ["Task-2", "Task-3"] {
        assert_eq!(bug.contains(task), cfg!(feature = "timeline"), "{bug}");
    }
}

#[test]
fn a_stuck_program_a_cancelled_one_and_an_unseen_panic_are_failures() {
    let stuck = explore([1], future::pending::<()>).unwrap_err();
    assert!(stuck.to_string().contains("deadlock:"), "{stuck}");

    let cancelled = explore([1], || async {
        looplet::current_task().cancel();
        yield_now().await;
    });
    let cancelled = cancelled.unwrap_err().to_string();
    assert!(
        cancelled.contains("the main task was cancelled"),
        "{cancelled}"
    );

    let unseen = explore([1], || async {
        spawn(async { panic!("no salt") }).detach();
        sleep(Duration::from_secs(1)).await;
    });
    let unseen = unseen.unwrap_err().to_string();
    assert!(
        unseen.contains("unhandled panic in task 'Task-2' (spawned at")
            && unseen.contains("): no salt"),
        "{unseen}"
    );
}

#[test]
fn each_run_begins_on_a_loop_of_its_own_and_leaves_nothing_behind() {
    let leaked = Rc::new(());
    let runs = explore(0..10, || {
        let leaked = leaked.clone();
        async move {
            spawn(async move {
                let _kept = leaked;
                future::pending::<()>().await;
            })
            .detach();
            assert_eq!(&*looplet::current_task().name(), "Task-1");
            let _ = now();
        }
    });
    assert_eq!(runs.unwrap(), 10);
    assert_eq!(Rc::strong_count(&leaked), 1);
}

#[test]
fn explore_inside_of_a_running_loop_panics() {
    let nested = panic::catch_unwind(AssertUnwindSafe(|| {
        looplet::run(async { explore([1], || async {}).is_ok() })
    }));
    assert!(nested.is_err());
}

/// Not a test of its own: what the next one runs in another process.
#[test]
fn unwinds_under_a_seed() {
    if env::var_os("UNWIND_UNDER_A_SEED").is_some() {
        EventLoop::builder()
            .shuffle(4711)
            .build()
            .block_on(async { panic!("as asked") });
    }
}

#[test]
fn the_seed_is_printed_when_block_on_unwinds() {
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", name_of(unwinds_under_a_seed), "--nocapture"])
        .env("UNWIND_UNDER_A_SEED", "1")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&child.stderr);
    assert!(!child.status.success());
    assert!(stderr.contains("seed 4711"), "{stderr}");
}

#[path = "../../../examples/explore.rs"]
#[allow(dead_code, reason = "its own main")]
mod example;

#[test]
fn the_example_has_a_bug_that_the_usual_order_hides_and_the_search_finds() {
    let usual = EventLoop::builder()
        .virtual_time()
        .build()
        .block_on(example::one_day());
    assert_eq!(usual, 190);
    let bug = example::find().unwrap_err();
    let head = include_str!("../../../examples/explore.rs");
    assert!(head.contains(&format!("//! seed {} fails, after", bug.seed())));
    assert!(bug.to_string().contains("an update was lost"));
}
