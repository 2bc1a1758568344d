//! Back-pressure: the queues between three stages have room for one picture each, so the fast first stage runs at the
//! pace of the slow last one. There are never more than five pictures in memory: one in each stage and two in queues.
//!
//! ```text
//! loaded 1
//! loaded 2
//! loaded 3
//!   shrunk 1
//! loaded 4
//!   shrunk 2
//! loaded 5
//!   shrunk 3
//!     stored 1
//! loaded 6
//!   shrunk 4
//!     stored 2
//! loaded 7
//!   shrunk 5
//!     stored 3
//!   shrunk 6
//!     stored 4
//!   shrunk 7
//!     stored 5
//!     stored 6
//!     stored 7
//! ```

use std::time::Duration;

use looplet::{Queue, gather, sleep};

fn main() {
    looplet::run(pipeline());
}

pub(crate) async fn pipeline() {
    let (loaded, shrunk) = (Queue::bounded(1), Queue::bounded(1));
    let stages = (
        load(loaded.clone()),
        shrink(loaded, shrunk.clone()),
        store(shrunk),
    );
    gather(stages).await;
}

async fn load(outlet: Queue<u32>) {
    for picture in 1..=7 {
        sleep(Duration::from_millis(10)).await;
        println!("loaded {picture}");
        // Here it waits until there is room.
        outlet.put(picture).await.unwrap();
    }
    outlet.shutdown();
}

async fn shrink(inlet: Queue<u32>, outlet: Queue<u32>) {
    while let Ok(picture) = inlet.get().await {
        sleep(Duration::from_millis(30)).await;
        println!("  shrunk {picture}");
        outlet.put(picture).await.unwrap();
    }
    outlet.shutdown();
}

async fn store(inlet: Queue<u32>) {
    while let Ok(picture) = inlet.get().await {
        sleep(Duration::from_millis(100)).await;
        println!("    stored {picture}");
    }
}
