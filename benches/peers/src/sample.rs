//! One sample, in a process of its own: `peers sample <contestant> <row> <n>`.

use std::time::Duration;

use crate::adapters::*;
use crate::channels::{self, Channel, FromThread};
use crate::measure::Mode;
use crate::rows::{self, Field};
use crate::runtime::Runtime;
use crate::tools::Tools;
use crate::workloads;

/// What a sample process is asked for.
pub struct Request {
    pub contestant: String,
    pub row: String,
    pub n: usize,
    pub mode: Mode,
    /// Whether `n` is the number of tasks or timers alive at once.
    pub at_size: bool,
}

impl Request {
    /// Reads `<contestant> <row> <n> <milliseconds | once | size>`.
    pub fn parse(words: &[String]) -> Option<Self> {
        let [contestant, row, n, how] = words else {
            return None;
        };
        let mode = match how.as_str() {
            "once" => Mode::Once,
            "size" => Mode::Timed(Duration::from_millis(50)),
            budget => Mode::Timed(Duration::from_millis(budget.parse().ok()?)),
        };
        let at_size = how == "size";
        let n = n.parse().ok()?;
        Some(Self {
            contestant: contestant.clone(),
            row: row.clone(),
            n,
            mode,
            at_size,
        })
    }
}

/// Prints a sample's figure, as the driver reads it.
pub fn print(value: f64) {
    println!("value {value}");
}

/// Takes the sample. A panic on any thread ends the process: its message is the reason given in the report.
pub fn run(request: &Request) {
    std::panic::set_hook(Box::new(|info| {
        eprintln!("{}", info.payload_as_str().unwrap_or("panicked"));
        std::process::exit(1);
    }));
    if request.contestant == "floor" {
        let floor = workloads::floor(&request.row, request.n, request.mode);
        return print(floor.expect("the row has a floor"));
    }
    let value = match rows::find(&request.row).map(|row| row.field) {
        Some(Field::Channels | Field::ThreadChannels) => channel_sample(request),
        Some(Field::Tools) => tools_sample(request),
        Some(Field::Executors) => executor_sample(request),
        None => None,
    };
    match value {
        Some(value) => print(value),
        None => panic!(
            "{} does not take part in {}",
            request.contestant, request.row
        ),
    }
}

fn executor_sample(request: &Request) -> Option<f64> {
    let sample = match request.contestant.as_str() {
        #[cfg(feature = "looplet")]
        "looplet" => executor::<looplet::Looplet>(request),
        #[cfg(feature = "tokio")]
        "tokio-local-set" => executor::<tokio_local_set::TokioLocalSet>(request),
        #[cfg(feature = "tokio")]
        "tokio-current-thread" => executor::<tokio_current_thread::TokioCurrentThread>(request),
        #[cfg(feature = "async-executor")]
        "local-executor" => executor::<async_executor::LocalExecutor>(request),
        #[cfg(feature = "futures-pool")]
        "local-pool" => executor::<local_pool::LocalPool>(request),
        #[cfg(all(feature = "monoio", unix))]
        "monoio" => executor::<monoio::Monoio>(request),
        #[cfg(feature = "compio")]
        "compio" => executor::<compio::Compio>(request),
        #[cfg(all(feature = "glommio", target_os = "linux"))]
        "glommio" => executor::<glommio::Glommio>(request),
        #[cfg(all(feature = "kimojio", target_os = "linux"))]
        "kimojio" => executor::<kimojio::Kimojio>(request),
        _ => return None,
    };
    Some(sample)
}

fn tools_sample(request: &Request) -> Option<f64> {
    let sample = match request.contestant.as_str() {
        #[cfg(feature = "looplet")]
        "looplet" => tools::<looplet::Looplet>(request),
        #[cfg(feature = "tokio")]
        "tokio-local-set" => tools::<tokio_local_set::TokioLocalSet>(request),
        #[cfg(feature = "async-executor")]
        "local-executor" => tools::<async_executor::LocalExecutor>(request),
        #[cfg(all(feature = "monoio", feature = "async-executor", unix))]
        "monoio" => tools::<monoio::Monoio>(request),
        _ => return None,
    };
    Some(sample)
}

fn tools<R: Tools>(request: &Request) -> f64 {
    workloads::with_tools::<R>(&request.row, request.n, request.mode)
}

fn executor<R: Runtime>(request: &Request) -> f64 {
    if request.at_size {
        return workloads::at_size::<R>(&request.row, request.n, request.mode);
    }
    workloads::on_executor::<R>(&request.row, request.n, request.mode)
}

fn channel_sample(request: &Request) -> Option<f64> {
    #[cfg(feature = "looplet")]
    if request.contestant == "looplet" {
        use crate::adapters::looplet::Looplet;
        use crate::channels::looplet::LoopletQueue;
        return Some(match request.row.as_str() {
            #[cfg(feature = "looplet-remote")]
            "thread_items" => {
                outside::<Looplet, channels::looplet_remote::LoopletRemoteQueue>(request)
            }
            #[cfg(not(feature = "looplet-remote"))]
            "thread_items" => panic!("this build does not have its remote queue"),
            _ => local::<Looplet, LoopletQueue, LoopletQueue>(request),
        });
    }
    let (channel, executor) = request.contestant.split_once('+')?;
    match executor {
        #[cfg(feature = "looplet")]
        "looplet" => peer_channel::<crate::adapters::looplet::Looplet>(channel, request),
        #[cfg(feature = "tokio")]
        "tokio" => peer_channel::<tokio_local_set::TokioLocalSet>(channel, request),
        _ => None,
    }
}

fn peer_channel<R: Runtime>(channel: &str, request: &Request) -> Option<f64> {
    let sample = match (channel, request.row.as_str()) {
        #[cfg(feature = "async-channel")]
        ("async-channel", "thread_items") => {
            outside::<R, channels::async_channel::AsyncChannel>(request)
        }
        #[cfg(feature = "async-channel")]
        ("async-channel", _) => {
            local::<R, channels::async_channel::AsyncChannel, channels::async_channel::AsyncChannel>(
                request,
            )
        }
        #[cfg(feature = "flume")]
        ("flume", "thread_items") => outside::<R, channels::flume::Flume>(request),
        #[cfg(feature = "flume")]
        ("flume", _) => local::<R, channels::flume::Flume, channels::flume::Flume>(request),
        #[cfg(feature = "tokio")]
        ("tokio-mpsc", "thread_items") => {
            outside::<R, channels::tokio_mpsc::TokioUnbounded>(request)
        }
        #[cfg(feature = "tokio")]
        ("tokio-mpsc", _) => {
            local::<R, channels::tokio_mpsc::TokioMpsc, channels::tokio_mpsc::TokioUnbounded>(
                request,
            )
        }
        #[cfg(feature = "async-unsync")]
        ("async-unsync", _) => local::<
            R,
            channels::async_unsync::AsyncUnsync,
            channels::async_unsync::AsyncUnsyncUnbounded,
        >(request),
        #[cfg(feature = "local-channel")]
        ("local-channel", _) => {
            local::<R, channels::local_channel::LocalChannel, channels::local_channel::LocalChannel>(
                request,
            )
        }
        _ => return None,
    };
    Some(sample)
}

fn local<R: Runtime, Bounded: Channel, Unbounded: Channel>(request: &Request) -> f64 {
    workloads::on_channel::<R, Bounded, Unbounded>(&request.row, request.n, request.mode)
}

fn outside<R: Runtime, C: FromThread>(request: &Request) -> f64 {
    workloads::from_thread::<R, C>(request.n, request.mode)
}
