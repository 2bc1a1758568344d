//! Traps that executors fall into, and what users may do wrong.

#![allow(clippy::async_yields_async)] // Futures leave their loop here on purpose.

mod support;

use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::hint::black_box;
use std::panic;
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use looplet::{
    EventLoop, JoinHandle, Queue, call_later, call_soon, gather, sleep, sleep_until, spawn,
    timeout, wait, yield_now,
};
use support::probes::{Ledger, OnDrop, virtual_loop};
use support::{Trace, panic_text};

// A loop that ends, and what destructors do to it meanwhile.

/// A task that waits for ever and calls `f` when its future is dropped.
fn at_end(event_loop: &EventLoop, f: impl FnMut() + 'static) -> JoinHandle<()> {
    let guard = OnDrop(f);
    event_loop.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    })
}

#[test]
fn a_destructor_may_wake_cancel_and_detach_others_while_the_loop_is_dropped() {
    let mut event_loop = EventLoop::new();
    let ledger = Ledger::default();
    let place = Rc::new(RefCell::new(Vec::new()));
    let others = place.clone();
    at_end(&event_loop, move || {
        for (handle, waker) in others.borrow_mut().drain(..) {
            let (handle, waker): (JoinHandle<()>, Waker) = (handle, waker);
            waker.wake_by_ref();
            assert!(handle.cancel());
            waker.wake();
            drop(handle);
        }
    })
    .detach();
    for _ in 0..3 {
        let entry = ledger.entry();
        let wakers = Rc::new(Cell::new(None));
        let there = wakers.clone();
        let handle = event_loop.spawn(poll_fn(move |cx| {
            let _ = &entry;
            there.set(Some(cx.waker().clone()));
            Poll::<()>::Pending
        }));
        event_loop.run_until_stalled();
        place.borrow_mut().push((handle, wakers.take().unwrap()));
    }
    drop(event_loop);
    assert!(place.borrow().is_empty());
    ledger.settle();
}

#[test]
fn what_a_destructor_spawns_while_the_loop_is_dropped_is_dropped_at_once() {
    let mut event_loop = EventLoop::new();
    let trace = Trace::default();
    let spawner = event_loop.spawner();
    let ledger = Ledger::default();
    let (notes, made) = (trace.clone(), ledger.clone());
    at_end(&event_loop, move || {
        let (entry, late) = (made.entry(), notes.clone());
        let task = spawn(async move {
            let _entry = entry;
            late.note("never");
        });
        notes.note(format!("{:?}", task.is_cancelled()));
        let entry = made.entry();
        let nested = OnDrop({
            let (notes, made) = (notes.clone(), made.clone());
            move || {
                notes.note("nested");
                let entry = made.entry();
                call_soon(move || drop(entry));
            }
        });
        call_soon(move || drop((entry, nested)));
        let entry = made.entry();
        call_later(Duration::from_secs(1), move || drop(entry));
        let entry = made.entry();
        spawner.spawn(async move { drop(entry) }).detach();
        let entries = [made.entry(), made.entry()];
        drop(gather(entries.map(|entry| async move { drop(entry) })));
        notes.note(looplet::all_tasks().len());
    })
    .detach();
    event_loop.run_until_stalled();
    drop(event_loop);
    assert_eq!(trace.take(), ["true", "1", "nested"]);
    assert_eq!(ledger.made(), 7);
    ledger.settle();
}

#[test]
fn callbacks_of_tasks_that_the_loop_ends_are_dropped_uncalled() {
    let mut event_loop = EventLoop::new();
    let ledger = Ledger::default();
    let handle = at_end(&event_loop, || ());
    let entry = ledger.entry();
    handle.on_done(move |_| {
        drop(entry);
        unreachable!("the loop is gone");
    });
    event_loop.run_until_stalled();
    drop(event_loop);
    ledger.settle();
    assert!(handle.is_cancelled());
    let entry = ledger.entry();
    handle.on_done(move |_| drop(entry));
    ledger.settle();
}

