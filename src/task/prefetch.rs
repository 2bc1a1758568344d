//! Asks for memory that is about to be used.

use std::ptr::NonNull;

use super::header::Header;

/// The distance of two lines of a cache.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 64;

/// Asks for the header of a task and the line behind it, where a small future is.
#[cfg(target_arch = "x86_64")]
#[inline]
#[allow(
    unused_unsafe,
    reason = "these became safe functions in Rust 1.92 or so"
)]
pub(super) fn prefetch(task: NonNull<Header>) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

    let header = task.as_ptr().cast::<i8>();
    // SAFETY: a prefetch does not access memory: it may be given any address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(header) };
    // SAFETY: as above.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(header.wrapping_add(LINE)) };
}

/// Does nothing on other processors: there is no stable way to prefetch there.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub(super) fn prefetch(_: NonNull<Header>) {}
