#![doc = include_str!("../README.md")]

mod error;
pub mod task;
pub mod sync;
mod timer;

pub use sync::{
    BrokenBarrier, Closed, LifoQueue, PriorityQueue, PutError, Queue, TryGetError, TryPutError,
};