#[test]
fn handles_tasks_calls_and_spawners_outlive_their_loop() {
    let mut event_loop = EventLoop::builder().virtual_time().build();
    let spawner = event_loop.spawner();
    let ledger = Ledger::default();
    let entry = ledger.entry();
    let finished = event_loop.spawn(async move { entry });
    let panicked = event_loop.spawn(async { panic!("seen later") });
    let waiting = event_loop.spawn(pending::<()>());
    let task = waiting.task();
    let entry = ledger.entry();
    let (call, alarm) = event_loop.block_on(async {
        yield_now().await;
        let call = call_soon(|| ());
        (
            call,
            call_later(Duration::from_secs(1), move || drop(entry)),
        )
    });
    let group = event_loop.block_on(async { gather([pending::<()>(), pending()]) });
    let nap = event_loop.block_on(async {
        let mut nap = Box::pin(sleep(Duration::from_secs(5)));
        let polled = nap.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        nap
    });
    drop(event_loop);

    assert!(!call.cancel() && !alarm.cancel());
    assert_eq!(ledger.dropped(), 1);
    drop((group, nap));
    assert!(task.is_cancelled() && !task.cancel() && !waiting.cancel());
    assert_eq!(task, waiting.task());
    task.set_name("late");
    assert_eq!(format!("{waiting:?}"), "<Task cancelled name='late'>");
    let polled = |mut handle: JoinHandle<()>| {
        let polled = pin!(&mut handle).poll(&mut Context::from_waker(Waker::noop()));
        let Poll::Ready(result) = polled else {
            panic!("it is pending")
        };
        result
    };
    assert!(polled(waiting).unwrap_err().is_cancelled());
    let error: looplet::JoinError = {
        let mut panicked = panicked;
        panicked.try_join().unwrap().unwrap_err()
    };
    assert_eq!(error.to_string(), "task 'Task-2' panicked: seen later");
    drop(finished);

    let entry = ledger.entry();
    let late = spawner.spawn(async move { drop(entry) });
    assert!(late.is_cancelled());
    let entry = ledger.entry();
    let named = spawner.spawn_named("late too", async move { drop(entry) });
    assert_eq!(
        format!("{:?}", named.task()),
        "<Task cancelled name='late too'>"
    );
    let entry = ledger.entry();
    assert!(!spawner.call_soon(move || drop(entry)).cancel());
    spawner.stop();
    let again = late.task();
    drop((late, named, spawner));
    assert!(again.clone().is_cancelled());
    ledger.settle();
}

