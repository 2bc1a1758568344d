//! Several loops, one per thread: work is spread over them, and the results are collected through `Remote`.
//!
//! ```text
//! 4 loops counted the primes below 100000: 9592
//! ```
//!
//! Each worker thread runs a loop of its own and hands out its `Remote`. The main loop spawns a task on every one of
//! them and awaits the handles, which are futures like any other.

use std::sync::mpsc;
use std::thread;

use looplet::{EventLoop, Queue, Remote, gather, yield_now};

const LOOPS: u32 = 4;
const LIMIT: u32 = 100_000;
/// How many numbers a task looks at before it lets the others of its loop go on.
const STEP: usize = 1000;

fn main() {
    let workers: Vec<_> = (0..LOOPS).map(|_| Worker::start()).collect();
    let primes: u32 = looplet::run(async {
        let parts = workers.iter().zip(0..).map(|(worker, part)| {
            let count = worker.remote.spawn(move || count_primes(part));
            count.expect("the worker's loop runs until its stop")
        });
        let counts = gather(parts.collect::<Vec<_>>()).await;
        counts.into_iter().map(|count| count.unwrap()).sum()
    });
    println!("{LOOPS} loops counted the primes below {LIMIT}: {primes}");
    workers.into_iter().for_each(Worker::stop);
}

struct Worker {
    remote: Remote,
    stop: looplet::RemoteQueue<()>,
    thread: thread::JoinHandle<()>,
}

impl Worker {
    fn start() -> Self {
        let (send, receive) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut event_loop = EventLoop::new();
            let remote = event_loop.remote();
            event_loop.block_on(async {
                let stop = Queue::unbounded();
                send.send((remote, stop.remote())).unwrap();
                stop.get().await.unwrap();
            });
        });
        let (remote, stop) = receive.recv().unwrap();
        Self {
            remote,
            stop,
            thread,
        }
    }

    fn stop(self) {
        self.stop.put(()).unwrap();
        self.thread.join().unwrap();
    }
}

/// Every `LOOPS`th number is this part's.
async fn count_primes(part: u32) -> u32 {
    let mut count = 0;
    let numbers: Vec<u32> = (part..LIMIT).step_by(LOOPS as usize).collect();
    for step in numbers.chunks(STEP) {
        count += step.iter().filter(|&&n| is_prime(n)).count() as u32;
        yield_now().await;
    }
    count
}

fn is_prime(n: u32) -> bool {
    n > 1 && (2..).take_while(|d| d * d <= n).all(|d| n % d != 0)
}
