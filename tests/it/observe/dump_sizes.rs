//! Dumps of many tasks: their text is bounded, and what is found in them takes steps by the number of tasks and not by
//! its square. With a hundred thousand tasks that would take minutes.

use std::cell::RefCell;
use std::future::{Future, pending};
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;

use looplet::{Dump, EventLoop, JoinHandle, gather, spawn, spawn_named, yield_now};

const MANY: usize = 100_000;

/// What `main` gives, on a loop in virtual time.
fn play<F: Future>(main: F) -> F::Output {
    EventLoop::builder().virtual_time().build().block_on(main)
}

/// A task that waits for ever, one that awaits it, one that awaits that one, and so on: so many in all.
fn chain(tasks: usize) -> JoinHandle<()> {
    let first = spawn_named("first", pending());
    (1..tasks).fold(first, |last, _| spawn(async move { last.await.unwrap() }))
}

/// A dump of a chain of so many tasks and main.
fn dump_of_chain(tasks: usize) -> Dump {
    play(async {
        let last = spawn_named("last", chain(tasks - 1));
        for _ in 0..2 {
            yield_now().await;
        }
        last.detach();
        looplet::dump()
    })
}

/// A dump of tasks that wait for each other in circles, each of so many.
fn dump_of_circles(circles: usize, tasks: usize) -> Dump {
    play(async {
        for _ in 0..circles {
            let late = Rc::new(RefCell::new(None::<JoinHandle<()>>));
            let found = late.clone();
            let first = spawn_named("first", async move {
                yield_now().await;
                let last = found.borrow_mut().take().unwrap();
                last.await.unwrap();
            });
            let last = (1..tasks).fold(first, |last, _| {
                spawn_named("next", async move { last.await.unwrap() })
            });
            *late.borrow_mut() = Some(last);
        }
        for _ in 0..3 {
            yield_now().await;
        }
        let dump = looplet::dump();
        // They hold each other, and none would ever be freed.
        let main = looplet::current_task();
        let others = looplet::all_tasks().into_iter().filter(|it| *it != main);
        others.for_each(|task| assert!(task.cancel()));
        yield_now().await;
        dump
    })
}

#[test]
fn a_long_chain_of_waits_is_shown_in_pieces_one_below_the_other() {
    let text = dump_of_chain(100).to_string();
    let lines: Vec<_> = text.lines().collect();
    // Of main and a hundred tasks, three are the last ones of a piece and the first ones of the next.
    assert_eq!(lines.len(), 1 + 101 + 3);
    for (line, words) in [
        (2, "'last' waits for the result of 'Task-99'; spawned"),
        (
            33,
            "└─ 'Task-69' waits for the result of 'Task-68'; spawned",
        ),
        (34, "└─ 'Task-68' (see below)"),
        (35, "'Task-68' waits for the result of 'Task-67'; spawned"),
        (36, "└─ 'Task-67' waits"),
        (104, "└─ 'first' waits for something else; spawned"),
    ] {
        let text = lines[line].trim_start();
        assert!(text.starts_with(words), "{line}: {text}");
    }
    let longest = lines.iter().map(|line| line.chars().count()).max();
    assert!(longest < Some(200), "{longest:?}");
}

#[test]
fn a_tree_that_is_just_deep_enough_is_in_one_piece() {
    let text = dump_of_chain(33).to_string();
    assert_eq!(text.lines().count(), 1 + 34);
    assert!(!text.contains("(see below)"), "{text}");
}

#[test]
fn the_text_of_a_dump_grows_with_the_tasks_up_to_a_bound() {
    let lengths = [250, 500, 999].map(|tasks| dump_of_chain(tasks).to_string().len());
    assert!(lengths[1] < 3 * lengths[0], "{lengths:?}");
    assert!(lengths[2] < 3 * lengths[1], "{lengths:?}");
    for tasks in [1_000, 20_000] {
        let text = dump_of_chain(tasks).to_string();
        assert!(text.len() < lengths[2] + 100_000, "{tasks}: {}", text.len());
        let note = match tasks - 999 {
            1 => "\n1 more task is not shown".into(),
            more => format!("\n{more} more tasks are not shown"),
        };
        assert!(text.ends_with(&note), "{tasks}");
    }
    let whole = dump_of_chain(999).to_string();
    assert!(!whole.contains("not shown"), "{whole}");
}

#[test]
fn the_text_of_a_deadlock_is_bounded() {
    let panic = panic::catch_unwind(AssertUnwindSafe(|| play(async { chain(20_000).await })));
    let text = *panic.unwrap_err().downcast::<String>().unwrap();
    assert!(text.starts_with("deadlock:"), "{}", text.len());
    assert!(text.ends_with("\n19001 more tasks are not shown"));
    assert!(text.len() < 300_000, "{}", text.len());
}

#[test]
fn the_text_of_a_task_that_awaits_many_is_bounded() {
    let text = play(async {
        let waiter = spawn_named("waiter", gather_for_ever(20_000));
        yield_now().await;
        yield_now().await;
        waiter.detach();
        looplet::dump().to_string()
    });
    assert!(text.contains("'waiter' waits for the results of 20000 tasks"));
    assert!(text.ends_with("\n19002 more tasks are not shown"));
    assert!(text.len() < 100_000, "{}", text.len());
}

#[test]
fn of_long_circles_and_of_many_circles_a_part_is_shown() {
    let text = dump_of_circles(1, 101).to_string();
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("these wait for each other: 'first' -> 'next' -> "));
    assert!(last.ends_with("-> 'next' -> 1 more -> 'first'"), "{last}");
    let text = dump_of_circles(1, 100).to_string();
    assert!(text.ends_with("-> 'next' -> 'next' -> 'first'"), "{text}");

    let text = dump_of_circles(102, 2).to_string();
    assert_eq!(text.matches("\nthese wait for each other: ").count(), 100);
    assert!(text.ends_with("\n2 more cycles are not shown"), "{text}");
    let dump = dump_of_circles(102, 2);
    assert_eq!(dump.cycles().len(), 102);
}

async fn gather_for_ever(tasks: usize) {
    gather((0..tasks).map(|_| pending::<()>()).collect::<Vec<_>>()).await;
}

#[test]
fn a_task_that_awaits_many_is_looked_through_for_circles() {
    play(async {
        let waiter = spawn(gather_for_ever(MANY));
        yield_now().await;
        yield_now().await;
        let dump = looplet::dump();
        assert_eq!(dump.tasks().len(), MANY + 2);
        assert_eq!(dump.cycles().len(), 0);
        waiter.detach();
    });
}

#[test]
fn a_circle_of_many_is_found() {
    let dump = dump_of_circles(1, MANY);
    let circles = dump.cycles();
    assert_eq!((circles.len(), circles[0].len()), (1, MANY));
}
