//! `run`, `block_on` and what happens when they end.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use looplet::{
    EventLoop, all_tasks, call_later, call_soon, current_task, run, spawn, spawn_named, yield_now,
};

use crate::support::panic_text;
use crate::support::probes::Ledger;
use crate::support::trace::{
    Guard, OnDrop, Stage, log, nap, note, note_at, play, secs, text_of, virtual_loop,
    virtual_loop_with, wait_with_guard,
};

#[test]
fn run_gives_what_main_returns() {
    assert_eq!(run(async { 42 }), 42);
    assert_eq!(run(async { Err::<(), _>("spam") }), Err("spam"));
}

#[test]
fn cleanup_comes_also_after_an_error_and_after_a_panic() {
    drop(log());
    let main = |fails: bool| async move {
        spawn(wait_with_guard("guard")).detach();
        yield_now().await;
        assert!(!fails, "main panicked");
        Err::<(), _>("key")
    };
    note(run(main(false)).unwrap_err());
    note(panic_text(|| run(main(true))).unwrap());
    assert_eq!(log(), ["guard", "key", "guard", "main panicked"]);
}

#[test]
fn what_cleanup_spawns_takes_no_step_and_none_is_left() {
    drop(log());
    run(async {
        spawn(async {
            let _cleanup = OnDrop(|| {
                let guard = Guard("t2 dropped");
                let t2 = spawn(async move {
                    let _guard = guard;
                    note("t2 step");
                });
                note(format_args!("t2 cancelled {}", t2.is_cancelled()));
            });
            pending::<()>().await;
        })
        .detach();
        yield_now().await;
    });
    note("run returned");
    assert_eq!(log(), ["t2 dropped", "t2 cancelled true", "run returned"]);
}

#[test]
fn what_is_left_is_cancelled_in_spawn_order() {
    drop(log());
    run(async {
        for name in ["a", "b", "c"] {
            spawn(wait_with_guard(name)).detach();
        }
        let woken = spawn(async {
            let _guard = Guard("d");
            yield_now().await;
            yield_now().await;
            yield_now().await;
            yield_now().await;
        });
        woken.detach();
        yield_now().await;
        note("main end");
    });
    assert_eq!(log()[0], "main end");
    drop(log());
    play(async {
        for name in ["a", "b", "c"] {
            spawn(wait_with_guard(name)).detach();
        }
        yield_now().await;
    });
    assert_eq!(log(), ["a", "b", "c"]);
}

#[test]
fn a_task_that_main_leaves_unbegun_takes_its_first_step_and_what_that_spawns_none() {
    play(async {
        spawn(async {
            note("first step");
            spawn(async { note("never") }).detach();
            yield_now().await;
            note("second step");
        })
        .detach();
    });
    assert_eq!(log(), ["first step"]);
}

#[test]
fn the_extra_round_is_no_wait_and_moves_no_time() {
    let mut event_loop = virtual_loop();
    let start = event_loop.block_on(async {
        call_soon(|| note("call"));
        call_later(secs(1.0), || note("timer"));
        call_later(Duration::ZERO, || note("zero"));
        looplet::now()
    });
    assert_eq!(log(), ["call", "zero"]);
    assert_eq!(event_loop.block_on(async { looplet::now() }), start);
    assert_eq!(event_loop.next_deadline(), Some(start + secs(1.0)));
}

#[test]
fn without_tasks_to_clean_up_a_call_that_queues_itself_for_ever_runs_once_more() {
    fn again() {
        note("call");
        call_soon(again);
    }
    drop(log());
    run(async {
        call_soon(again);
        note("main");
    });
    assert_eq!(log(), ["main", "call"]);
}

#[test]
fn if_main_was_cancelled_run_cleans_up_and_panics() {
    const TEXT: &str = "the main task was cancelled";
    drop(log());
    let main = || async {
        let _guard = Guard("main");
        spawn(wait_with_guard("other")).detach();
        yield_now().await;
        current_task().cancel();
        yield_now().await;
        note("never");
    };
    assert_eq!(panic_text(|| run(main())).unwrap(), TEXT);
    assert_eq!(log(), ["main", "other"]);
    let mut event_loop = virtual_loop();
    assert_eq!(panic_text(|| event_loop.block_on(main())).unwrap(), TEXT);
    assert_eq!(log(), ["main"], "block_on leaves the other task alone");
    assert_eq!(event_loop.tasks().len(), 1);
}

