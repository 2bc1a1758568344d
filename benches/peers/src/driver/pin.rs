//! Pins this process, and with it all the samples it starts, to one processor.

use crate::cli::Cpu;

/// Pins where the system allows it, and says in a few words what came of it.
#[cfg(target_os = "linux")]
pub fn pin(cpu: Cpu) -> String {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let chosen = match cpu {
        Cpu::NotPinned => None,
        Cpu::Number(number) => Some(number),
        Cpu::LastAllowed => sched_getaffinity(None)
            .ok()
            .and_then(|set| (0..CpuSet::MAX_CPU).rev().find(|&i| set.is_set(i))),
    };
    let Some(number) = chosen.filter(|&number| number < CpuSet::MAX_CPU) else {
        return "not pinned".to_owned();
    };
    let mut set = CpuSet::new();
    set.set(number);
    match sched_setaffinity(None, &set) {
        Ok(()) => format!("pinned to processor {number}"),
        Err(error) => format!("not pinned: {error}"),
    }
}

/// Other systems have no such call.
#[cfg(not(target_os = "linux"))]
pub fn pin(_: Cpu) -> String {
    "not pinned: this system does not offer it".to_owned()
}
