//! Drops of values whose destructors are user code.

use std::any::Any;
use std::mem;
use std::panic::{self, AssertUnwindSafe};

/// Drops a value and returns a panic of its destructor.
pub(super) fn drop_guarded<T>(value: T) -> Result<(), Box<dyn Any + Send>> {
    panic::catch_unwind(AssertUnwindSafe(|| drop(value)))
}

/// Drops a value and discards a panic of its destructor: the first panic has been reported already.
pub(crate) fn drop_quietly<T>(value: T) {
    // The payload of the panic may panic when it is dropped. A second payload is leaked.
    if let Err(second) = drop_guarded(value).or_else(drop_guarded) {
        mem::forget(second);
    }
}