#[test]
fn another_task_may_cancel_main() {
    let text = panic_text(|| {
        play(async {
            let main = current_task();
            spawn(async move { main.cancel() }).detach();
            let _guard = Guard("main");
            pending::<()>().await;
        })
    });
    assert_eq!(text.unwrap(), "the main task was cancelled");
    assert_eq!(log(), ["main"]);
}

#[test]
fn block_on_may_be_called_again_and_tasks_live_on_in_between() {
    let mut event_loop = virtual_loop();
    let ticker = event_loop.spawn(async {
        for n in 1..=3 {
            nap(1.0).await;
            note_at(n);
        }
        "done"
    });
    event_loop.block_on(nap(1.5));
    note("between");
    note(text_of(event_loop.block_on(ticker)));
    assert_eq!(log(), ["1 @1", "between", "2 @2", "3 @3", "Ok(\"done\")"]);
}

#[test]
fn main_may_borrow_and_is_gone_when_block_on_returns() {
    let mut text = String::from("a");
    let seen = Cell::new(0);
    let mut event_loop = virtual_loop();
    event_loop.block_on(async {
        let _count = OnDrop(|| seen.set(seen.get() + 1));
        yield_now().await;
        text.push('b');
    });
    let unwound = panic_text(|| {
        event_loop.block_on(async {
            let _count = OnDrop(|| seen.set(seen.get() + 1));
            text.push('c');
            panic!("main");
        })
    });
    assert_eq!(
        (unwound.as_deref(), &*text, seen.get()),
        (Some("main"), "abc", 2)
    );
}

#[test]
fn a_main_that_is_ready_at_once_still_runs_as_a_task() {
    let name = play(async { current_task().name() });
    assert_eq!(&*name, "Task-1");
    assert_eq!(run(std::future::ready(7)), 7);
}

#[test]
fn a_deadlock_in_virtual_time_panics_with_the_list_of_waiting_tasks() {
    let mut event_loop = virtual_loop();
    let text = panic_text(|| {
        event_loop.block_on(async {
            let _guard = Guard("main dropped");
            spawn_named("stuck", pending::<()>()).detach();
            looplet::sleep(Duration::MAX).await;
        })
    });
    let text = text.unwrap();
    assert!(text.starts_with("deadlock:"), "{text}");
    assert!(
        text.contains("'stuck' waits") && text.contains("'Task-1' sleeps for ever"),
        "{text}"
    );
    assert_eq!(log(), ["main dropped"]);
    event_loop.block_on(async { note("the loop still works") });
    assert_eq!(log(), ["the loop still works"]);
}

#[test]
fn dropping_a_loop_ends_its_tasks_in_spawn_order_and_what_their_destructors_spawn() {
    let event_loop = virtual_loop();
    let tasks = Rc::new(RefCell::new(Vec::new()));
    for name in ["a", "b"] {
        let kept = tasks.clone();
        let task = event_loop.spawn(async move {
            let _spawns = OnDrop(move || {
                note(name);
                let guard = Guard("spawned");
                kept.borrow_mut().push(spawn(async move { drop(guard) }));
            });
            pending::<()>().await;
        });
        tasks.borrow_mut().push(task);
    }
    let mut event_loop = event_loop;
    event_loop.run_until_stalled();
    drop(event_loop);
    assert_eq!(log(), ["a", "spawned", "b", "spawned"]);
    assert!(
        tasks
            .take()
            .iter()
            .all(|task| task.is_cancelled() && !task.cancel())
    );
}

#[test]
fn once_the_loop_is_gone_its_spawner_spawns_cancelled_tasks_and_drops_calls() {
    let event_loop = virtual_loop();
    let spawner = event_loop.spawner();
    drop(event_loop);
    let (one, two) = (Guard("task dropped"), Guard("call dropped"));
    let mut task = spawner.spawn(async move { drop(one) });
    assert!(task.is_cancelled() && task.try_join().unwrap().unwrap_err().is_cancelled());
    spawner.call_soon(move || drop(two));
    spawner.stop();
    assert_eq!(log(), ["task dropped", "call dropped"]);
}

