//! The timer wheel.
#![allow(dead_code)]

mod place;
mod slab;
mod slots;
mod sort;
mod wheel;

#[cfg(test)]
mod tests;

#[allow(unused_imports)]
pub(crate) use {slab::Key, wheel::Wheel};
