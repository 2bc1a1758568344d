//! Work that blocks its thread runs on other threads, and the loop ticks meanwhile.
//!
//! ```text
//! reading 3 files, 2 at a time
//! tick
//! tick
//! tick
//! a.txt has 5 letters
//! b.txt has 5 letters
//! c.txt: task 'c.txt' panicked: no such file: c.txt
//! ```
//!
//! A panic in a job comes back as an error, and a job that no thread has begun can be cancelled. The files are not
//! real; a channel simulates the slow disk and answers after three ticks.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use looplet::{EventLoop, interval, spawn, spawn_blocking};

const FILES: [&str; 3] = ["a.txt", "b.txt", "c.txt"];

fn main() {
    // The message of the panic is printed below.
    std::panic::set_hook(Box::new(|_| {}));
    let mut event_loop = EventLoop::builder().blocking_threads(2).build();
    event_loop.block_on(async {
        println!("reading {} files, 2 at a time", FILES.len());
        let (disk, answers) = mpsc::channel();
        let answers = Arc::new(Mutex::new(answers));
        let jobs = FILES.map(|name| {
            let answers = Arc::clone(&answers);
            let job = spawn_blocking(move || read(name, &answers));
            job.set_name(name);
            job
        });
        let abandoned = spawn_blocking(|| println!("this is never run"));
        abandoned.cancel();
        spawn(async move {
            let mut clock = interval(Duration::from_millis(10));
            for _ in 0..3 {
                clock.tick().await;
                println!("tick");
            }
            for _ in FILES {
                disk.send("hello").unwrap();
            }
        })
        .detach();
        for (name, job) in FILES.iter().zip(jobs) {
            match job.await {
                Ok(letters) => println!("{name} has {letters} letters"),
                Err(error) => println!("{name}: {error}"),
            }
        }
    });
}

/// Blocks until the disk answers.
fn read(name: &str, disk: &Mutex<mpsc::Receiver<&str>>) -> usize {
    let text = disk.lock().unwrap().recv().unwrap();
    assert!(name != "c.txt", "no such file: {name}");
    text.len()
}