#[test]
fn the_callbacks_of_tasks_that_the_cleanup_ends_still_run() {
    drop(log());
    run(async {
        for name in ["a", "b"] {
            let task = spawn(wait_with_guard(name));
            task.on_done(move |task| note(format_args!("{name} {}", task.is_cancelled())));
            task.detach();
        }
        yield_now().await;
    });
    assert_eq!(log(), ["a", "b", "a true", "b true"]);
}

#[test]
fn a_panic_during_the_cleanup_is_reported_and_changes_no_result() {
    let builder = EventLoop::builder().on_unhandled_panic(|_, error| note(error));
    let mut event_loop = virtual_loop_with(builder);
    let result = event_loop.block_on(async {
        spawn_named("t", async {
            let _bomb = OnDrop(|| panic!("bomb"));
            pending::<()>().await;
        })
        .detach();
        7
    });
    event_loop.shutdown(Duration::ZERO);
    assert_eq!(result, 7);
    assert_eq!(log(), ["task 't' panicked: bomb"]);
}

// While a program does not come to rest, the wall clock ends its grace. So these have hours.
const HOUR: f64 = 3600.0;

#[test]
fn shutdown_lets_tasks_end_by_themselves_for_the_period_of_grace() {
    let event_loop = virtual_loop();
    for (name, hours) in [("quick", 1.0), ("slow", 9.0)] {
        let task = event_loop.spawn(async move {
            let _guard = Guard(name);
            nap(hours * HOUR).await;
            note_at("ended");
        });
        task.detach();
    }
    event_loop.shutdown(secs(5.0 * HOUR));
    assert_eq!(log(), ["ended @3600", "quick", "slow"]);
}

#[test]
fn shutdown_waits_as_often_as_the_grace_allows() {
    let event_loop = virtual_loop();
    let task = event_loop.spawn(async {
        nap(HOUR).await;
        nap(HOUR).await;
        note_at("ended");
    });
    task.detach();
    event_loop.shutdown(secs(5.0 * HOUR));
    let event_loop = EventLoop::new();
    let task = event_loop.spawn(async {
        for _ in 0..3 {
            nap(0.001).await;
        }
        note("ended in real time");
    });
    task.detach();
    event_loop.shutdown(Duration::MAX);
    assert_eq!(log(), ["ended @7200", "ended in real time"]);
}

#[test]
fn what_falls_due_with_the_end_of_the_grace_is_in_time() {
    let event_loop = virtual_loop();
    let task = event_loop.spawn(async {
        nap(HOUR).await;
        note_at("ended");
    });
    task.detach();
    event_loop.shutdown(secs(HOUR));
    assert_eq!(log(), ["ended @3600"]);
}

#[test]
fn run_once_does_not_count_a_call_that_was_cancelled_and_waits_on() {
    let mut stage = Stage::new();
    let spawner = stage.event_loop.spawner();
    assert!(spawner.call_soon(|| note("never")).cancel());
    assert!(!stage.event_loop.run_once(Some(Duration::ZERO)));
    let task = stage.spawn(nap(2.0));
    assert!(stage.settle().is_empty());
    assert!(spawner.call_soon(|| note("never")).cancel());
    assert!(stage.event_loop.run_once(None));
    assert!(task.is_finished());
    assert!(log().is_empty());
}

#[test]
fn shutdown_ends_also_a_task_that_never_waits() {
    async fn endless(_guard: Guard) {
        loop {
            yield_now().await;
        }
    }
    let event_loop = virtual_loop();
    event_loop.spawn(endless(Guard("in virtual time"))).detach();
    event_loop.shutdown(Duration::ZERO);
    // Virtual time never comes to the end of the grace, for something is always ready.
    let event_loop = EventLoop::builder().virtual_time().build();
    event_loop.spawn(endless(Guard("for a while"))).detach();
    event_loop.shutdown(Duration::from_millis(1));
    let event_loop = EventLoop::new();
    event_loop.spawn(endless(Guard("in real time"))).detach();
    event_loop.shutdown(Duration::from_millis(1));
    assert_eq!(log(), ["in virtual time", "for a while", "in real time"]);
}

