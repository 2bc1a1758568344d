//! The end of a loop whose destructors make more work for it, in long chains. It takes steps by the length of the chain
//! and not by its square: with a hundred thousand links that would take minutes.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use looplet::{EventLoop, JoinHandle, call_later, call_soon};

const MANY: u32 = 100_000;

/// When it is dropped, it makes the next one, if there is one.
struct Link {
    left: u32,
    make: fn(Self),
    /// The task that holds the first one.
    holder: Rc<Cell<Option<JoinHandle<()>>>>,
    dropped: Rc<Cell<u32>>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.dropped.set(self.dropped.get() + 1);
        if let Some(left) = self.left.checked_sub(1) {
            (self.make)(Self {
                left,
                make: self.make,
                holder: self.holder.clone(),
                dropped: self.dropped.clone(),
            });
        }
    }
}

/// Ends a loop in which a task holds the first link of a chain. Each link lies in a call, and so is dropped after the
/// one that has made it.
fn end_with_chain(make: fn(Link), end: fn(EventLoop)) {
    let (holder, dropped) = (Rc::default(), Rc::default());
    let first = Link {
        left: MANY - 1,
        make,
        holder: Rc::clone(&holder),
        dropped: Rc::clone(&dropped),
    };
    let mut event_loop = EventLoop::new();
    // They have ended, and are still there.
    let others: Vec<_> = (0..MANY).map(|_| event_loop.spawn(async {})).collect();
    event_loop.run_until_stalled();
    let handle = event_loop.spawn(async move {
        let _first = first;
        pending::<()>().await;
    });
    holder.set(Some(handle));
    end(event_loop);
    assert_eq!(dropped.get(), MANY);
    drop((holder.take(), others));
}

fn end_in_each_way(make: fn(Link)) {
    end_with_chain(make, drop);
    end_with_chain(make, |event_loop| event_loop.shutdown(Duration::ZERO));
}

#[test]
fn destructors_make_a_chain_of_calls() {
    end_in_each_way(|link| drop(call_soon(move || drop(link))));
}

#[test]
fn destructors_make_a_chain_of_calls_at_a_time() {
    end_in_each_way(|link| drop(call_later(Duration::from_secs(1), move || drop(link))));
    end_in_each_way(|link| drop(call_later(Duration::MAX, move || drop(link))));
}

#[test]
fn destructors_make_a_chain_of_callbacks() {
    end_in_each_way(|link| {
        let holder = link.holder.clone();
        if let Some(task) = holder.take() {
            task.on_done(move |_| drop(link));
            holder.set(Some(task));
        }
    });
}
