//! Many tasks: one after another, and all at once.

use std::rc::Rc;
use std::thread;

use looplet::{Event, EventLoop, Queue, Remote, spawn, yield_now};

use crate::gauge::Gauge;

/// So many tasks are alive at a time where they come one after another.
const WAVE: u64 = 1_000;

pub(crate) fn through_one_loop(size: u64, gauge: &Gauge) -> (u64, &'static str) {
    let total = 10_000 * size;
    let mut event_loop = EventLoop::new();
    let sum = event_loop.block_on(async {
        let mut sum = 0;
        for wave in 0..total / WAVE {
            let numbers = wave * WAVE..(wave + 1) * WAVE;
            let tasks: Vec<_> = numbers
                .map(|number| spawn(async move { (yield_now().await, number).1 }))
                .collect();
            gauge.note_most();
            for task in tasks {
                sum += task.await.unwrap();
            }
        }
        sum
    });
    assert_eq!(sum, total * (total - 1) / 2);
    let metrics = event_loop.metrics();
    assert_eq!((metrics.spawned, metrics.live_tasks), (total + 1, 0));
    gauge.note_idle();
    (total, "tasks")
}

/// A thread spawns tasks on the loop, wave by wave, and takes their results.
pub(crate) fn from_another_thread(size: u64, gauge: &Gauge) -> (u64, &'static str) {
    let total = 1_000 * size;
    let mut event_loop = EventLoop::new();
    let remote = event_loop.remote();
    let sum = event_loop.block_on(async {
        let sums = Queue::unbounded();
        let inlet = sums.remote();
        let thread = thread::spawn(move || {
            let waves = (0..total / WAVE).map(|wave| spawn_wave(&remote, wave));
            inlet.put(waves.sum()).unwrap();
        });
        let sum: u64 = sums.get().await.unwrap();
        gauge.note_most();
        thread.join().unwrap();
        sum
    });
    assert_eq!(sum, total * (total - 1) / 2);
    let metrics = event_loop.metrics();
    assert_eq!((metrics.spawned, metrics.live_tasks), (total + 1, 0));
    gauge.note_idle();
    (total, "tasks")
}

/// The sum of the results.
fn spawn_wave(remote: &Remote, wave: u64) -> u64 {
    let numbers = wave * WAVE..(wave + 1) * WAVE;
    let tasks: Vec<_> = numbers
        .map(|number| remote.spawn(move || async move { (yield_now().await, number).1 }))
        .collect();
    let results = tasks.into_iter().map(|task| task.unwrap().join().unwrap());
    results.sum()
}

pub(crate) fn alive_at_once(size: u64, gauge: &Gauge) -> (u64, &'static str) {
    let total = 1_000 * size;
    let mut event_loop = EventLoop::new();
    let event = Rc::new(Event::new());
    let tasks: Vec<_> = (0..total)
        .map(|number| {
            let event = event.clone();
            event_loop.spawn(async move { (event.wait().await, number).1 })
        })
        .collect();
    event_loop.run_until_stalled();
    let metrics = event_loop.metrics();
    assert_eq!(metrics.live_tasks as u64, total);
    assert_eq!(metrics.polls, total);
    gauge.note_most();
    event.set();
    event_loop.run_until_stalled();
    let metrics = event_loop.metrics();
    assert_eq!((metrics.live_tasks, metrics.polls), (0, total * 2));
    for (number, mut task) in tasks.into_iter().enumerate() {
        assert_eq!(task.try_join().unwrap().unwrap(), number as u64);
    }
    drop(event);
    gauge.note_idle();
    (total, "tasks")
}
