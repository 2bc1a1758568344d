//! The fuzz targets. Each has a function that turns bytes into operations and checks all that happens; whatever is
//! wrong is a panic. `docs/soundness.md` says how to run them.

mod bytes;
pub mod programs;
pub mod queue;
mod replay;
pub mod wheel;

#[cfg(fuzzing)]
pub use libfuzzer_sys;
pub use replay::replay;

/// The program of a target: under `cargo fuzz` a fuzzer, else one that plays its corpus, or the files it is given.
#[macro_export]
macro_rules! target {
    ($target:ident) => {
        #[cfg(fuzzing)]
        $crate::libfuzzer_sys::fuzz_target!(|input: &[u8]| $crate::$target::play(input));

        #[cfg(not(fuzzing))]
        fn main() {
            $crate::replay(stringify!($target), $crate::$target::play);
        }
    };
}
