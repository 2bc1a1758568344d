//! One sample in a fresh process, with a limit on its time.

use std::io::{ErrorKind, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// The Python side of the comparison, carried in the program itself.
const ASYNCIO: &str = include_str!("../../asyncio_bench.py");

/// A command that takes one sample of this program.
pub fn own(contestant: &str, row: &str, n: usize, how: &str) -> Command {
    let program = std::env::current_exe().unwrap_or_else(|_| "peers".into());
    let mut command = Command::new(program);
    command.args(["sample", contestant, row, &n.to_string(), how]);
    command
}

/// A command that takes one sample of a Python event loop.
pub fn python(event_loop: &str, row: &str, budget: u64) -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", ASYNCIO, event_loop, row, &budget.to_string()]);
    command
}

/// Everything a process printed.
pub struct Printed {
    pub out: String,
    pub err: String,
    pub success: bool,
}

/// Runs a command to its end, or for `limit`; the error is a sentence for the report.
pub fn run(mut command: Command, limit: Duration) -> Result<Printed, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let spawned = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = spawned.map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!("{program} is not installed"),
        _ => format!("{program} does not start: {error}"),
    })?;
    // A thread waits for the output, so that the driver never polls beside the sample.
    let output = read_in_background(&mut child);
    let printed = output.recv_timeout(limit);
    if printed.is_err() {
        let _ = child.kill();
    }
    let success = child.wait().is_ok_and(|status| status.success());
    match printed {
        Ok((out, err)) => Ok(Printed { out, err, success }),
        Err(_) => Err(format!("did not end within {} s", limit.as_secs())),
    }
}

fn read_in_background(child: &mut Child) -> mpsc::Receiver<(String, String)> {
    let (sender, receiver) = mpsc::channel();
    let (out, err) = (child.stdout.take(), child.stderr.take());
    std::thread::spawn(move || {
        let _ = sender.send((read_all(out), read_all(err)));
    });
    receiver
}

fn read_all(pipe: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        let _ = pipe.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The figure a sample printed, or the sentence it left instead.
pub fn value(printed: &Printed) -> Result<f64, String> {
    let line = printed
        .out
        .lines()
        .find_map(|line| line.strip_prefix("value "));
    match line.and_then(|figure| figure.trim().parse().ok()) {
        Some(value) => Ok(value),
        None => Err(reason(printed)),
    }
}

/// A failed process in one sentence: the first line of its complaint.
pub fn reason(printed: &Printed) -> String {
    // valgrind marks its own lines with `==`.
    let complains = |line: &&str| !line.trim().is_empty() && !line.starts_with("==");
    let line = printed.err.lines().find(complains);
    match (line, printed.success) {
        (Some(line), _) => line.trim().chars().take(LONGEST_REASON).collect(),
        (None, true) => "printed no figure".to_owned(),
        (None, false) => "ended without a word".to_owned(),
    }
}

const LONGEST_REASON: usize = 160;
