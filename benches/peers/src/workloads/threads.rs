//! What another thread costs: a round trip, and a stream of items.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::channels::FromThread;
use crate::runtime::Runtime;

/// Asks the helper thread for a wake and waits for it.
struct RoundTrip {
    helper: mpsc::Sender<Waker>,
    answered: Arc<AtomicBool>,
    asked: bool,
}

impl Future for RoundTrip {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.asked {
            self.asked = true;
            let waker = cx.waker().clone();
            self.helper.send(waker).expect("the helper thread is alive");
            return Poll::Pending;
        }
        if self.answered.swap(false, Ordering::Acquire) {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

/// The loop asks another thread, goes to sleep and is woken by it, `n` times.
pub async fn round_trip<R: Runtime>(rt: &R, n: usize) -> Duration {
    let (helper, requests) = mpsc::channel::<Waker>();
    let answered = Arc::new(AtomicBool::new(false));
    let flag = answered.clone();
    std::thread::spawn(move || {
        for waker in requests {
            flag.store(true, Ordering::Release);
            waker.wake();
        }
    });
    let driver = async move {
        let mut trip = RoundTrip {
            helper,
            answered,
            asked: false,
        };
        let start = Instant::now();
        for _ in 0..n {
            trip.asked = false;
            Pin::new(&mut trip).await;
        }
        start.elapsed()
    };
    rt.spawn(driver).await
}

/// Another thread sends `n` items, which one task receives.
pub async fn items<R: Runtime, C: FromThread>(rt: &R, n: usize) -> Duration {
    let driver = async move {
        let (sender, mut receiver) = C::open();
        let start = Instant::now();
        std::thread::spawn(move || {
            for i in 0..n {
                C::send(&sender, i as u64);
            }
        });
        for _ in 0..n {
            std::hint::black_box(C::receive(&mut receiver).await);
        }
        start.elapsed()
    };
    rt.spawn(driver).await
}
