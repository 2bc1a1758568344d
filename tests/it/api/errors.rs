//! What errors say of themselves. Those that hand a value back are errors whatever that value is.

use std::error::Error;

use looplet::sync::{BrokenBarrier, Closed, PutError, TryGetError, TryPutError};
use looplet::time::Elapsed;
use looplet::{LoopGone, spawn_named};

/// Cannot be printed.
struct Mute;

/// What a user prints, and what a test or `unwrap` prints.
fn texts(error: &impl Error) -> [String; 2] {
    [error.to_string(), format!("{error:?}")]
}

#[test]
fn errors_without_content_say_what_happened() {
    let table = [
        (
            texts(&Closed),
            ["closed: nothing more will arrive", "Closed"],
        ),
        (texts(&Elapsed), ["deadline has elapsed", "Elapsed"]),
        (
            texts(&BrokenBarrier),
            ["the barrier is broken", "BrokenBarrier"],
        ),
        (texts(&LoopGone), ["the event loop is gone", "LoopGone"]),
        (
            texts(&TryGetError::Empty),
            ["get on an empty queue", "Empty"],
        ),
        (
            texts(&TryGetError::Closed),
            ["get on a queue that was shut down", "Closed"],
        ),
    ];
    for (said, expected) in table {
        assert_eq!(said, expected);
    }
}

#[test]
fn errors_that_hand_a_value_back_do_not_print_it() {
    let is_shut = "put on a queue that was shut down";
    let table = [
        (texts(&PutError(Mute)), [is_shut, "PutError(..)"]),
        (
            texts(&TryPutError::Full(Mute)),
            ["put on a full queue", "Full(..)"],
        ),
        (texts(&TryPutError::Closed(Mute)), [is_shut, "Closed(..)"]),
    ];
    for (said, expected) in table {
        assert_eq!(said, expected);
    }
}

#[test]
fn the_error_of_a_task_says_which_one_and_why() {
    looplet::run(async {
        let broken = spawn_named("stew", async { panic!("no {}", "salt") });
        let error = broken.await.map(|()| "fine").unwrap_err();
        assert_eq!(
            texts(&error),
            [
                "task 'stew' panicked: no salt",
                "JoinError(task 'stew' panicked: no salt)"
            ]
        );
        let cancelled = spawn_named("soup", std::future::pending::<()>());
        cancelled.cancel();
        let error = cancelled.await.unwrap_err();
        assert_eq!(
            texts(&error),
            [
                "task 'soup' was cancelled",
                "JoinError(task 'soup' was cancelled)"
            ]
        );
    });
}
