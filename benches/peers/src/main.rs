//! looplet beside the other single-threaded executors: the same workloads, one table.
//!
//! `peers run` is the driver. It starts itself afresh for each sample (`peers sample ..`), so that no sample inherits
//! another's heap or caches.

// A build that leaves out peers leaves helpers unused.
#![cfg_attr(
    not(all(feature = "looplet", feature = "tokio")),
    allow(dead_code, unused_imports, unused_variables, unreachable_code)
)]

mod adapters;
mod alloc;
mod channels;
mod cli;
mod clock;
mod contestants;
mod driver;
mod measure;
mod report;
mod rows;
mod runtime;
mod sample;
mod tools;
mod workloads;

use std::process::ExitCode;

use cli::{Command, Options};
use report::environment::Environment;
use report::{Results, files, table};

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "sample") {
        return take_sample(&words[1..]);
    }
    match Options::parse(words.into_iter()) {
        Ok(options) => compare(&options),
        Err(problem) => {
            eprintln!("{problem}\n\n{}", cli::USAGE);
            ExitCode::FAILURE
        }
    }
}

fn take_sample(words: &[String]) -> ExitCode {
    let Some(request) = sample::Request::parse(words) else {
        eprintln!("a sample needs a contestant, a row, a size, and milliseconds or `once`");
        return ExitCode::FAILURE;
    };
    sample::run(&request);
    ExitCode::SUCCESS
}

fn compare(options: &Options) -> ExitCode {
    if options.command == Command::Rows {
        for row in rows::ROWS {
            println!("{:20} {}", row.id, row.what);
        }
        return ExitCode::SUCCESS;
    }
    // Counted before pinning: afterwards only one processor is left to see.
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let pinned = driver::pin::pin(options.cpu);
    eprintln!("{pinned}; {} rounds", options.rounds);
    let results = measure(
        options,
        Environment::look(pinned, processors, options.rounds),
    );
    println!("{}", table::all(&results));
    write(options, results)
}

fn measure(options: &Options, environment: Environment) -> Results {
    let wants = |command| options.command == command || options.command == Command::All;
    let mut results = Results {
        environment,
        ..Results::default()
    };
    if wants(Command::Run) {
        results.times = driver::times::measure(options);
    }
    if wants(Command::Instructions) {
        match driver::instructions::measure(options) {
            Ok(reports) => results.instructions = reports,
            Err(reason) => eprintln!("instructions are left out: {reason}"),
        }
    }
    if wants(Command::Sizes) {
        results.sizes = driver::sizes::measure(options);
    }
    results
}

fn write(options: &Options, results: Results) -> ExitCode {
    let Some(out) = &options.out else {
        return ExitCode::SUCCESS;
    };
    let all = files::merge(files::load(out), results);
    match files::write(out, &all) {
        Ok(()) => {
            eprintln!("written to {}", out.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("cannot write to {}: {error}", out.display());
            ExitCode::FAILURE
        }
    }
}
