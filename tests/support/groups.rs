//! What the tests of task groups share.

use looplet::{Failure, GroupError};

use super::trace::{GuardAt, message, nap};

/// The texts of a group's failures.
pub(crate) fn texts<E: std::fmt::Debug>(error: GroupError<E>) -> Vec<String> {
    let text = |failure| match failure {
        Failure::Error(error) => format!("{error:?}"),
        Failure::Panic(error) => message(error),
    };
    error.into_failures().into_iter().map(text).collect()
}

pub(crate) async fn fail_after(seconds: f64, error: &'static str) -> Result<(), &'static str> {
    nap(seconds).await;
    Err(error)
}

/// Sleeps with a guard that notes when it ended.
pub(crate) async fn guarded(seconds: f64, name: &'static str) -> Result<(), &'static str> {
    let _guard = GuardAt(name);
    nap(seconds).await;
    Ok(())
}
