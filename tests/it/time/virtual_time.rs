//! Virtual time: when it moves, and when it cannot.

use std::time::Duration;

use looplet::{EventLoop, advance, now, sleep, spawn, spawn_named, yield_now};

use crate::support::panic_text;
use crate::support::trace::{nap, play, secs, virtual_loop_with};

#[test]
fn time_stands_still_while_anything_is_ready() {
    play(async {
        let start = now();
        spawn(nap(1.0)).detach();
        for _ in 0..1000 {
            yield_now().await;
        }
        assert_eq!(now(), start);
        let late = sleep(secs(2.0));
        advance(secs(1.5));
        late.await;
        assert_eq!(now() - start, secs(2.0));
    });
}

#[test]
fn a_deadlock_names_who_waits_and_a_sleep_without_end_is_no_timer() {
    let mut event_loop = virtual_loop_with(EventLoop::builder());
    let text = panic_text(|| {
        event_loop.block_on(async {
            let handle = spawn_named("sleeper", sleep(Duration::MAX));
            handle.await.unwrap();
        })
    });
    let text = text.unwrap();
    assert!(
        text.starts_with("deadlock:") && text.contains("sleeper"),
        "{text}"
    );
    assert!(
        panic_text(|| event_loop.run_forever())
            .unwrap()
            .starts_with("deadlock:")
    );
}
