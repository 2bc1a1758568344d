//! The tour: reads the command line, runs the programs that it names, and prints them line by line.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fmt::{self, Display, Formatter};
use std::io::{self, Write};
use std::mem;
use std::rc::Rc;
use std::time::Duration;

use super::stage::{self, Time};
use super::{PROGRAMS, Program};

const USAGE: &str = "\
Plays the programs of five asyncio tutorials, each line stamped with the seconds since its program's start.

Usage: tour [--real] [--only NAME] [--list]

  --real       in real time (the default is virtual time, which ends at once)
  --only NAME  only the program of this name or number
  --list       list the programs
  --help       this text
";

/// Why the tour ended early.
#[derive(Debug)]
pub(crate) enum TourError {
    /// The command line asks for something that does not exist: a sentence that says what.
    BadRequest(String),
    /// The output could not be written.
    Output(io::Error),
}

impl TourError {
    /// What the process says to its parent: 2 for a bad command line, as is custom.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::BadRequest(_) => 2,
            Self::Output(_) => 1,
        }
    }
}

impl Display for TourError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadRequest(sentence) => f.write_str(sentence),
            Self::Output(error) => write!(f, "cannot write the output: {error}"),
        }
    }
}

impl From<io::Error> for TourError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<lexopt::Error> for TourError {
    fn from(error: lexopt::Error) -> Self {
        Self::BadRequest(error.to_string())
    }
}

/// What the command line asks for.
enum Request {
    Help,
    List,
    Play(Time, &'static [Program]),
}

/// Does what `args` (without the program's own name) ask for.
pub(crate) fn tour<W: Write + 'static>(
    args: impl IntoIterator<Item = OsString>,
    out: W,
) -> Result<(), TourError> {
    let out = Rc::new(RefCell::new(out));
    match read_request(args)? {
        Request::Help => out.borrow_mut().write_all(USAGE.as_bytes())?,
        Request::List => list(&mut *out.borrow_mut())?,
        Request::Play(time, programs) => play(time, programs, &out)?,
    }
    Ok(out.borrow_mut().flush()?)
}

fn read_request(args: impl IntoIterator<Item = OsString>) -> Result<Request, TourError> {
    use lexopt::prelude::*;
    let mut args = lexopt::Parser::from_args(args);
    let (mut time, mut programs, mut only_list) = (Time::Virtual, PROGRAMS, false);
    while let Some(arg) = args.next()? {
        match arg {
            Long("real") => time = Time::Real,
            Long("only") => programs = find(&args.value()?.string()?)?,
            Long("list") => only_list = true,
            Long("help") | Short('h') => return Ok(Request::Help),
            other => return Err(other.unexpected().into()),
        }
    }
    if only_list {
        return Ok(Request::List);
    }
    Ok(Request::Play(time, programs))
}

fn find(name: &str) -> Result<&'static [Program], TourError> {
    let is_meant =
        |program: &Program| program.name == name || program.id.eq_ignore_ascii_case(name);
    let at = PROGRAMS.iter().position(is_meant).ok_or_else(|| {
        TourError::BadRequest(format!("there is no program {name:?}; --list shows all"))
    })?;
    Ok(&PROGRAMS[at..=at])
}

fn list(out: &mut impl Write) -> io::Result<()> {
    for program in PROGRAMS {
        let (id, name, title) = (program.id, program.name, program.title);
        writeln!(out, "{id}  {name:<24}  {title}")?;
    }
    Ok(())
}

fn play<W: Write + 'static>(
    time: Time,
    programs: &'static [Program],
    out: &Rc<RefCell<W>>,
) -> io::Result<()> {
    let mut total = Duration::ZERO;
    for program in programs {
        total += play_one(time, program, out)?;
    }
    let (count, seconds) = (programs.len(), total.as_secs_f64());
    let mut out = out.borrow_mut();
    match time {
        _ if count == 1 => Ok(()),
        Time::Virtual => writeln!(out, "{count} programs, {seconds:.2} s of virtual time"),
        Time::Real => writeln!(out, "{count} programs, {seconds:.2} s of real time"),
    }
}

fn play_one<W: Write + 'static>(
    time: Time,
    program: &Program,
    out: &Rc<RefCell<W>>,
) -> io::Result<Duration> {
    let (id, name, title) = (program.id, program.name, program.title);
    writeln!(out.borrow_mut(), "{id} {name}: {title}")?;

    let output = Rc::new(RefCell::new(Output {
        lines: 0,
        result: Ok(()),
    }));
    let audience = {
        let (out, output) = (Rc::clone(out), Rc::clone(&output));
        move |since: Duration, line: &str| {
            output
                .borrow_mut()
                .print(&mut *out.borrow_mut(), since, line)
        }
    };
    let total = stage::play(program.plot, time, audience);

    let Output { lines, result } = &mut *output.borrow_mut();
    mem::replace(result, Ok(()))?;
    let mut out = out.borrow_mut();
    if *lines == 0 {
        writeln!(out, "  (prints nothing)")?;
    }
    writeln!(out, "  total {:.2} s\n", total.as_secs_f64())?;
    Ok(total)
}

/// What has been printed of a program so far.
struct Output {
    lines: usize,
    result: io::Result<()>,
}

impl Output {
    /// Prints a line at once, as in real time a user may watch. After a failure nothing more is printed.
    fn print(&mut self, out: &mut impl Write, since: Duration, line: &str) {
        if self.result.is_ok() {
            self.lines += 1;
            self.result =
                writeln!(out, "  [{:5.2}] {line}", since.as_secs_f64()).and_then(|()| out.flush());
        }
    }
}
