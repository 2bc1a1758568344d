//! The remote end of a queue: what becomes of items on their way when one end goes, and of ends that come too late.

use std::cell::RefCell;
use std::rc::Rc;

use looplet::sync::{TryGetError, TryPutError};
use looplet::{EventLoop, Queue, yield_now};

use crate::support::probes::OnDrop;

#[test]
fn what_has_arrived_is_not_waited_for_at_the_shutdown() {
    for queue in [Queue::unbounded(), Queue::bounded(2)] {
        looplet::run(async {
            let remote = queue.remote();
            for n in 0..2 {
                remote.try_put(n).unwrap();
            }
            yield_now().await;
            queue.shutdown();
            assert_eq!((queue.try_get(), queue.try_get()), (Ok(0), Ok(1)));
            assert_eq!(queue.try_get(), Err(TryGetError::Closed));
        });
    }
}

#[test]
fn what_is_on_its_way_arrives_though_no_sender_is_left() {
    for bound in 1..=3 {
        looplet::run(async {
            let queue = Queue::bounded(bound);
            let remote = queue.remote();
            for batch in 0..2 {
                for n in 0..bound {
                    remote.try_put(batch * bound + n).unwrap();
                }
                yield_now().await;
            }
            drop(remote);
            yield_now().await;
            for n in 0..2 * bound {
                assert_eq!(queue.try_get(), Ok(n), "bound {bound}");
                yield_now().await;
            }
        });
    }
}

#[test]
fn a_remote_end_that_is_made_after_the_end_of_its_queue_or_loop_takes_nothing() {
    looplet::run(async {
        let queue = Queue::unbounded();
        queue.shutdown();
        assert_eq!(queue.remote().try_put(1), Err(TryPutError::Closed(1)));
    });
    let late = Rc::new(RefCell::new(None));
    let place = Rc::clone(&late);
    let event_loop = EventLoop::new();
    let queue = Queue::unbounded();
    let hold = OnDrop(move || drop(place.replace(Some(queue.remote()))));
    let waits = async move {
        let _hold = hold;
        std::future::pending::<()>().await;
    };
    event_loop.spawn(waits).detach();
    drop(event_loop);
    let late = late.take().unwrap();
    assert_eq!(late.try_put(1), Err(TryPutError::Closed(1)));
}

#[test]
fn a_queue_in_the_place_of_one_that_is_gone_is_another_queue() {
    looplet::run(async {
        for n in 0..100 {
            // Often at the same address.
            let queue = Queue::bounded(1);
            let remote = queue.remote();
            remote.try_put(n).unwrap();
            assert_eq!(queue.get().await, Ok(n));
            queue.shutdown();
            drop((queue, remote));
            yield_now().await;
        }
    });
}
