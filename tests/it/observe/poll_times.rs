//! How long polls take: what is counted, and the text of it.

use std::thread;
use std::time::Duration;

use looplet::{EventLoop, PollTimes, yield_now};

#[test]
fn poll_times_count_every_poll_by_its_size() {
    let times = PollTimes::new();
    let mut event_loop = EventLoop::builder().observer(times.clone()).build();
    event_loop.block_on(async {
        yield_now().await;
        thread::sleep(Duration::from_millis(5));
    });
    let counts: Vec<_> = times.counts().filter(|(_, count)| *count > 0).collect();
    assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), 2);
    assert!(counts.last().unwrap().0 > Duration::from_millis(5));
}

#[test]
fn poll_times_print_a_bar_for_every_size_that_occurred() {
    let times = PollTimes::new();
    let mut event_loop = EventLoop::builder().observer(times.clone()).build();
    event_loop.block_on(async {
        for _ in 0..100 {
            yield_now().await;
        }
        // Longer than any poll before, and so of another size.
        let longest = times.counts().filter(|(_, count)| *count > 0).last();
        thread::sleep(longest.unwrap().0);
    });
    let all: Vec<_> = times.counts().collect();
    assert_eq!(format!("{times:?}"), format!("{all:?}"));
    let most = all.iter().map(|(_, count)| *count).max().unwrap();
    let line = |(below, count): &(Duration, u64)| {
        let (below, bar) = (format!("{below:.1?}"), (count * 40).div_ceil(most) as usize);
        format!("below {below:>8}  {count:>8}  {}", "█".repeat(bar))
    };
    let lines: Vec<_> = all
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(line)
        .collect();
    assert!(lines.len() > 1 && lines.iter().any(|line| line.ends_with(&"█".repeat(40))));
    assert_eq!(times.to_string(), lines.join("\n"));
}
