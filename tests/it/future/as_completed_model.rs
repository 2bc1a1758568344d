//! `as_completed` with many tasks, and against a plain list of who ended when.

use std::rc::Rc;
use std::time::Duration;

use looplet::{Task, as_completed, current_task, sleep, spawn};
use proptest::prelude::*;

use crate::support::trace::virtual_loop;

#[test]
fn one_awaiter_of_many_tasks_is_polled_about_once_per_round_of_ends() {
    const COUNT: u64 = 20_000;
    let mut event_loop = virtual_loop();
    let before = event_loop.metrics().polls;
    event_loop.block_on(async {
        let handles: Vec<_> = (0..COUNT)
            .map(|n| {
                spawn(async move {
                    sleep(Duration::from_millis(n * 7919 % COUNT)).await;
                    n * 7919 % COUNT
                })
            })
            .collect();
        let mut completed = as_completed(handles);
        let mut last = None;
        while let Some(result) = completed.next().await {
            let result = result.unwrap();
            assert!(last < Some(result));
            last = Some(result);
        }
    });
    assert!(event_loop.metrics().polls - before <= COUNT * 3 + 2);
}

fn names(tasks: &[Task]) -> Vec<String> {
    tasks.iter().map(|task| task.name().to_string()).collect()
}

proptest! {
    /// Tasks that end in a random order, some before the call: against the order in which they noted their ends.
    #[test]
    fn random_ends_come_in_the_order_of_the_ends(
        delays in prop::collection::vec((0..6_u64, 0..3_u8), 0..40),
        begin in 0..6_u64,
        pause in 0..4_u64,
    ) {
        let mut event_loop = virtual_loop();
        let (ends, results) = event_loop.block_on(async move {
            let ends = Rc::<std::cell::RefCell<Vec<Task>>>::default();
            let handles: Vec<_> = delays.into_iter().enumerate().map(|(index, (delay, kind))| {
                let ends = ends.clone();
                spawn(async move {
                    sleep(Duration::from_secs(delay)).await;
                    ends.borrow_mut().push(current_task());
                    match kind {
                        0 => { current_task().cancel(); }
                        1 => std::panic::resume_unwind(Box::new("quiet")),
                        _ => {}
                    }
                    index
                })
            }).collect();
            let by_index: Vec<_> = handles.iter().map(|handle| handle.name()).collect();
            sleep(Duration::from_secs(begin)).await;
            let mut completed = as_completed(handles);
            let mut results = Vec::new();
            while let Some(result) = completed.next().await {
                results.push(match result {
                    Ok(index) => by_index[index].to_string(),
                    Err(error) => error.task_name().to_string(),
                });
                if results.len() % 3 == 0 {
                    sleep(Duration::from_secs(pause)).await;
                }
            }
            (names(&ends.borrow()), results)
        });
        prop_assert_eq!(ends, results);
    }
}
