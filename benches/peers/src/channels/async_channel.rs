//! async-channel: several producers, several consumers, any thread.

use async_channel::{Receiver, Sender};

use super::{Channel, FromThread};

/// A channel of async-channel.
pub struct AsyncChannel;

impl Channel for AsyncChannel {
    type Sender = Sender<u64>;
    type Receiver = Receiver<u64>;

    fn open(capacity: Option<usize>) -> (Sender<u64>, Receiver<u64>) {
        capacity.map_or_else(async_channel::unbounded, async_channel::bounded)
    }

    fn receivers(receiver: Receiver<u64>, consumers: usize) -> Vec<Receiver<u64>> {
        vec![receiver; consumers]
    }

    async fn send(sender: &Sender<u64>, item: u64) {
        sender.send(item).await.expect("the channel is open");
    }

    async fn receive(receiver: &mut Receiver<u64>) -> u64 {
        receiver.recv().await.expect("the channel is open")
    }
}

impl FromThread for AsyncChannel {
    type Sender = Sender<u64>;
    type Receiver = Receiver<u64>;

    fn open() -> (Sender<u64>, Receiver<u64>) {
        async_channel::unbounded()
    }

    fn send(sender: &Sender<u64>, item: u64) {
        sender.try_send(item).expect("the channel is open");
    }

    async fn receive(receiver: &mut Receiver<u64>) -> u64 {
        receiver.recv().await.expect("the channel is open")
    }
}
