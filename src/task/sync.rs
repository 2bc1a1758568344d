//! The atomics of this room, in one place so that a model checker can take their part.

#[cfg(not(loom))]
pub(super) use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicPtr, Ordering};

#[cfg(loom)]
pub(super) use loom::sync::atomic::{AtomicBool, AtomicIsize, AtomicPtr, Ordering};
