//! `gather` and `try_gather`, case by case.

mod support;

use looplet::gather;
use support::trace::{note, play};

#[test]
fn quick() {
    let out = std::panic::catch_unwind(|| {
        play(async {
            gather((
                async {
                    looplet::yield_now().await;
                    panic!("first");
                },
                std::future::pending::<()>(),
            ))
            .await;
        })
    });
    note("x");
    assert_eq!(*out.unwrap_err().downcast_ref::<&str>().unwrap(), "first");
}
