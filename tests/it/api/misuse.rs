//! What is called without a loop, inside of one, or with arguments that make no sense panics: at the line of the call,
//! with a sentence that says what to do.

use std::cell::RefCell;
use std::future::{Ready, pending, ready};
use std::panic::{Location, PanicHookInfo};
use std::time::{Duration, Instant};

use looplet::{EventLoop, JoinHandle, Queue, wait};

use crate::support::hook::with_panic_hook;
use crate::support::panic_text;

thread_local! {
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
    static WRONG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Calls `f`, which should panic with `text` at the line of the caller.
#[track_caller]
fn blames<R>(text: &str, f: impl FnOnce() -> R) {
    let here = Location::caller();
    let expected = format!("{}:{} {text}", here.file(), here.line());
    let seen = panic_text(f)
        .zip(PLACE.take())
        .map(|(text, place)| format!("{place} {text}"));
    if seen.as_deref() != Some(&expected) {
        WRONG.with_borrow_mut(|wrong| wrong.push(format!("{expected}: {seen:?}")));
    }
}

#[test]
#[rustfmt::skip] // One line per call: the line is what is tested.
fn a_call_that_needs_a_loop_is_blamed_at_its_own_line() {
    const NONE: &str = "no running event loop";
    const NESTED: &str = "cannot run an event loop while another one is running on this thread";
    let note_place = |info: &PanicHookInfo<'_>| {
        let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
        PLACE.set(place);
    };
    with_panic_hook(note_place, || {
        let (second, now) = (Duration::from_secs(1), Instant::now());
        blames(NONE, || looplet::spawn(async {}));
        blames(NONE, || looplet::spawn_named("n", async {}));
        blames(NONE, || looplet::current_task());
        blames(NONE, || looplet::all_tasks());
        blames(NONE, || looplet::call_soon(|| ()));
        blames(NONE, || looplet::call_later(second, || ()));
        blames(NONE, || looplet::call_at(now, || ()));
        blames(NONE, || looplet::now());
        blames(NONE, || looplet::advance(second));
        blames(NONE, || looplet::sleep(second));
        blames(NONE, || looplet::sleep_until(now));
        blames(NONE, || looplet::timeout(second, pending::<()>()));
        blames(NONE, || looplet::timeout_at(now, pending::<()>()));
        blames(NONE, || looplet::interval(second));
        blames(NONE, || looplet::gather([pending::<()>()]));
        blames(NONE, || looplet::gather(Vec::<Ready<()>>::new()));
        blames(NONE, || looplet::gather((ready(1), ready(2))));
        blames(NONE, || looplet::try_gather(Vec::<Ready<Result<(), ()>>>::new()));
        let handle = EventLoop::new().spawn(async {});
        let waiting = looplet::wait([handle]);
        blames(NONE, || waiting.timeout(second));
        looplet::run(async {
            blames(NESTED, || looplet::run(async {}));
            blames(NESTED, || EventLoop::new().block_on(async {}));
            blames(NESTED, || EventLoop::new().run_until_stalled());
            blames(NESTED, || EventLoop::new().run_once(None));
            blames(NESTED, || EventLoop::new().run_forever());
            blames(NESTED, || EventLoop::new().shutdown(second));
        });
    });
    assert_eq!(WRONG.take(), [""; 0]);
}

#[test]
fn outside_of_a_loop_there_is_no_current_task_and_asking_for_it_is_no_misuse() {
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
