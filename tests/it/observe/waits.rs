//! For which tasks an observer is told that another one waits, when it waits for several.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, Instant};

use looplet::{EventLoop, JoinHandle, Task, TaskEvent, WaitsOn, gather, sleep, spawn_named, wait};

/// Tasks that sleep for one, two and three seconds.
fn sleepers() -> [JoinHandle<()>; 3] {
    [(1, "one"), (2, "two"), (3, "three")]
        .map(|(seconds, name)| spawn_named(name, sleep(Duration::from_secs(seconds))))
}

/// The names of the tasks that `main` waits for, of each of its waits.
fn waits_of<F: Future>(main: F) -> Vec<String> {
    let waits = Rc::new(RefCell::new(Vec::new()));
    let (into, names) = (waits.clone(), RefCell::new(HashMap::new()));
    let observer = move |_: Instant, task: &Task, event: TaskEvent<'_>| match event {
        TaskEvent::Spawned(_) => {
            names
                .borrow_mut()
                .insert(task.id(), task.name().to_string());
        }
        TaskEvent::WaitBegins(on) if &*task.name() == "Task-1" => {
            let names = names.borrow();
            let awaited = on.iter().filter_map(|wait| match wait {
                WaitsOn::Result(id) => Some(names[id].as_str()),
                _ => None,
            });
            into.borrow_mut()
                .push(awaited.collect::<Vec<_>>().join(" "));
        }
        _ => {}
    };
    let builder = EventLoop::builder().virtual_time().observer(observer);
    builder.build().block_on(main);
    waits.take()
}

#[test]
fn a_wait_for_an_exception_is_told_with_all_tasks_that_are_left_in_their_order() {
    let waits = waits_of(async { wait(sleepers()).first_exception().await });
    assert_eq!(waits, ["one two three", "two three", "three"]);
}

#[test]
fn a_gather_is_told_with_all_tasks_in_their_order_when_it_begins() {
    let waits = waits_of(async {
        gather([3, 2, 1].map(|n| sleep(Duration::from_secs(n)))).await;
    });
    assert_eq!(waits[0], "Task-2 Task-3 Task-4");
}
