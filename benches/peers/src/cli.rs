//! What the command line asks for.

use std::path::PathBuf;

/// How to call this program.
pub const USAGE: &str = "\
peers run            times of all rows (or of those chosen)
peers instructions   instructions per operation, counted with callgrind
peers sizes          cost at 100, 10,000 and 1,000,000 tasks or timers
peers all            the three above, one after the other
peers rows           the names of the rows

  --row NAME      only this row (may be given several times)
  --peer NAME     only this contestant and looplet (may be given several times)
  --rounds N      samples per contestant and row (default 9)
  --quick         3 rounds of short samples; writes nothing by itself
  --cpu N|none    the processor to pin to (default: the last one allowed)
  --out DIR       where results.json, table.md and the pictures go, and what is merged into
                  (default: docs/benchmarks for nine rounds of all rows and peers; otherwise nothing is written)";

/// What to measure.
#[derive(Clone, Copy, PartialEq)]
pub enum Command {
    Run,
    Instructions,
    Sizes,
    All,
    Rows,
}

/// Where the samples run.
#[derive(Clone, Copy, PartialEq)]
pub enum Cpu {
    LastAllowed,
    Number(usize),
    NotPinned,
}

/// The options of one call.
pub struct Options {
    pub command: Command,
    pub rows: Vec<String>,
    pub peers: Vec<String>,
    pub rounds: usize,
    /// Milliseconds of repetitions in one sample.
    pub budget: u64,
    pub cpu: Cpu,
    pub out: Option<PathBuf>,
}

/// Where a full run writes.
const DEFAULT_OUT: &str = "docs/benchmarks";
const ROUNDS: usize = 9;
const QUICK_ROUNDS: usize = 3;
const BUDGET: u64 = 100;
const QUICK_BUDGET: u64 = 20;

impl Options {
    /// Reads the command line without the program's name.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::new(command(words.next().as_deref())?);
        let mut rounds = None;
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--row" => options.rows.push(value()?),
                "--peer" => options.peers.push(value()?),
                "--rounds" => rounds = Some(number(&value()?)?),
                "--cpu" => options.cpu = cpu(&value()?)?,
                "--out" => options.out = Some(value()?.into()),
                "--quick" => (options.rounds, options.budget) = (QUICK_ROUNDS, QUICK_BUDGET),
                _ => return Err(format!("what is {word}?")),
            }
        }
        options.rounds = rounds.unwrap_or(options.rounds).max(1);
        let is_full = options.rows.is_empty() && options.peers.is_empty();
        if options.out.is_none() && is_full && options.rounds >= ROUNDS && options.budget >= BUDGET
        {
            options.out = Some(DEFAULT_OUT.into());
        }
        options.check_rows()
    }

    /// Whether the call wants this row.
    pub fn wants_row(&self, id: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|row| row == id)
    }

    /// Whether the call wants this contestant; a channel goes by its name alone, too.
    pub fn wants_peer(&self, id: &str) -> bool {
        let channel = id.split('+').next();
        let named = |peer: &String| peer == id || Some(peer.as_str()) == channel;
        self.peers.is_empty() || id == "looplet" || self.peers.iter().any(named)
    }

    fn new(command: Command) -> Self {
        Self {
            command,
            rows: Vec::new(),
            peers: Vec::new(),
            rounds: ROUNDS,
            budget: BUDGET,
            cpu: Cpu::LastAllowed,
            out: None,
        }
    }

    fn check_rows(self) -> Result<Self, String> {
        match self.rows.iter().find(|id| crate::rows::find(id).is_none()) {
            Some(id) => Err(format!("there is no row {id}; `peers rows` lists them")),
            None => Ok(self),
        }
    }
}

fn command(word: Option<&str>) -> Result<Command, String> {
    match word {
        Some("run") => Ok(Command::Run),
        Some("instructions") => Ok(Command::Instructions),
        Some("sizes") => Ok(Command::Sizes),
        Some("all") => Ok(Command::All),
        Some("rows") => Ok(Command::Rows),
        _ => Err("say what to do".to_owned()),
    }
}

fn cpu(word: &str) -> Result<Cpu, String> {
    if word == "none" {
        return Ok(Cpu::NotPinned);
    }
    number(word).map(Cpu::Number)
}

fn number(word: &str) -> Result<usize, String> {
    word.parse().map_err(|_| format!("{word} is no number"))
}

#[cfg(test)]
mod tests {
    use super::{Cpu, Options};

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_full_run_writes_and_a_chosen_row_does_not() {
        assert!(parse("run").is_ok_and(|options| options.out.is_some()));
        assert!(parse("run --quick").is_ok_and(|options| options.out.is_none()));
        assert!(parse("run --rounds 8").is_ok_and(|options| options.out.is_none()));
        assert!(parse("run --row yield").is_ok_and(|options| options.out.is_none()));
        assert!(parse("run --row yield --out there").is_ok_and(|options| options.out.is_some()));
    }

    #[test]
    fn rounds_given_win_over_quick_in_any_order() {
        let rounds = |line| parse(line).map(|options| options.rounds);
        assert_eq!(rounds("run --rounds 5 --quick"), Ok(5));
        assert_eq!(rounds("run --quick --rounds 5"), Ok(5));
    }

    #[test]
    fn a_channel_goes_by_its_name_alone() {
        let wants = |id| parse("run --peer flume").is_ok_and(|options| options.wants_peer(id));
        assert!(wants("flume+tokio") && wants("looplet"));
        assert!(!wants("monoio") && !wants("async-channel+tokio"));
    }

    #[test]
    fn a_row_that_is_not_there_is_refused() {
        assert!(parse("run --row nothing").is_err());
        assert!(parse("run --cpu none").is_ok_and(|options| options.cpu == Cpu::NotPinned));
    }
}
