//! Measures the memory that is in use.

use std::alloc::System;
use std::cell::Cell;

use stats_alloc::Region;

use crate::ALLOCATOR;

/// How much more memory is in use than when this was made.
pub(crate) struct Gauge {
    region: Region<'static, System>,
    most: Cell<i64>,
    resident: Cell<u64>,
    idle: Cell<Option<i64>>,
}

impl Gauge {
    pub(crate) fn new() -> Self {
        Self {
            region: Region::new(ALLOCATOR),
            most: Cell::new(0),
            resident: Cell::new(0),
            idle: Cell::new(None),
        }
    }

    /// Requested bytes that were not given back.
    pub(crate) fn in_use(&self) -> i64 {
        let stats = self.region.change();
        stats.bytes_allocated as i64 - stats.bytes_deallocated as i64
    }

    /// The load is at its heaviest.
    pub(crate) fn note_most(&self) {
        let in_use = self.in_use();
        if in_use > self.most.get() {
            self.most.set(in_use);
            self.resident.set(resident().unwrap_or(0));
        }
    }

    /// The load is over, and the loop is still there.
    pub(crate) fn note_idle(&self) {
        self.idle.set(Some(self.in_use()));
    }

    pub(crate) fn most(&self) -> String {
        let (bytes, resident) = (self.most.get() as u64, self.resident.get());
        format!("{} (resident: {})", size(bytes), size(resident))
    }

    pub(crate) fn idle(&self) -> String {
        let idle = self.idle.get();
        idle.map_or("-".to_owned(), |bytes| size(bytes as u64))
    }
}

/// What the process has in real memory, where the system tells.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes << 10)
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_240 => format!("{bytes} bytes"),
        10_240..10_485_760 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

/// `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    if number < 1000 {
        return number.to_string();
    }
    format!("{},{:03}", grouped(number / 1000), number % 1000)
}
