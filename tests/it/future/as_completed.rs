//! `as_completed`: the order of results, and what happens to the rest.

use std::cell::Cell;
use std::future::{Future, pending};
use std::rc::Rc;

use futures::stream::{FusedStream, FuturesUnordered};
use futures::{Stream, StreamExt};
use looplet::{
    AsCompleted, EventLoop, JoinHandle, Task, as_completed, oneshot, spawn, timeout, yield_now,
};

use crate::support::hand;
use crate::support::trace::{
    Gate, GuardAt, Stage, elapsed, log, message, nap, note, note_at, play, secs, text_of,
    virtual_loop, virtual_loop_with,
};

fn sleeper(name: &'static str, seconds: f64) -> JoinHandle<&'static str> {
    spawn(async move {
        nap(seconds).await;
        name
    })
}

/// Awaits all results and notes them with the time.
async fn note_all(handles: impl IntoIterator<Item = JoinHandle<&'static str>>) {
    let mut completed = as_completed(handles);
    while let Some(result) = completed.next().await {
        note_at(result.unwrap());
    }
}

#[test]
fn results_come_in_completion_order() {
    play(async {
        note_all([sleeper("b", 0.01), sleeper("c", 0.15), sleeper("a", 0.01)]).await;
    });
    assert_eq!(log(), ["b @0.01", "a @0.01", "c @0.15"]);
}

#[test]
fn several_ends_in_one_round_keep_their_order_in_time() {
    let mut stage = Stage::new();
    let (first, second) = (Gate::default(), Gate::default());
    let waiter = |name, gate: &Gate| {
        let gate = gate.clone();
        stage.spawn(async move {
            gate.opened().await;
            name
        })
    };
    let handles = [waiter("a", &first), waiter("b", &second)];
    let main = stage.spawn(note_all(handles));
    stage.settle();
    let notes = stage.round_with(move || {
        second.open();
        first.open();
    });
    assert!(notes.is_empty());
    assert!(stage.round().is_empty());
    assert_eq!(stage.round(), ["b @0", "a @0"]);
    assert!(main.is_finished());
}

#[test]
fn a_timeout_that_is_not_needed_leaves_no_timer() {
    let mut event_loop = virtual_loop();
    event_loop.block_on(async {
        let mut completed = as_completed([sleeper("a", 0.01)]);
        let first = timeout(secs(1.0), completed.next()).await.unwrap();
        note_at(first.unwrap().unwrap());
        assert!(completed.next().await.is_none());
    });
    assert_eq!(log(), ["a @0.01"]);
    assert_eq!(event_loop.metrics().armed_timers, 0);
}

#[test]
fn a_timeout_around_next_loses_nothing_and_cancels_nothing() {
    play(async {
        let mut completed = as_completed([sleeper("a", 2.0), sleeper("b", 0.5)]);
        note_at(completed.next().await.unwrap().unwrap());
        assert!(timeout(secs(1.0), completed.next()).await.is_err());
        note_at("elapsed");
        note_at(completed.next().await.unwrap().unwrap());
        assert!(completed.next().await.is_none());
    });
    assert_eq!(log(), ["b @0.5", "elapsed @1.5", "a @2"]);
}

#[test]
fn the_rest_can_be_taken_later() {
    play(async {
        let handles = [4, 2, 1, 3].map(|n| {
            spawn(async move {
                nap(n.into()).await;
                n
            })
        });
        let mut completed = as_completed(handles);
        let mut taken = Vec::new();
        for _ in 0..2 {
            taken.push(completed.next().await.unwrap().unwrap());
        }
        nap(10.0).await;
        while let Some(result) = completed.next().await {
            taken.push(result.unwrap());
        }
        assert_eq!(taken, [1, 2, 3, 4]);
        assert_eq!(elapsed(), 12.0);
    });
}

#[test]
fn a_result_that_arrived_while_next_was_dropped_is_still_there() {
    let mut stage = Stage::new();
    let gate = Gate::default();
    let opened = gate.clone();
    let task = stage.spawn(async move { opened.opened().await });
    let mut completed = as_completed([task]);
    let mut next = hand(completed.next());
    next.wait();
    stage.settle();
    gate.open();
    stage.settle();
    assert_eq!(next.wakes(), 1);
    drop(next);
    assert!(hand(completed.next()).finish().unwrap().is_ok());
    assert!(hand(completed.next()).finish().is_none());
}

#[test]
fn no_handles_are_over_at_once() {
    let mut completed = as_completed::<()>([]);
    assert!(completed.is_terminated());
    assert!(hand(completed.next()).finish().is_none());
    assert!(hand(completed.next()).finish().is_none());
}

#[test]
fn finished_tasks_come_first_in_the_order_in_which_they_ended() {
    play(async {
        let handles = [3.0, 1.0, 5.0, 2.0, 4.0].map(|n| {
            spawn(async move {
                nap(n).await;
                n
            })
        });
        nap(3.5).await;
        let mut order = Vec::new();
        let mut completed = as_completed(handles);
        for expected in [1.0, 2.0, 3.0] {
            assert_eq!(hand(completed.next()).finish().unwrap().unwrap(), expected);
        }
        while let Some(result) = completed.next().await {
            order.push((result.unwrap(), elapsed()));
        }
        assert_eq!(order, [(4.0, 4.0), (5.0, 5.0)]);
    });
}

#[test]
fn tasks_that_ended_in_one_round_are_distinguished() {
    play(async {
        let (a, b) = (Gate::default(), Gate::default());
        let (opened_a, opened_b) = (a.clone(), b.clone());
        let first = spawn(async move { opened_a.opened().await });
        let second = spawn(async move { opened_b.opened().await });
        first.set_name("first");
        second.set_name("second");
        let ids = [first.id(), second.id()];
        yield_now().await;
        b.open();
        a.open();
        first.on_done(|task| note(task.name()));
        second.on_done(|task| note(task.name()));
        yield_now().await;
        assert!(first.is_finished() && second.is_finished());
        assert!(ids[0] < ids[1]);
        let cancelled = spawn(async {});
        cancelled.cancel();
        yield_now().await;
        let mut completed = as_completed([cancelled, first, second]);
        assert!(completed.next().await.unwrap().is_ok());
        assert!(completed.next().await.unwrap().is_ok());
        assert!(completed.next().await.unwrap().unwrap_err().is_cancelled());
    });
    assert_eq!(log(), ["second", "first"]);
}

#[test]
fn errors_and_cancellations_come_in_their_order() {
    play(async {
        let panicking = spawn(async {
            nap(1.0).await;
            panic!("at one");
        });
        let cancelled = spawn(nap(10.0));
        let fine = spawn(nap(3.0));
        let canceller = cancelled.task();
        looplet::call_later(secs(2.0), move || {
            canceller.cancel();
        });
        let mut completed = as_completed([fine, cancelled, panicking]);
        while let Some(result) = completed.next().await {
            note_at(text_of(result));
        }
    });
    assert_eq!(
        log(),
        ["Err(Panic(at one)) @1", "Err(Cancelled) @2", "Ok(()) @3"]
    );
}

#[test]
fn the_awaiter_runs_one_round_after_the_first_end() {
    let mut stage = Stage::new();
    let gate = Gate::default();
    let opened = gate.clone();
    let task = stage.spawn(async move {
        opened.opened().await;
        note("ends");
    });
    let _main = stage.spawn(async {
        let mut completed = as_completed([task]);
        completed.next().await.unwrap().unwrap();
        note("has it");
    });
    stage.settle();
    gate.open();
    assert_eq!(stage.round(), ["ends"]);
    assert_eq!(stage.round(), ["has it"]);
}

#[test]
fn dropping_it_detaches_the_tasks_even_if_they_were_awaited_before() {
    let mut event_loop = virtual_loop();
    event_loop.block_on(async {
        let mut awaited = sleeper("awaited", 2.0);
        hand(&mut awaited).wait();
        let tasks = [awaited.task()];
        let mut completed = as_completed([awaited, sleeper("other", 3.0)]);
        assert!(timeout(secs(1.0), completed.next()).await.is_err());
        drop(completed);
        nap(9.0).await;
        assert!(
            tasks
                .iter()
                .all(|task| task.is_finished() && !task.is_cancelled())
        );
    });
}

#[test]
fn cancelling_the_awaiter_leaves_the_tasks_alone() {
    play(async {
        let task = spawn(async {
            let _guard = GuardAt("guard");
            nap(2.0).await;
        });
        let watched = task.task();
        let awaiter = spawn(async move { as_completed([task]).next().await.is_some() });
        nap(1.0).await;
        awaiter.cancel();
        assert!(awaiter.await.unwrap_err().is_cancelled());
        nap(2.0).await;
        assert!(!watched.is_cancelled());
    });
    assert_eq!(log(), ["guard @2"]);
}

#[test]
fn a_panic_after_the_drop_is_reported_and_one_that_was_given_is_not() {
    let reports = Rc::new(Cell::new(0));
    let count = reports.clone();
    let builder = EventLoop::builder().on_unhandled_panic(move |task, _| {
        assert!(task.is_some());
        count.set(count.get() + 1);
    });
    let mut event_loop = virtual_loop_with(builder);
    event_loop.block_on(async {
        let failing = |seconds| {
            spawn(async move {
                nap(seconds).await;
                panic!("late");
            })
        };
        let mut completed = as_completed([failing(1.0), failing(2.0), failing(1.0)]);
        let error: Result<(), _> = completed.next().await.unwrap();
        assert_eq!(message(error.unwrap_err()), "late");
        drop(completed);
        assert_eq!(reports.get(), 1);
        nap(2.0).await;
    });
    assert_eq!(reports.get(), 2);
}

#[test]
fn callbacks_registered_before_run_before_the_awaiter() {
    play(async {
        let task = sleeper("task", 1.0);
        task.on_done(|_| note("before"));
        let after = task.task();
        let mut completed = as_completed([task]);
        let awaiter = spawn(async move {
            completed.next().await.unwrap().unwrap();
            note("awaiter");
        });
        yield_now().await;
        drop(after);
        awaiter.await.unwrap();
    });
    assert_eq!(log(), ["before", "awaiter"]);
}

#[test]
fn it_is_a_stream_that_knows_its_length() {
    play(async {
        let completed = as_completed([sleeper("b", 2.0), sleeper("a", 1.0)]);
        assert_eq!(completed.size_hint(), (2, Some(2)));
        assert!(!completed.is_terminated());
        let names: Vec<_> = completed.map(Result::unwrap).collect().await;
        assert_eq!(names, ["a", "b"]);
    });
}

#[test]
fn it_prints_how_many_results_are_to_come() {
    play(async {
        let mut completed = as_completed([sleeper("a", 1.0), sleeper("b", 2.0)]);
        assert_eq!(format!("{completed:?}"), "AsCompleted { left: 2, .. }");
        completed.next().await.unwrap().unwrap();
        assert_eq!(format!("{completed:?}"), "AsCompleted { left: 1, .. }");
    });
}

#[test]
fn it_works_with_wakers_of_other_executors() {
    let mut event_loop = virtual_loop();
    let task = event_loop.spawn(async { 7 });
    let mut completed = as_completed([task]);
    let mut next = hand(completed.next());
    next.wait();
    next.wait();
    event_loop.run_until_stalled();
    assert_eq!(next.wakes(), 1);
    assert_eq!(next.finish().unwrap().unwrap(), 7);
}

#[test]
fn a_loop_that_goes_cancels_the_tasks_and_says_so() {
    let event_loop = virtual_loop();
    let mut completed = as_completed([event_loop.spawn(pending::<()>())]);
    let mut next = hand(completed.next());
    next.wait();
    drop(event_loop);
    assert_eq!(next.wakes(), 1);
    assert!(next.finish().unwrap().unwrap_err().is_cancelled());
}

/// A task that is given its own handle.
fn with_own_handle<F: Future<Output = ()> + 'static>(
    f: impl FnOnce(JoinHandle<()>) -> F + 'static,
) -> Task {
    let (send, receive) = oneshot();
    let handle = spawn(async move { f(receive.await.unwrap()).await });
    let task = handle.task();
    assert!(send.send(handle).is_ok());
    task
}

