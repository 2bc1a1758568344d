//! A line that says what is being measured.

use std::io::{IsTerminal, Write, stderr};

/// The progress line, on standard error.
pub struct Progress {
    done: usize,
    total: usize,
    overwrites: bool,
}

impl Progress {
    /// A line for so many samples.
    pub fn new(total: usize) -> Self {
        Self {
            done: 0,
            total,
            overwrites: stderr().is_terminal(),
        }
    }

    /// Another sample begins. Without a terminal only the first round of a row prints.
    pub fn step(&mut self, row: &str, round: usize, rounds: usize, contestant: &str) {
        self.done += 1;
        let line = format!(
            "[{}/{}] {row}, round {round} of {rounds}: {contestant}",
            self.done, self.total
        );
        let mut stderr = stderr().lock();
        if self.overwrites {
            let _ = write!(stderr, "\r\x1b[2K{line}");
            let _ = stderr.flush();
        } else if round == 1 {
            let _ = writeln!(stderr, "{line}");
        }
    }

    /// Clears the line.
    pub fn end(&self) {
        if self.overwrites {
            eprint!("\r\x1b[2K");
        }
    }
}