#[test]
fn a_loop_may_be_dropped_in_a_task_of_another() {
    let trace = Trace::default();
    let notes = trace.clone();
    looplet::run(async move {
        let inner = EventLoop::new();
        let tick = notes.clone();
        at_end(&inner, move || {
            let name = |task: Option<looplet::Task>| task.map(|task| task.name().to_string());
            tick.note(format!("inner: {:?}", name(looplet::try_current_task())));
            spawn(pending::<()>()).detach();
        })
        .detach();
        let own = spawn(pending::<()>());
        drop(inner);
        notes.note(format!("outer: {}", looplet::current_task().name()));
        assert_eq!(looplet::all_tasks().len(), 2);
        own.cancel();
    });
    assert_eq!(trace.take(), ["inner: Some(\"Task-1\")", "outer: Task-1"]);
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

// Tasks and their cells.

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

#[test]
fn a_task_that_finishes_while_it_is_queued_is_polled_no_more() {
    let mut event_loop = EventLoop::new();
    let polls = Rc::new(Cell::new(0));
    let count = polls.clone();
    event_loop.block_on(async {
        let handle = spawn(poll_fn(move |cx| {
            count.set(count.get() + 1);
            cx.waker().wake_by_ref();
            let other = cx.waker().clone();
            other.wake_by_ref();
            other.wake();
            Poll::Ready(())
        }));
        drop(handle);
        yield_now().await;
        yield_now().await;
        yield_now().await;
    });
    assert_eq!(polls.get(), 1);
}

#[test]
fn cells_are_reused_for_tasks_of_other_types() {
    let mut event_loop = EventLoop::new();
    let ledger = Ledger::default();
    event_loop.block_on(async {
        for number in 0..100_u64 {
            let text = spawn(async move { (number.to_string(), number) });
            assert_eq!(text.await.unwrap().0, number.to_string());
            let (entry, boxed) = (ledger.entry(), Box::new(number));
            let pair = spawn(async move {
                yield_now().await;
                (entry, boxed)
            });
            assert_eq!(*pair.await.unwrap().1, number);
            let panicked = spawn(async move { assert!(number > 1000, "{number}") });
            assert!(panicked.await.is_err());
            let gone = spawn(pending::<[u64; 3]>());
            gone.cancel();
            assert!(gone.await.is_err());
        }
    });
    ledger.settle();
}

#[test]
fn futures_and_outputs_may_ask_for_any_alignment() {
    #[repr(align(256))]
    #[derive(Clone, Copy)]
    struct Wide(u8);

    looplet::run(async {
        let handles: Vec<_> = (0..20)
            .map(|n| {
                spawn(async move {
                    let wide = Wide(n);
                    let before = &raw const wide;
                    yield_now().await;
                    assert_eq!(before.addr() % Layout::new::<Wide>().align(), 0);
                    assert_eq!(before, &raw const wide);
                    wide
                })
            })
            .collect();
        for (n, handle) in handles.into_iter().enumerate() {
            assert_eq!(usize::from(handle.await.unwrap().0), n);
        }
        let nothing = spawn(async {});
        nothing.await.unwrap();
    });
}

/// As large as a quarter of the stack that a thread has by default.
async fn large() -> u8 {
    let content = [7_u8; 512 * 1024];
    yield_now().await;
    black_box(&content)[0]
}

#[test]
fn a_large_future_fits_on_a_small_stack() {
    fn check(f: impl FnOnce(&EventLoop) -> JoinHandle<u8> + Send + 'static) {
        let thread = thread::Builder::new().stack_size(2 << 20).spawn(|| {
            let mut event_loop = EventLoop::new();
            let handle = f(&event_loop);
            assert_eq!(event_loop.block_on(handle).unwrap(), 7);
        });
        thread.unwrap().join().unwrap();
    }

    check(|event_loop| event_loop.spawn(large()));
    check(|event_loop| event_loop.spawner().spawn(large()));
    check(|event_loop| event_loop.spawner().spawn_named("large", large()));
    check(|event_loop| event_loop.spawn(async { spawn(large()).await.unwrap() }));
    check(|event_loop| {
        event_loop.spawn(async { looplet::spawn_named("large", large()).await.unwrap() })
    });
}

#[test]
fn many_wakers_of_one_task_are_one_wakeup_and_all_are_counted() {
    let mut event_loop = EventLoop::new();
    let ledger = Ledger::default();
    let entry = ledger.entry();
    let wakers = Rc::new(RefCell::new(Vec::new()));
    let there = wakers.clone();
    event_loop
        .spawn(poll_fn(move |cx| {
            let _ = &entry;
            there
                .borrow_mut()
                .extend((0..1000).map(|_| cx.waker().clone()));
            Poll::<()>::Pending
        }))
        .detach();
    event_loop.run_until_stalled();
    event_loop.block_on(async { wakers.take().into_iter().for_each(Waker::wake) });
    event_loop.run_until_stalled();
    assert_eq!(wakers.borrow().len(), 1000);
    drop(event_loop);
    ledger.settle();
    wakers.take().into_iter().for_each(Waker::wake);
}

#[test]
fn nothing_is_polled_or_dropped_inside_wake() {
    let mut event_loop = EventLoop::new();
    let trace = Trace::default();
    let notes = trace.clone();
    event_loop.block_on(async move {
        let ended = OnDrop({
            let notes = notes.clone();
            move || notes.note("dropped")
        });
        let place = Rc::new(Cell::new(None));
        let there = place.clone();
        let mut polls = 0;
        let handle = spawn(poll_fn(move |cx| {
            let _ = &ended;
            polls += 1;
            there.set(Some(cx.waker().clone()));
            if polls == 2 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
        yield_now().await;
        let waker = place.take().unwrap();
        waker.wake();
        notes.note("woken");
        assert!(!handle.is_finished());
        handle.await.unwrap();
    });
    assert_eq!(trace.take(), ["woken", "dropped"]);
}

#[test]
fn a_greedy_task_does_not_starve_timers() {
    let mut event_loop = EventLoop::new();
    let turns = event_loop.block_on(async {
        let is_over = Rc::new(Cell::new(false));
        let over = is_over.clone();
        let greedy = spawn(async move {
            let mut turns = 0_u64;
            while !over.get() {
                turns += 1;
                yield_now().await;
            }
            turns
        });
        sleep(Duration::from_millis(2)).await;
        is_over.set(true);
        greedy.await.unwrap()
    });
    assert!(turns > 1);
}

#[test]
fn one_long_round_does_not_starve_timers() {
    let (mut event_loop, _) = virtual_loop();
    let trace = Trace::default();
    let notes = trace.clone();
    event_loop.block_on(async {
        let late = notes.clone();
        call_later(Duration::from_secs(1), move || late.note("alarm"));
        for n in 0..200 {
            let notes = notes.clone();
            spawn(async move {
                looplet::advance(Duration::from_millis(50));
                if n == 199 {
                    notes.note("end of the first round");
                }
                yield_now().await;
                if n == 199 {
                    notes.note("end of the second");
                }
            })
            .detach();
        }
        sleep(Duration::from_secs(60)).await;
    });
    // Found during the first round, so ahead of what was queued at its end.
    assert_eq!(
        trace.take(),
        ["end of the first round", "alarm", "end of the second"]
    );
}

#[test]
fn a_child_on_the_stack_survives_the_drop_of_its_gather() {
    let (mut event_loop, reports) = virtual_loop();
    let trace = Trace::default();
    let notes = trace.clone();
    event_loop.block_on(async {
        type Slot = Rc<RefCell<Option<std::pin::Pin<Box<dyn Future<Output = [(); 2]>>>>>>;
        let slot = Slot::default();
        let child = |name: &'static str| {
            let (slot, notes) = (slot.clone(), notes.clone());
            async move {
                let end = notes.clone();
                let _guard = OnDrop(move || end.note(format!("{name} dropped")));
                yield_now().await;
                drop(slot.take());
                notes.note(format!("{name} goes on"));
                yield_now().await;
                notes.note("never");
            }
        };
        let group = gather([child("first"), child("second")]);
        slot.replace(Some(Box::pin(group)));
        for _ in 0..4 {
            yield_now().await;
        }
    });
    assert_eq!(
        trace.take(),
        ["second dropped", "first goes on", "first dropped"]
    );
    assert!(reports.borrow().is_empty());
}

#[test]
fn a_task_may_drop_or_cancel_its_own_handle() {
    looplet::run(async {
        let place = Rc::new(RefCell::new(None::<JoinHandle<&str>>));
        let own = place.clone();
        let handle = spawn(async move {
            drop(own.take());
            yield_now().await;
            "unwanted"
        });
        let task = handle.task();
        place.replace(Some(handle));
        yield_now().await;
        yield_now().await;
        yield_now().await;
        assert!(task.is_finished() && !task.is_cancelled());

        let own = place.clone();
        let ledger = Ledger::default();
        let (entry, other) = (ledger.entry(), ledger.entry());
        let handle = spawn(async move {
            let _entry = entry;
            own.borrow().as_ref().unwrap().cancel();
            drop(other);
            "counts as cancelled"
        });
        place.replace(Some(handle));
        yield_now().await;
        assert!(place.take().unwrap().await.unwrap_err().is_cancelled());
        ledger.settle();
    });
}

#[test]
fn a_task_cannot_await_itself() {
    let (mut event_loop, _) = virtual_loop();
    event_loop.block_on(async {
        let place = Rc::new(RefCell::new(None::<JoinHandle<()>>));
        let own = place.clone();
        let handle = spawn(async move {
            let handle = own.take().unwrap();
            let _ = handle.await;
        });
        let task = handle.task();
        place.replace(Some(handle));
        yield_now().await;
        yield_now().await;
        assert!(task.is_finished() && !task.is_cancelled());
    });
}

// What users may do wrong.

#[test]
#[allow(unused_must_use)]
fn outside_of_a_loop_ambient_functions_panic_at_the_callers_line() {
    thread_local!(static PLACE: Cell<(u32, bool)> = const { Cell::new((0, false)) });
    let here = file!();
    panic::set_hook(Box::new(move |info| {
        let place = info.location().unwrap();
        PLACE.set((place.line(), place.file() == here));
    }));
    let check = |line: u32, f: &dyn Fn()| {
        assert_eq!(panic_text(f).unwrap(), "no running event loop");
        assert_eq!(PLACE.get(), (line, true));
    };
    let at = Instant::now();
    let ms = Duration::from_millis(1);
    macro_rules! check {
        ($($call:expr),+ $(,)?) => {$(
            check(line!(), &|| _ = $call);
        )+};
    }
    check!(spawn(async {}));
    check!(looplet::spawn_named("n", async {}));
    check!(looplet::current_task());
    check!(looplet::all_tasks());
    check!(call_soon(|| ()));
    check!(call_later(ms, || ()));
    check!(looplet::call_at(at, || ()));
    check!(looplet::now());
    check!(looplet::advance(ms));
    check!(sleep(ms));
    check!(sleep_until(at));
    check!(timeout(ms, async {}));
    check!(looplet::timeout_at(at, async {}));
    check!(looplet::interval(ms));
    check!(gather([async {}]));
    check!(looplet::try_gather([async { Ok::<(), ()>(()) }]));
    check!(gather(Vec::<std::future::Ready<()>>::new()));
    let _ = panic::take_hook();
    assert!(looplet::try_current_task().is_none());
}

#[test]
fn bad_arguments_panic_with_a_sentence_that_says_what_to_do() {
    let says = |text: Option<String>, part: &str| {
        let text = text.expect("it does not panic");
        assert!(text.contains(part), "{text:?} does not tell of {part:?}");
    };
    says(panic_text(|| Queue::<()>::bounded(0)), "bound");
    says(
        panic_text(|| wait(Vec::<JoinHandle<()>>::new())),
        "at least one handle",
    );
    looplet::run(async {
        says(
            panic_text(|| looplet::interval(Duration::ZERO)),
            "yield_now()",
        );
        says(
            panic_text(|| looplet::advance(Duration::ZERO)),
            "virtual_time()",
        );
    });
    says(
        panic_text(|| EventLoop::new().advance(Duration::ZERO)),
        "virtual_time()",
    );
    let queue = Queue::unbounded();
    queue.try_put(1).unwrap();
    queue.task_done();
    assert_eq!(
        panic_text(|| queue.task_done()).unwrap(),
        "task_done() called too many times"
    );
}

#[test]
fn sleeps_that_never_end_and_deadlines_in_the_past_are_fine() {
    let (mut event_loop, _) = virtual_loop();
    event_loop.block_on(async {
        let start = looplet::now();
        let long_ago = start - Duration::from_millis(1);
        sleep_until(long_ago).await;
        looplet::timeout_at(long_ago, async {}).await.unwrap();
        assert!(
            looplet::timeout_at(long_ago, pending::<()>())
                .await
                .is_err()
        );
        let run = Rc::new(Cell::new(false));
        let ran = run.clone();
        looplet::call_at(long_ago, move || ran.set(true));
        yield_now().await;
        yield_now().await;
        yield_now().await;
        assert!(run.get());
        assert_eq!(looplet::now(), start);
        let for_ever = sleep(Duration::MAX);
        assert!(
            timeout(Duration::from_secs(86_400 * 365), for_ever)
                .await
                .is_err()
        );
        assert_eq!(timeout(Duration::MAX, async { 1 }).await, Ok(1));
        call_later(Duration::MAX, || unreachable!()).cancel();
    });
}

#[test]
fn a_thousand_cancels_are_one() {
    let (mut event_loop, _) = virtual_loop();
    let ledger = Ledger::default();
    event_loop.block_on(async {
        let entry = ledger.entry();
        let handle = spawn(async move {
            let _entry = entry;
            pending::<()>().await;
        });
        yield_now().await;
        let task = handle.task();
        for _ in 0..1000 {
            assert!(handle.cancel() && task.cancel());
        }
        assert!(handle.await.unwrap_err().is_cancelled());
        for _ in 0..1000 {
            assert!(!task.cancel());
        }
    });
    ledger.settle();
}

#[test]
fn what_is_dropped_in_a_loop_is_dropped_on_its_thread() {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut event_loop = EventLoop::new();
        let home = thread::current().id();
        let waker = event_loop.block_on(poll_fn(|cx| Poll::Ready(cx.waker().clone())));
        let place = Rc::new(Cell::new(None));
        let there = place.clone();
        event_loop
            .spawn(async move {
                let _guard = OnDrop(move || assert_eq!(thread::current().id(), home));
                poll_fn(|cx| {
                    there.set(Some(cx.waker().clone()));
                    Poll::<()>::Pending
                })
                .await;
            })
            .detach();
        event_loop.run_until_stalled();
        sender.send((waker, place.take().unwrap())).unwrap();
    })
    .join()
    .unwrap();
    drop(receiver.recv().unwrap());
}
