//! Wakers from other threads: they wake a sleeping loop, and do no harm at any time, on any thread.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use looplet::{EventLoop, spawn, yield_now};

use crate::support::probes::Ledger;

/// Waits until the flag is set, and leaves its waker in the place.
fn until(flag: Arc<AtomicBool>, place: Arc<Mutex<Option<Waker>>>) -> impl Future<Output = ()> {
    poll_fn(move |cx| {
        if flag.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        *place.lock().unwrap() = Some(cx.waker().clone());
        Poll::Pending
    })
}

/// The waker of a task that waits for ever, and the ledger of what it holds.
async fn waker_of_a_waiting_task() -> (Waker, Ledger) {
    let ledger = Ledger::default();
    let entry = ledger.entry();
    let place = Rc::new(Cell::new(None));
    let there = place.clone();
    spawn(async move {
        let _entry = entry;
        poll_fn(|cx| {
            there.set(Some(cx.waker().clone()));
            Poll::<()>::Pending
        })
        .await;
    })
    .detach();
    yield_now().await;
    (place.take().unwrap(), ledger)
}

#[test]
fn a_thread_wakes_a_sleeping_loop() {
    let flag = Arc::new(AtomicBool::new(false));
    let place = Arc::new(Mutex::new(None::<Waker>));
    let (asleep, thread) = {
        let (flag, place) = (flag.clone(), place.clone());
        let (asleep, fell_asleep) = mpsc::channel();
        let thread = thread::spawn(move || {
            fell_asleep.recv().unwrap();
            flag.store(true, Ordering::Relaxed);
            place.lock().unwrap().take().unwrap().wake();
        });
        (asleep, thread)
    };
    let mut event_loop = EventLoop::new();
    event_loop.block_on(async {
        // With a deadline the loop waits in another way.
        let mut timer = pin!(looplet::sleep(Duration::from_secs(3600)));
        assert!(futures::poll!(&mut timer).is_pending());
        let waits = spawn(until(flag, place));
        yield_now().await;
        asleep.send(()).unwrap();
        waits.await.unwrap();
    });
    assert_eq!(event_loop.metrics().remote_wakes, 1);
    thread.join().unwrap();
}

#[test]
fn a_thread_wakes_main() {
    let flag = Arc::new(AtomicBool::new(false));
    let place = Arc::new(Mutex::new(None::<Waker>));
    let thread = {
        let (flag, place) = (flag.clone(), place.clone());
        thread::spawn(move || {
            loop {
                if let Some(waker) = place.lock().unwrap().take() {
                    flag.store(true, Ordering::Relaxed);
                    return waker.wake();
                }
                thread::yield_now();
            }
        })
    };
    looplet::run(until(flag, place));
    thread.join().unwrap();
}

#[test]
fn a_thousand_ping_pongs_lose_no_wakeup() {
    let (ping, pings) = mpsc::channel::<(usize, Waker)>();
    let answer = Arc::new(AtomicUsize::new(0));
    let thread = {
        let answer = answer.clone();
        thread::spawn(move || {
            for (number, waker) in pings {
                answer.store(number, Ordering::Relaxed);
                waker.wake();
            }
        })
    };
    looplet::run(async move {
        for number in 1..=1000 {
            let mut is_sent = false;
            poll_fn(|cx| {
                if answer.load(Ordering::Relaxed) == number {
                    return Poll::Ready(());
                }
                if !is_sent {
                    is_sent = true;
                    ping.send((number, cx.waker().clone())).unwrap();
                }
                Poll::Pending
            })
            .await;
        }
    });
    thread.join().unwrap();
}

#[test]
fn a_waker_may_outlive_its_loop_on_another_thread() {
    let mut event_loop = EventLoop::new();
    let (waker, ledger) = event_loop.block_on(waker_of_a_waiting_task());
    drop(event_loop);
    ledger.settle();
    let thread = thread::spawn(move || {
        waker.wake_by_ref();
        let other = waker.clone();
        waker.wake();
        drop(other);
    });
    thread.join().unwrap();
}