#[test]
fn run_until_stalled_jumps_over_no_time_and_run_once_no_further_than_it_may() {
    let mut stage = Stage::new();
    let task = stage.spawn(async {
        nap(2.0).await;
        note_at("task");
    });
    assert!(stage.settle().is_empty());
    assert!(!stage.event_loop.run_once(Some(secs(0.5))));
    assert_eq!(stage.round_with(|| note_at("now")), ["now @0.5"]);
    assert!(!stage.event_loop.run_once(Some(secs(1.0))));
    assert!(stage.event_loop.run_once(Some(secs(1.0))));
    assert_eq!(log(), ["task @2"]);
    assert!(task.is_finished());
    assert!(!stage.event_loop.run_once(Some(secs(1.0))));
}

#[test]
fn a_loop_may_be_dropped_inside_a_task_of_another_one() {
    let inner = EventLoop::new();
    inner.spawn(wait_with_guard("never begun")).detach();
    let mut begun = EventLoop::new();
    begun.spawn(wait_with_guard("begun")).detach();
    begun.run_until_stalled();
    play(async move {
        drop(inner);
        drop(begun);
        assert_eq!(all_tasks().len(), 1);
        yield_now().await;
        note("outer goes on");
    });
    assert_eq!(log(), ["begun", "outer goes on"]);
}

#[test]
fn every_way_to_run_a_loop_inside_a_running_one_panics() {
    type Way = fn(EventLoop);
    const WAYS: [Way; 6] = [
        |mut inner| inner.block_on(async {}),
        |mut inner| inner.run_until_stalled(),
        |mut inner| {
            inner.run_once(None);
        },
        |mut inner| inner.run_forever(),
        |inner| inner.shutdown(Duration::ZERO),
        |_| run(async {}),
    ];
    play(async {
        for way in WAYS {
            let inner = EventLoop::builder().virtual_time().build();
            let text = panic_text(move || way(inner)).unwrap();
            assert_eq!(
                text,
                "cannot run an event loop while another one is running on this thread"
            );
        }
        nap(1.0).await;
        note_at("undisturbed");
    });
    assert_eq!(log(), ["undisturbed @1"]);
}

#[test]
fn loops_cannot_be_nested_on_a_thread() {
    let nested = "cannot run an event loop while another one is running on this thread";
    let mut inner = EventLoop::new();
    looplet::run(async {
        assert_eq!(panic_text(|| looplet::run(async {})).unwrap(), nested);
        assert_eq!(panic_text(|| inner.block_on(async {})).unwrap(), nested);
        assert_eq!(panic_text(|| inner.run_until_stalled()).unwrap(), nested);
        assert_eq!(panic_text(|| inner.run_once(None)).unwrap(), nested);
        assert_eq!(panic_text(|| inner.run_forever()).unwrap(), nested);
        thread::spawn(|| looplet::run(async {})).join().unwrap();
    });
    inner.block_on(async {});
}

#[test]
fn main_may_borrow_and_its_borrows_end_with_it() {
    let mut text = String::from("a");
    let mut event_loop = EventLoop::builder().virtual_time().build();
    let length = event_loop.block_on(async {
        text.push('b');
        yield_now().await;
        &text
    });
    assert_eq!(length, "ab");
    // A main that waits for ever: the loop unwinds out of it.
    let ledger = Ledger::default();
    let entry = ledger.entry();
    let message = panic_text(|| {
        event_loop.block_on(async {
            let _entry = (&entry, ledger.entry());
            text.push('c');
            pending::<()>().await;
            text.push('d');
        });
    });
    assert!(message.unwrap().starts_with("deadlock:"));
    assert_eq!((ledger.made(), ledger.dropped()), (2, 1));
    assert_eq!(text, "abc");
    event_loop.block_on(async { yield_now().await });
}
