//! Items from other threads are counted: on their way, and in the queue until they are done.

use looplet::{EventLoop, LifoQueue, PriorityQueue, Queue, all_tasks, dump, spawn, yield_now};

use crate::support::{hand, panics};

/// Puts three items through a remote end, twice: into an empty queue and into one that holds items.
macro_rules! count {
    ($queue:expr) => {
        let queue = $queue;
        let remote = queue.remote();
        for put in 1..=6 {
            remote.try_put(put).unwrap();
            if put % 3 == 0 {
                yield_now().await;
                assert_eq!(queue.len(), put);
            }
        }
        for _ in 0..6 {
            hand(queue.join()).wait();
            queue.task_done();
        }
        hand(queue.join()).finish();
        assert!(panics(|| queue.task_done()));
    };
}

#[test]
fn each_item_is_unfinished_until_it_is_reported_done_in_every_kind_of_queue() {
    looplet::run(async {
        count!(Queue::unbounded());
        count!(LifoQueue::unbounded());
        count!(PriorityQueue::unbounded());
        count!(Queue::bounded(6));
        count!(LifoQueue::bounded(6));
        count!(PriorityQueue::bounded(6));
    });
}

#[test]
fn a_remote_end_prints_how_many_items_are_on_their_way() {
    looplet::run(async {
        let queue = Queue::bounded(3);
        let remote = queue.remote();
        let text = || format!("{remote:?}");
        let said = |count, is_shut| {
            format!("RemoteQueue {{ on_their_way: {count}, is_shutdown: {is_shut} }}")
        };
        (0..3).for_each(|n| remote.try_put(n).unwrap());
        assert_eq!(text(), said(3, false));
        yield_now().await;
        assert_eq!(text(), said(0, false));
        // The queue is full. The loop takes this one and holds it, and those behind it are put meanwhile.
        remote.try_put(3).unwrap();
        yield_now().await;
        (4..6).for_each(|n| remote.try_put(n).unwrap());
        assert_eq!(text(), said(3, false));
        queue.shutdown_now();
        assert_eq!(text(), said(0, true));
    });
}

#[test]
fn what_takes_in_the_items_and_messages_of_other_threads_is_no_task() {
    let mut event_loop = EventLoop::new();
    let remote = event_loop.remote();
    event_loop.block_on(async {
        let (queue, job) = (Queue::bounded(1), looplet::spawn_blocking(|| 1));
        let to_queue = queue.remote();
        assert_eq!(all_tasks().len(), 2);
        assert_eq!(dump().tasks().len(), 2);
        for n in 0..2 {
            remote.call_soon(|| ()).unwrap();
            to_queue.try_put(n).unwrap();
            yield_now().await;
        }
        assert_eq!(job.await.unwrap(), 1);
        assert_eq!(&*spawn(async {}).name(), "Task-3");
    });
    let metrics = event_loop.metrics();
    assert_eq!((metrics.spawned, metrics.live_tasks), (3, 0));
    assert!(event_loop.tasks().is_empty());
}
