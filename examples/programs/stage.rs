//! The stage that programs are played on: it takes the lines they print, and stamps them with the time since their
//! start.
//!
//! The programs know nothing of it. They say `println!`, and this module puts a `println!` of its own in front of the
//! standard one, for all modules that are declared after it. So one text is a plain program when it runs as an example,
//! and is recorded when it is part of the tour or of a test.

use std::cell::{Cell, RefCell};
use std::thread;
use std::time::{Duration, Instant};

use looplet::EventLoop;

/// Hands the line to the stage instead of the standard output.
macro_rules! println {
    ($($line:tt)*) => {
        $crate::programs::stage::say(&format!($($line)*))
    };
}

/// Which time a program is played in.
#[derive(Clone, Copy)]
pub(crate) enum Time {
    /// Waiting takes no time: the clock jumps ahead.
    Virtual,
    /// Waiting takes as long as it says.
    Real,
}

/// What is played.
#[derive(Clone, Copy)]
pub(crate) enum Plot {
    /// A program for a loop.
    OnLoop(fn(&mut EventLoop)),
    /// A program without one.
    WithoutLoop(fn()),
}

/// Who gets the lines: the time since the program's start, and the text.
pub(crate) type Audience = Box<dyn FnMut(Duration, &str)>;

struct Stage {
    start: Instant,
    clock: Clock,
    audience: Audience,
}

#[derive(Clone, Copy)]
enum Clock {
    Real,
    /// The virtual time of the running loop.
    Loop,
    /// Virtual time without a loop: what [`block_thread`] has added up.
    ByHand(Duration),
}

thread_local! {
    static STAGE: RefCell<Option<Stage>> = const { RefCell::new(None) };
    static SCRIPT: Cell<&'static [u64]> = const { Cell::new(&[]) };
}

/// Plays a program to its end, and returns how long it took.
pub(crate) fn play(
    plot: Plot,
    time: Time,
    audience: impl FnMut(Duration, &str) + 'static,
) -> Duration {
    let audience = Box::new(audience);
    match plot {
        Plot::OnLoop(program) => play_on_loop(program, time, audience),
        Plot::WithoutLoop(program) => {
            let clock = match time {
                Time::Virtual => Clock::ByHand(Duration::ZERO),
                Time::Real => Clock::Real,
            };
            enter(Instant::now(), clock, audience);
            program();
            leave(now())
        }
    }
}

fn play_on_loop(program: fn(&mut EventLoop), time: Time, audience: Audience) -> Duration {
    let (mut event_loop, clock) = match time {
        Time::Virtual => (EventLoop::builder().virtual_time().build(), Clock::Loop),
        Time::Real => (EventLoop::new(), Clock::Real),
    };
    let start = event_loop.block_on(async { looplet::now() });
    enter(start, clock, audience);
    program(&mut event_loop);
    let end = event_loop.block_on(async { looplet::now() });
    drop(event_loop);
    leave(end)
}

/// Plays a program in virtual time before an observer, who sees nothing but the program: no task of the stage's own.
#[cfg(feature = "timeline")]
#[allow(dead_code, reason = "only the example `timeline` films")]
pub(crate) fn film(program: fn(&mut EventLoop), observer: impl looplet::Observer + 'static) {
    let builder = EventLoop::builder().virtual_time().observer(observer);
    let mut event_loop = builder.build();
    let start = std::rc::Rc::new(Cell::new(None));
    let clock = std::rc::Rc::clone(&start);
    event_loop
        .spawner()
        .call_soon(move || clock.set(Some(looplet::now())));
    event_loop.run_until_stalled();
    let start = start.get().expect("the call has run");
    enter(start, Clock::Loop, Box::new(|_, _| ()));
    program(&mut event_loop);
    drop(event_loop);
    STAGE.take();
}

fn enter(start: Instant, clock: Clock, audience: Audience) {
    let stage = Stage {
        start,
        clock,
        audience,
    };
    STAGE.set(Some(stage));
}

fn leave(end: Instant) -> Duration {
    let stage = STAGE.take().expect("a program is being played");
    end - stage.start
}

/// Shows one line, stamped with the time since the program's start.
pub(crate) fn say(line: &str) {
    let now = now();
    on_stage(|stage| (stage.audience)(now - stage.start, line));
}

/// The time on the stage's clock, for programs without a loop.
pub(crate) fn now() -> Instant {
    match on_stage(|stage| (stage.clock, stage.start)) {
        (Clock::Real, _) => Instant::now(),
        (Clock::Loop, _) => looplet::now(),
        (Clock::ByHand(passed), start) => start + passed,
    }
}

/// A sleep that blocks the thread; in virtual time the clock goes on by so much and nothing else happens.
pub(crate) fn block_thread(duration: Duration) {
    match on_stage(|stage| stage.clock) {
        Clock::Real => thread::sleep(duration),
        Clock::Loop => looplet::advance(duration),
        Clock::ByHand(passed) => {
            on_stage(|stage| stage.clock = Clock::ByHand(passed + duration));
        }
    }
}

/// Says what [`draw`] will return.
pub(crate) fn script(values: &'static [u64]) {
    SCRIPT.set(values);
}

/// The next value of the script, in place of a random one.
pub(crate) fn draw() -> u64 {
    let (&first, rest) = SCRIPT.get().split_first().expect("the script goes on");
    SCRIPT.set(rest);
    first
}

fn on_stage<R>(act: impl FnOnce(&mut Stage) -> R) -> R {
    STAGE.with_borrow_mut(|stage| act(stage.as_mut().expect("a program is being played")))
}
