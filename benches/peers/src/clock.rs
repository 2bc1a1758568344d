//! The processor time of this process.

use std::time::Duration;

/// Processor time used by all threads of this process so far.
#[cfg(unix)]
pub fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Not known here: the row that needs it is left out.
#[cfg(not(unix))]
pub fn cpu_time() -> Duration {
    panic!("processor time is read on Unix only")
}
