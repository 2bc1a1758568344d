//! One file per channel, behind one trait for use inside a thread and one for items from another thread.

#[cfg(feature = "async-channel")]
pub mod async_channel;
#[cfg(feature = "async-unsync")]
pub mod async_unsync;
#[cfg(feature = "flume")]
pub mod flume;
#[cfg(feature = "local-channel")]
pub mod local_channel;
#[cfg(feature = "looplet")]
pub mod looplet;
#[cfg(feature = "looplet-remote")]
pub mod looplet_remote;
#[cfg(feature = "tokio")]
pub mod tokio_mpsc;

use std::future::Future;

/// A channel of numbers between tasks of one thread.
///
/// What a channel does not have panics with a sentence; the driver then leaves it out of that row.
pub trait Channel: 'static {
    /// The sending end.
    type Sender: Clone + 'static;
    /// The receiving end.
    type Receiver: 'static;

    /// Opens a channel with this capacity, or without a bound.
    fn open(capacity: Option<usize>) -> (Self::Sender, Self::Receiver);

    /// As many receiving ends as there are consumers.
    fn receivers(receiver: Self::Receiver, consumers: usize) -> Vec<Self::Receiver>;

    /// Sends one item, waiting for room.
    fn send(sender: &Self::Sender, item: u64) -> impl Future<Output = ()>;

    /// Receives one item, waiting for it.
    fn receive(receiver: &mut Self::Receiver) -> impl Future<Output = u64>;
}

/// An unbounded channel into which another thread sends.
pub trait FromThread: 'static {
    /// The sending end, for the other thread.
    type Sender: Send + 'static;
    /// The receiving end, for a task.
    type Receiver: 'static;

    /// Opens the channel.
    fn open() -> (Self::Sender, Self::Receiver);

    /// Sends one item, from outside of the executor.
    fn send(sender: &Self::Sender, item: u64);

    /// Receives one item, waiting for it.
    fn receive(receiver: &mut Self::Receiver) -> impl Future<Output = u64>;
}

/// The only receiving end of a channel that has just one.
fn only_one<T>(receiver: T, consumers: usize) -> Vec<T> {
    assert!(consumers == 1, "the channel has one consumer only");
    vec![receiver]
}
