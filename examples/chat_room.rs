//! A chat room: each member has an inbox, which is a queue, and an event opens the door.
//!
//! ```text
//! the door opens
//!   bob sees: <ann> hello
//!   ann sees: <cleo> so late already?
//!   bob sees: <cleo> so late already?
//!   ann sees: <bob> hello, both of you
//!   bob sees: <ann> good night
//! ann has read 2 lines
//! bob has read 3 lines
//! cleo has read 0 lines
//! ```
//!
//! Bob's last question has no reader: he is alone.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use looplet::{Event, Queue, gather, sleep, spawn};

fn main() {
    looplet::run(chat_room());
}

#[derive(Default)]
struct Room {
    door: Event,
    inboxes: RefCell<BTreeMap<&'static str, Queue<String>>>,
}

pub(crate) async fn chat_room() {
    let room = Rc::new(Room::default());
    let ann: &[_] = &[(50, "hello"), (150, "good night")];
    let bob: &[_] = &[(150, "hello, both of you"), (200, "is anybody here?")];
    let cleo: &[_] = &[(30, "so late already?")];
    let guests = [("ann", 0, ann), ("bob", 0, bob), ("cleo", 100, cleo)];
    let visits = guests.map(|(name, late, says)| spawn(visit(name, late, says, room.clone())));
    println!("the door opens");
    room.door.set();
    for lines_read in gather(visits).await {
        println!("{}", lines_read.unwrap());
    }
}

async fn visit(name: &'static str, late: u64, says: &[(u64, &str)], room: Rc<Room>) -> String {
    room.door.wait().await;
    sleep(Duration::from_millis(late)).await;
    let inbox = Queue::unbounded();
    let reader = spawn(read(name, inbox.clone()));
    room.inboxes.borrow_mut().insert(name, inbox.clone());
    for (pause, line) in says {
        sleep(Duration::from_millis(*pause)).await;
        for (_, inbox) in room
            .inboxes
            .borrow()
            .iter()
            .filter(|(other, _)| **other != name)
        {
            // An inbox is unbounded: a slow reader delays no other.
            inbox.try_put(format!("<{name}> {line}")).unwrap();
        }
    }
    room.inboxes.borrow_mut().remove(name);
    // What has arrived is still read.
    inbox.shutdown();
    format!("{name} has read {} lines", reader.await.unwrap())
}

async fn read(name: &str, inbox: Queue<String>) -> usize {
    let mut lines = 0;
    while let Ok(line) = inbox.get().await {
        println!("  {name} sees: {line}");
        lines += 1;
    }
    lines
}
