//! The remote end of looplet's `Queue`.

use looplet::sync::{Queue, RemoteQueue};

use super::FromThread;

/// `Queue::remote()`: the other thread puts, a task gets.
pub struct LoopletRemoteQueue;

impl FromThread for LoopletRemoteQueue {
    type Sender = RemoteQueue<u64>;
    type Receiver = Queue<u64>;

    fn open() -> (RemoteQueue<u64>, Queue<u64>) {
        let queue = Queue::unbounded();
        (queue.remote(), queue)
    }

    fn send(sender: &RemoteQueue<u64>, item: u64) {
        sender.put(item).expect("the queue is open");
    }

    async fn receive(receiver: &mut Queue<u64>) -> u64 {
        receiver.get().await.expect("the queue is open")
    }
}