#[test]
fn a_flood_of_wakeups_is_one_poll() {
    let mut event_loop = EventLoop::new();
    let polls = Rc::new(Cell::new(0));
    let count = polls.clone();
    let place = Arc::new(Mutex::new(None::<Waker>));
    let there = place.clone();
    event_loop
        .spawn(poll_fn(move |cx| {
            count.set(count.get() + 1);
            *there.lock().unwrap() = Some(cx.waker().clone());
            Poll::<()>::Pending
        }))
        .detach();
    event_loop.run_until_stalled();
    let waker = place.lock().unwrap().take().unwrap();
    let flood = thread::spawn(move || {
        for _ in 0..100_000 {
            waker.wake_by_ref();
            drop(waker.clone());
        }
    });
    flood.join().unwrap();
    event_loop.run_until_stalled();
    assert_eq!(polls.get(), 2);
    assert_eq!(event_loop.metrics().remote_wakes, 1);
}

#[test]
fn a_waker_dropped_on_another_thread_frees_a_finished_task_on_the_owner_thread() {
    let mut event_loop = EventLoop::new();
    let ledger = Ledger::default();
    let entry = ledger.entry();
    let place = Arc::new(Mutex::new(None::<Waker>));
    let there = place.clone();
    let mut handle = event_loop.spawn(poll_fn(move |cx| {
        let is_second = there.lock().unwrap().replace(cx.waker().clone()).is_some();
        if is_second {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }));
    let output = event_loop.spawn(async move { entry });
    event_loop.run_until_stalled();
    let other = output.task();
    place.lock().unwrap().as_ref().unwrap().wake_by_ref();
    event_loop.run_until_stalled();
    assert!(matches!(handle.try_join(), Some(Ok(()))));
    let waker = place.lock().unwrap().take();
    drop(handle);
    thread::spawn(move || drop(waker)).join().unwrap();
    event_loop.run_until_stalled();
    drop(event_loop);
    // An output is dropped with its handle, here, though the loop is gone.
    assert_eq!(ledger.dropped(), 0);
    drop(output);
    ledger.settle();
    assert!(other.is_finished());
}

#[test]
fn a_waker_works_while_its_thread_ends() {
    thread_local!(static LATE: Cell<Option<Waker>> = const { Cell::new(None) });
    struct WakeLate;
    impl Drop for WakeLate {
        fn drop(&mut self) {
            if let Ok(Some(waker)) = LATE.try_with(Cell::take) {
                waker.wake_by_ref();
                drop(waker.clone());
            }
        }
    }
    thread_local!(static AT_END: WakeLate = const { WakeLate });

    // On a thread that is none of the loop's.
    let mut event_loop = EventLoop::new();
    let (waker, _) = event_loop.block_on(waker_of_a_waiting_task());
    thread::spawn(move || {
        LATE.set(Some(waker));
        AT_END.with(|_| ());
    })
    .join()
    .unwrap();
    drop(event_loop);

    // On the loop's own, before and after the loop's end.
    for keeps_loop in [false, true] {
        thread_local!(static LOOP: Cell<Option<EventLoop>> = const { Cell::new(None) });
        thread::spawn(move || {
            AT_END.with(|_| ());
            let mut event_loop = EventLoop::new();
            let (waker, _) = event_loop.block_on(waker_of_a_waiting_task());
            LATE.set(Some(waker));
            if keeps_loop {
                LOOP.set(Some(event_loop));
            }
        })
        .join()
        .unwrap();
    }
}

#[test]
fn a_waker_on_the_loops_thread_works_between_two_runs() {
    let mut event_loop = EventLoop::new();
    let flag = Arc::new(AtomicBool::new(false));
    let place = Arc::new(Mutex::new(None::<Waker>));
    let handle = event_loop.spawn(until(flag.clone(), place.clone()));
    event_loop.run_until_stalled();
    flag.store(true, Ordering::Relaxed);
    let waker = place.lock().unwrap().take().unwrap();
    let clones = [(); 10].map(|()| waker.clone());
    waker.wake();
    drop(clones);
    event_loop.run_until_stalled();
    assert!(handle.is_finished());
}

#[test]
fn a_waker_of_one_loop_works_inside_another() {
    let mut outer = EventLoop::new();
    let mut inner = EventLoop::new();
    let (waker, ledger) = inner.block_on(waker_of_a_waiting_task());
    outer.block_on(async {
        let own = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
        waker.wake_by_ref();
        drop(waker.clone());
        spawn(async move {
            // A loop that is dropped in a task of another: its destructors' wakers are external to the other.
            let guard = crate::support::probes::OnDrop(move || own.wake_by_ref());
            inner
                .spawn(async move {
                    let _guard = guard;
                    pending::<()>().await;
                })
                .detach();
            drop(inner);
            assert!(looplet::try_current_task().is_some());
        })
        .await
        .unwrap();
        ledger.settle();
        waker.wake();
    });
}

/// Four threads clone, wake and drop what they can get of tasks that finish, panic and are cancelled, while loops come
/// and go.
#[test]
fn four_threads_in_a_frenzy_do_no_harm() {
    const SLOTS: usize = 32;
    const LOOPS: usize = 1_000;
    let slots: Arc<Vec<Mutex<Option<Waker>>>> =
        Arc::new((0..SLOTS).map(|_| Mutex::new(None)).collect());
    let is_over = Arc::new(AtomicBool::new(false));
    let start = Arc::new(Barrier::new(5));
    let threads: Vec<_> = (0..4_u64)
        .map(|seed| {
            let (slots, is_over, start) = (slots.clone(), is_over.clone(), start.clone());
            thread::spawn(move || {
                start.wait();
                let mut random = Random(seed * 2 + 1);
                let mut kept = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    let slot = &slots[random.below(SLOTS)];
                    match random.below(6) {
                        0 => kept.extend(slot.lock().unwrap().clone()),
                        1 => drop(slot.lock().unwrap().take()),
                        2 => {
                            if let Some(waker) = &*slot.lock().unwrap() {
                                waker.wake_by_ref();
                            }
                        }
                        3 => {
                            let waker = slot.lock().unwrap().take();
                            if let Some(waker) = waker {
                                waker.wake();
                            }
                        }
                        4 => kept.truncate(random.below(8)),
                        _ => kept.iter().for_each(Waker::wake_by_ref),
                    }
                }
            })
        })
        .collect();

    start.wait();
    let ledger = Ledger::default();
    let mut random = Random(99);
    for _ in 0..LOOPS {
        let mut event_loop = EventLoop::builder().on_unhandled_panic(|_, _| ()).build();
        for _ in 0..random.below(20) + 1 {
            for _ in 0..random.below(10) {
                let (slots, slot) = (slots.clone(), random.below(SLOTS));
                let (fate, entry) = (random.below(4), ledger.entry());
                let mut polls = 0;
                let handle = event_loop.spawn(poll_fn(move |cx| {
                    let _ = &entry;
                    polls += 1;
                    let waker = cx.waker().clone();
                    let old = slots[slot].lock().unwrap().replace(waker);
                    drop(old);
                    match (polls, fate) {
                        (1, _) | (_, 0) => Poll::Pending,
                        // A payload that is no text, and a hook that says nothing: the panic is quiet.
                        (_, 1) => std::panic::resume_unwind(Box::new(slot)),
                        _ => Poll::Ready(slot),
                    }
                }));
                if fate == 2 && random.below(2) == 0 {
                    handle.cancel();
                }
            }
            if random.below(3) == 0 {
                event_loop.run_once(Some(Duration::from_micros(50)));
            } else {
                event_loop.run_until_stalled();
            }
        }
        drop(event_loop);
    }
    is_over.store(true, Ordering::Relaxed);
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    drop(slots);
    ledger.settle();
}

/// Numbers that look random: enough to mix things up.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
