//! async-unsync: several producers, one consumer, one thread.

use async_unsync::bounded::{Receiver, Sender};
use async_unsync::unbounded::{UnboundedReceiver, UnboundedSender};
use async_unsync::{bounded, unbounded};

use super::{Channel, only_one};

/// The bounded channel of async-unsync.
pub struct AsyncUnsync;

impl Channel for AsyncUnsync {
    type Sender = Sender<u64>;
    type Receiver = Receiver<u64>;

    fn open(capacity: Option<usize>) -> (Sender<u64>, Receiver<u64>) {
        bounded::channel(capacity.expect("the bounded channel has a capacity")).into_split()
    }

    fn receivers(receiver: Receiver<u64>, consumers: usize) -> Vec<Receiver<u64>> {
        only_one(receiver, consumers)
    }

    async fn send(sender: &Sender<u64>, item: u64) {
        sender.send(item).await.expect("the channel is open");
    }

    async fn receive(receiver: &mut Receiver<u64>) -> u64 {
        receiver.recv().await.expect("the channel is open")
    }
}

/// The unbounded channel of async-unsync.
pub struct AsyncUnsyncUnbounded;

impl Channel for AsyncUnsyncUnbounded {
    type Sender = UnboundedSender<u64>;
    type Receiver = UnboundedReceiver<u64>;

    fn open(_: Option<usize>) -> (UnboundedSender<u64>, UnboundedReceiver<u64>) {
        unbounded::channel().into_split()
    }

    fn receivers(
        receiver: UnboundedReceiver<u64>,
        consumers: usize,
    ) -> Vec<UnboundedReceiver<u64>> {
        only_one(receiver, consumers)
    }

    async fn send(sender: &UnboundedSender<u64>, item: u64) {
        sender.send(item).expect("the channel is open");
    }

    async fn receive(receiver: &mut UnboundedReceiver<u64>) -> u64 {
        receiver.recv().await.expect("the channel is open")
    }
}
