//! Guides: from asyncio, from tokio, tests in virtual time, and loops that are stuck. No code.
//!
//! These are pages of the folder `docs` of the repository. Each of their programs is compiled and run as a test.

/// Where the links of the guides lead in this documentation. In the repository they lead to files, by the definitions
/// at the end of each guide; of two definitions of a link the first one counts.
macro_rules! links {
    () => {
        concat!(
            "[asyncio-map.md]: asyncio_map\n",
            "[debugging-a-stuck-loop.md]: debugging_a_stuck_loop\n",
            "[testing-in-virtual-time.md#other-orders]: testing_in_virtual_time#other-orders\n",
            links!(picture "concurrent_tasks"),
            links!(picture "gather"),
            links!(picture "queue_join"),
            links!(picture "sequential_awaits"),
            links!(picture "spawn_without_await"),
        )
    };
    (picture $name:literal) => {
        concat!(
            "[timeline/", $name, ".svg]: ",
            env!("CARGO_PKG_REPOSITORY"), "/raw/main/docs/timeline/", $name, ".svg\n",
        )
    };
}

#[doc = links!()]
#[doc = include_str!("../docs/asyncio-map.md")]
pub mod asyncio_map {}

#[doc = links!()]
#[doc = include_str!("../docs/debugging-a-stuck-loop.md")]
pub mod debugging_a_stuck_loop {}

#[doc = links!()]
#[doc = include_str!("../docs/from-asyncio.md")]
pub mod from_asyncio {}

#[doc = links!()]
#[doc = include_str!("../docs/from-tokio.md")]
pub mod from_tokio {}

#[doc = links!()]
#[doc = include_str!("../docs/testing-in-virtual-time.md")]
pub mod testing_in_virtual_time {}
