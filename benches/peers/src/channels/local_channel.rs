//! local-channel: several producers, one consumer, one thread, no bound.

use local_channel::mpsc::{Receiver, Sender, channel};

use super::{Channel, only_one};

/// A channel of local-channel.
pub struct LocalChannel;

impl Channel for LocalChannel {
    type Sender = Sender<u64>;
    type Receiver = Receiver<u64>;

    fn open(capacity: Option<usize>) -> (Sender<u64>, Receiver<u64>) {
        assert!(capacity.is_none(), "local-channel has no bounded channel");
        channel()
    }

    fn receivers(receiver: Receiver<u64>, consumers: usize) -> Vec<Receiver<u64>> {
        only_one(receiver, consumers)
    }

    async fn send(sender: &Sender<u64>, item: u64) {
        sender.send(item).expect("the channel is open");
    }

    async fn receive(receiver: &mut Receiver<u64>) -> u64 {
        receiver.recv().await.expect("the channel is open")
    }
}