/// The report of the panic of a task that is not awaited.
fn reporting() -> looplet::Builder {
    EventLoop::builder().on_unhandled_panic(|_, error| note(error))
}

#[test]
fn a_task_cannot_await_itself_among_others() {
    virtual_loop_with(reporting()).block_on(async {
        let tasks = [
            with_own_handle(async |own| {
                let mut completed = as_completed([spawn(async {}), own, spawn(pending())]);
                yield_now().await;
                assert!(completed.next().await.unwrap().is_ok());
                note("the first is there");
                drop(completed.next().await);
            }),
            with_own_handle(async |own| drop(as_completed([own]).collect::<Vec<_>>().await)),
            // The waker is not the task's own.
            with_own_handle(async |own| {
                let mut completed = as_completed([own]);
                let others = [completed.next()]
                    .into_iter()
                    .collect::<FuturesUnordered<_>>();
                drop(others.collect::<Vec<_>>().await);
            }),
        ];
        nap(1.0).await;
        assert!(tasks.iter().all(Task::is_finished));
    });
    let report = |n| format!("task 'Task-{n}' panicked: a task cannot await itself");
    let first = "the first is there".to_owned();
    assert_eq!(log(), [report(3), report(4), first, report(2)]);
}

#[test]
fn a_task_may_hand_on_its_own_handle_among_others() {
    play(async {
        let (send, receive) = oneshot();
        let task = spawn(async move {
            let mut completed: AsCompleted<()> = receive.await.unwrap();
            hand(completed.next()).finish().unwrap().unwrap();
            completed
        });
        let own = with_own_handle(async |own| {
            let completed = as_completed([own, spawn(async {})]);
            yield_now().await;
            assert!(send.send(completed).is_ok());
        });
        let mut rest = task.await.unwrap();
        assert!(rest.next().await.unwrap().is_ok());
        assert!(own.is_finished());
    });
}
