//! The memory of tasks: it is used again for tasks of other types, and takes futures of any alignment and size.

use std::alloc::Layout;
use std::future::pending;
use std::hint::black_box;
use std::thread;

use looplet::{EventLoop, JoinHandle, spawn, yield_now};

use crate::support::probes::Ledger;

#[test]
fn cells_are_reused_for_tasks_of_other_types() {
    let mut event_loop = EventLoop::new();
    let ledger = Ledger::default();
    event_loop.block_on(async {
        for number in 0..100_u64 {
            let text = spawn(async move { (number.to_string(), number) });
            assert_eq!(text.await.unwrap().0, number.to_string());
            let (entry, boxed) = (ledger.entry(), Box::new(number));
            let pair = spawn(async move {
                yield_now().await;
                (entry, boxed)
            });
            assert_eq!(*pair.await.unwrap().1, number);
            let panicked = spawn(async move { assert!(number > 1000, "{number}") });
            assert!(panicked.await.is_err());
            let gone = spawn(pending::<[u64; 3]>());
            gone.cancel();
            assert!(gone.await.is_err());
        }
    });
    ledger.settle();
}

#[test]
fn futures_and_outputs_may_ask_for_any_alignment() {
    #[repr(align(256))]
    #[derive(Clone, Copy)]
    struct Wide(u8);

    looplet::run(async {
        let handles: Vec<_> = (0..20)
            .map(|n| {
                spawn(async move {
                    let wide = Wide(n);
                    let before = &raw const wide;
                    yield_now().await;
                    assert_eq!(before.addr() % Layout::new::<Wide>().align(), 0);
                    assert_eq!(before, &raw const wide);
                    wide
                })
            })
            .collect();
        for (n, handle) in handles.into_iter().enumerate() {
            assert_eq!(usize::from(handle.await.unwrap().0), n);
        }
        let nothing = spawn(async {});
        nothing.await.unwrap();
    });
}

/// As large as a quarter of the stack that a thread has by default.
async fn large() -> u8 {
    let content = [7_u8; 512 * 1024];
    yield_now().await;
    black_box(&content)[0]
}

#[test]
fn a_large_future_fits_on_a_small_stack() {
    fn check(f: impl FnOnce(&EventLoop) -> JoinHandle<u8> + Send + 'static) {
        let thread = thread::Builder::new().stack_size(2 << 20).spawn(|| {
            let mut event_loop = EventLoop::new();
            let handle = f(&event_loop);
            assert_eq!(event_loop.block_on(handle).unwrap(), 7);
        });
        thread.unwrap().join().unwrap();
    }

    check(|event_loop| event_loop.spawn(large()));
    check(|event_loop| event_loop.spawner().spawn(large()));
    check(|event_loop| event_loop.spawner().spawn_named("large", large()));
    check(|event_loop| event_loop.spawn(async { spawn(large()).await.unwrap() }));
    check(|event_loop| {
        event_loop.spawn(async { looplet::spawn_named("large", large()).await.unwrap() })
    });
}
