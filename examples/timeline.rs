//! Pictures of a loop at work: any program of the tour, as text, as SVG or as a trace file.
//!
//! ```text
//! cargo run --features timeline --example timeline                                      two awaits, then two tasks
//! cargo run --features timeline --example timeline -- --only gather                     another program
//! cargo run --features timeline --example timeline -- --only gather --svg gather.svg    as a picture
//! cargo run --features timeline --example timeline -- --only gather --trace gather.json for ui.perfetto.dev
//! cargo run --features timeline --example timeline -- --docs                            the pictures in docs/timeline
//! ```
//!
//! `--width N` sets the width of the chart; `cargo run --example tour -- --list` names the programs. All play in
//! virtual time.

#[allow(dead_code, reason = "the tour's own command line")]
mod programs;

use std::error::Error;
use std::{env, fs};

use programs::pictures::{PICTURES, film};

fn main() -> Result<(), Box<dyn Error>> {
    use lexopt::prelude::*;
    let (mut names, mut svg, mut trace, mut width) = (Vec::new(), None, None, columns());
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Long("only") => names.push(args.value()?.string()?),
            Long("svg") => svg = Some(args.value()?),
            Long("trace") => trace = Some(args.value()?),
            Long("width") => width = args.value()?.parse()?,
            Long("docs") => {
                for picture in PICTURES {
                    fs::write(picture.path(), picture.draw())?;
                    println!("{}", picture.path());
                }
                return Ok(());
            }
            other => return Err(other.unexpected().into()),
        }
    }
    if names.is_empty() {
        names = ["sequential_awaits", "concurrent_tasks"]
            .map(String::from)
            .to_vec();
    }
    for name in names {
        let (program, timeline) = film(&name)?;
        println!(
            "{}: {}\n{}",
            program.name,
            program.title,
            timeline.text(width)
        );
        if let Some(path) = &svg {
            fs::write(path, timeline.svg(program.title))?;
        }
        if let Some(path) = &trace {
            fs::write(path, timeline.trace())?;
        }
    }
    Ok(())
}

/// The width of the terminal, if the shell says so.
fn columns() -> usize {
    let columns = env::var("COLUMNS").ok();
    columns
        .and_then(|columns| columns.parse().ok())
        .unwrap_or(100)
}
