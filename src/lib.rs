#![doc = include_str!("../README.md")]

mod error;
pub mod sync;
mod timer;
