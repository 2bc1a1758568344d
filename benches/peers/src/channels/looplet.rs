//! looplet's `Queue`.

use looplet::sync::Queue;

use super::Channel;

/// `Queue`: both ends are one type.
pub struct LoopletQueue;

impl Channel for LoopletQueue {
    type Sender = Queue<u64>;
    type Receiver = Queue<u64>;

    fn open(capacity: Option<usize>) -> (Queue<u64>, Queue<u64>) {
        let queue = capacity.map_or_else(Queue::unbounded, Queue::bounded);
        (queue.clone(), queue)
    }

    fn receivers(receiver: Queue<u64>, consumers: usize) -> Vec<Queue<u64>> {
        vec![receiver; consumers]
    }

    async fn send(sender: &Queue<u64>, item: u64) {
        sender.put(item).await.expect("the queue is open");
    }

    async fn receive(receiver: &mut Queue<u64>) -> u64 {
        receiver.get().await.expect("the queue is open")
    }
}
