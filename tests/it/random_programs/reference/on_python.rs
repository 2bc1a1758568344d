//! The same programs on CPython's asyncio: written out as one script, read back as one trace for each.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::{Command, Stdio};

use super::program::{Act, Body, Own, Step, Wait};

const PRELUDE: &str = include_str!("prelude.py");

/// Whether there is a Python that these scripts run on, or why there is none.
pub(crate) fn is_missing() -> Option<String> {
    let version = "import sys; sys.exit(sys.version_info < (3, 11))";
    match Command::new("python3").args(["-c", version]).status() {
        Ok(status) if status.success() => None,
        Ok(_) => Some("python3 is older than 3.11".into()),
        Err(error) => Some(format!("python3 does not run: {error}")),
    }
}

/// A program, and whether its sleeps wake their tasks themselves.
pub(crate) struct Part<'a> {
    pub(crate) main: &'a Body,
    pub(crate) naps: bool,
}

/// Carries out many programs, in one process.
pub(crate) fn play(parts: &[Part<'_>]) -> Vec<Vec<String>> {
    let mut script = PRELUDE.to_owned();
    for (number, part) in parts.iter().enumerate() {
        script += &format!("\n\n# Program {number}\n{}", source(part));
    }
    let output = run(script).expect("python3 runs");
    let mut lines = output.lines();
    let traces = parts.iter().map(|_| {
        let count = lines.next().and_then(|count| count.parse().ok());
        let count = count.expect("a trace begins with its length");
        lines.by_ref().take(count).map(str::to_owned).collect()
    });
    traces.collect()
}

fn run(script: String) -> io::Result<String> {
    let mut python = Command::new("python3")
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = python.stdin.take().expect("it is piped");
    // Written from beside, for it may print before it has read everything.
    let writer = std::thread::spawn(move || stdin.write_all(script.as_bytes()));
    let output = python.wait_with_output()?;
    writer.join().expect("the writer does not panic")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the script failed: {complaint}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A program as Python.
pub(crate) fn source(part: &Part<'_>) -> String {
    let mut source = Source::default();
    let main = source.body(part.main);
    let naps = if part.naps { "True" } else { "False" };
    format!("{}play({main}, {naps})\n", source.text)
}

/// Functions, each after those that it names.
#[derive(Default)]
struct Source {
    text: String,
    bodies: usize,
}

impl Source {
    /// Writes a body, and gives its name.
    fn body(&mut self, body: &Body) -> String {
        let lines: Vec<_> = body.iter().map(|step| self.step(step)).collect();
        let name = format!("body_{}", self.bodies);
        self.bodies += 1;
        let _ = writeln!(self.text, "async def {name}(me):");
        if lines.is_empty() {
            self.text += "    pass\n";
        }
        for line in lines {
            let _ = writeln!(self.text, "    {line}");
        }
        self.text += "\n\n";
        name
    }

    fn step(&mut self, step: &Step) -> String {
        match step {
            Step::Act(act) => self.act(act),
            Step::Own(own) => own_word(own),
            Step::Wait(wait) => format!("await me.wait({})", self.wait(wait)),
            Step::Within(limit, wait) => format!("await me.within({limit}, {})", self.wait(wait)),
        }
    }

    fn act(&mut self, act: &Act) -> String {
        match act {
            Act::Spawn(body) => format!("me.spawn({})", self.body(body)),
            Act::Cancel(which) => format!("me.cancel({which})"),
            Act::TryPut(queue) => format!("me.try_put({queue})"),
            Act::TryGet(queue) => format!("me.try_get({queue})"),
            Act::Set(event) => format!("me.set({event})"),
            Act::Clear(event) => format!("me.clear({event})"),
            Act::Advance(millis) => format!("me.advance({millis})"),
            Act::CallSoon(act) => format!("me.call_soon(lambda me: {})", self.act(act)),
            Act::CallLater(delay, act) => {
                format!("me.call_later({delay}, lambda me: {})", self.act(act))
            }
        }
    }

    fn wait(&mut self, wait: &Wait) -> String {
        match wait {
            Wait::Yield | Wait::Sleep(0) => "me.yields()".into(),
            Wait::Sleep(millis) => format!("me.sleep({millis})"),
            Wait::Get(queue) => format!("me.get({queue})"),
            Wait::Put(queue) => format!("me.put({queue})"),
            Wait::Event(event) => format!("me.event({event})"),
            Wait::Acquire(semaphore) => format!("me.acquire({semaphore})"),
            Wait::Join(which) => format!("me.join({which})"),
            Wait::Peek(_) => unreachable!("programs for asyncio have none"),
            Wait::Gather(bodies) => {
                let names: Vec<_> = bodies.iter().map(|body| self.body(body)).collect();
                format!("me.gather({})", names.join(", "))
            }
        }
    }
}

fn own_word(own: &Own) -> String {
    match own {
        Own::Release => "me.release()".into(),
        Own::DropHandle(which) => format!("me.drop_handle({which})"),
        Own::Detach(which) => format!("me.detach({which})"),
        Own::OnDone(which) => format!("me.on_done({which})"),
        Own::CancelCall(which) => format!("me.cancel_call({which})"),
    }
}
