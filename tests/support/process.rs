//! Child processes of the tests.

use std::process::Command;
use std::{any, env, fs};

/// This program again. Ctrl-C reaches it, even if it is ignored here, as in what a shell runs in the background.
pub(crate) fn myself() -> Command {
    let program = env::current_exe().unwrap();
    if !ignores_interrupts() {
        return Command::new(program);
    }
    let mut command = Command::new("env");
    command.arg("--default-signal=INT").arg(program);
    command
}

/// What a test is called on this program's command line.
pub(crate) fn name_of<T: Fn()>(_test: T) -> &'static str {
    let path = any::type_name::<T>();
    path.split_once("::").map_or(path, |(_program, name)| name)
}

fn ignores_interrupts() -> bool {
    const INTERRUPT: u64 = 1 << 1;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    ignored.is_some_and(|bits| bits & INTERRUPT != 0)
}
