//! flume: several producers, several consumers, any thread.

use flume::{Receiver, Sender};

use super::{Channel, FromThread};

/// A channel of flume.
pub struct Flume;

impl Channel for Flume {
    type Sender = Sender<u64>;
    type Receiver = Receiver<u64>;

    fn open(capacity: Option<usize>) -> (Sender<u64>, Receiver<u64>) {
        capacity.map_or_else(flume::unbounded, flume::bounded)
    }

    fn receivers(receiver: Receiver<u64>, consumers: usize) -> Vec<Receiver<u64>> {
        vec![receiver; consumers]
    }

    async fn send(sender: &Sender<u64>, item: u64) {
        sender.send_async(item).await.expect("the channel is open");
    }

    async fn receive(receiver: &mut Receiver<u64>) -> u64 {
        receiver.recv_async().await.expect("the channel is open")
    }
}

impl FromThread for Flume {
    type Sender = Sender<u64>;
    type Receiver = Receiver<u64>;

    fn open() -> (Sender<u64>, Receiver<u64>) {
        flume::unbounded()
    }

    fn send(sender: &Sender<u64>, item: u64) {
        sender.send(item).expect("the channel is open");
    }

    async fn receive(receiver: &mut Receiver<u64>) -> u64 {
        receiver.recv_async().await.expect("the channel is open")
    }
}
