//! tokio's mpsc channels: several producers, one consumer, any thread.

use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, UnboundedSender};
use tokio::sync::mpsc::{channel, unbounded_channel};

use super::{Channel, FromThread, only_one};

/// tokio's bounded channel.
pub struct TokioMpsc;

impl Channel for TokioMpsc {
    type Sender = Sender<u64>;
    type Receiver = Receiver<u64>;

    fn open(capacity: Option<usize>) -> (Sender<u64>, Receiver<u64>) {
        channel(capacity.expect("the bounded channel has a capacity"))
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

/// tokio's unbounded channel.
pub struct TokioUnbounded;

impl Channel for TokioUnbounded {
    type Sender = UnboundedSender<u64>;
    type Receiver = UnboundedReceiver<u64>;

    fn open(_: Option<usize>) -> (UnboundedSender<u64>, UnboundedReceiver<u64>) {
        unbounded_channel()
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

impl FromThread for TokioUnbounded {
    type Sender = UnboundedSender<u64>;
    type Receiver = UnboundedReceiver<u64>;

    fn open() -> (UnboundedSender<u64>, UnboundedReceiver<u64>) {
        unbounded_channel()
    }

    fn send(sender: &UnboundedSender<u64>, item: u64) {
        sender.send(item).expect("the channel is open");
    }

    async fn receive(receiver: &mut UnboundedReceiver<u64>) -> u64 {
        receiver.recv().await.expect("the channel is open")
    }
}
