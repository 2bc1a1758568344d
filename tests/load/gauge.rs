//! Measures the memory that is in use.

use std::cell::Cell;

use crate::ALLOCATOR;

/// How much memory is in use before, at most, and while the loop has nothing left to do.
pub(crate) struct Gauge {
    before: usize,
    most: Cell<usize>,
    idle: Cell<Option<usize>>,
    resident: [Cell<u64>; 2],
}

impl Gauge {
    pub(crate) fn new() -> Self {
        Self {
            before: in_use(),
            most: Cell::new(0),
            idle: Cell::new(None),
            resident: [resident(), 0].map(Cell::new),
        }
    }

    /// The load is as heavy as it gets.
    pub(crate) fn note_most(&self) {
        let in_use = in_use();
        if in_use > self.most.get() {
            self.most.set(in_use);
            self.resident[1].set(resident());
        }
    }

    /// The load is over, and the loop is still there.
    pub(crate) fn note_idle(&self) {
        self.note_most();
        self.idle.set(Some(in_use()));
    }

    /// All is in use that was, and nothing more.
    #[track_caller]
    pub(crate) fn assert_empty(&self) {
        assert_eq!(in_use(), self.before, "bytes in use: now, and before");
    }

    /// The figures, as columns of a table. Their text is memory too.
    pub(crate) fn columns(&self) -> String {
        let idle = self.idle.get();
        let idle = idle.map_or("-".to_owned(), |bytes| size(bytes as u64));
        let (before, most) = (self.before as u64, self.most.get() as u64);
        let (first, heaviest) = (self.resident[0].get(), self.resident[1].get());
        format!(
            "{} | {} | {idle} | {} / {} / {}",
            size(before),
            size(most),
            size(first),
            size(heaviest),
            size(resident()),
        )
    }
}

/// Bytes that were asked for and not given back.
fn in_use() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// What the process has in real memory; zero where the system does not report it.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) << 10
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_240 => format!("{} B", grouped(bytes)),
        10_240..10_485_760 => format!("{} KiB", grouped(bytes >> 10)),
        _ => format!("{} MiB", grouped(bytes >> 20)),
    }
}

/// `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    if number < 1000 {
        return number.to_string();
    }
    format!("{},{:03}", grouped(number / 1000), number % 1000)
}
