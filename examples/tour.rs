//! The tour: runs every program of five asyncio tutorials in order.
//!
//! ```text
//! cargo run --release --example tour                               all of them, in virtual time: ends at once
//! cargo run --release --example tour -- --real                     all of them, in real time: takes two minutes
//! cargo run --release --example tour -- --only potato_stew --real  one of them, in real time
//! cargo run --release --example tour -- --list                     what there is
//! ```
//!
//! Each line is stamped with the seconds since its program began.

mod programs;

use std::env;
use std::io::{self, ErrorKind, Write};
use std::process::{self, ExitCode};

use programs::tour::tour;

fn main() -> ExitCode {
    match tour(env::args_os().skip(1), UntilClosed(io::stdout())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // This cannot be written either if stderr is closed; then nothing is left to do.
            let _ = writeln!(io::stderr(), "tour: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Standard output, until its reader has seen enough (`tour | head`): then the tour is over.
struct UntilClosed(io::Stdout);

impl UntilClosed {
    fn end_if_closed<T>(result: io::Result<T>) -> io::Result<T> {
        if matches!(&result, Err(error) if error.kind() == ErrorKind::BrokenPipe) {
            process::exit(0);
        }
        result
    }
}

impl Write for UntilClosed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Self::end_if_closed(self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Self::end_if_closed(self.0.flush())
    }
}
