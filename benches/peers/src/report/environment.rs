//! The machine, the compiler and the versions of everyone who takes part.

use std::process::Command;

use serde::{Deserialize, Serialize};

/// The lock file of this package, from which the versions are read.
const LOCK: &str = include_str!("../../Cargo.lock");

const PACKAGES: &[&str] = &[
    "looplet",
    "tokio",
    "async-executor",
    "async-io",
    "futures",
    "monoio",
    "compio",
    "glommio",
    "kimojio",
    "async-channel",
    "flume",
    "async-unsync",
    "local-channel",
];

/// Where the figures were taken.
#[derive(Serialize, Deserialize, Default, PartialEq, Clone)]
pub struct Environment {
    pub processor: String,
    pub processors: usize,
    pub system: String,
    pub compiler: String,
    pub python: String,
    pub pinned: String,
    /// Samples of each figure.
    #[serde(default)]
    pub rounds: usize,
    pub versions: Vec<(String, String)>,
}

impl Environment {
    /// Looks at this machine.
    pub fn look(pinned: String, processors: usize, rounds: usize) -> Self {
        Self {
            processor: processor(),
            processors,
            system: said_by("uname", &["-srm"]),
            compiler: said_by("rustc", &["--version"]),
            python: said_by("python3", &["--version"]),
            pinned,
            rounds,
            versions: versions(),
        }
    }

    /// Whether figures taken there may stand beside figures taken here.
    pub fn same_machine(&self, other: &Self) -> bool {
        (&self.processor, self.processors, &self.system)
            == (&other.processor, other.processors, &other.system)
    }
}

fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = info.lines().find(|line| line.starts_with("model name"));
    let name = line
        .and_then(|line| line.split_once(':'))
        .map(|(_, name)| name.trim().to_owned());
    name.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(
        |_| "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

/// The highest version of each package in the lock file: the peers themselves depend on older ones.
fn versions() -> Vec<(String, String)> {
    let version_of = |name: &str| {
        let packages = LOCK
            .split("[[package]]")
            .filter(|package| package.contains(&format!("name = \"{name}\"\n")));
        let versions =
            packages.filter_map(|package| package.split("version = \"").nth(1)?.split('"').next());
        versions.max_by_key(|version| {
            version
                .split('.')
                .map(|n| n.parse().unwrap_or(0))
                .collect::<Vec<u32>>()
        })
    };
    let named =
        |name: &&str| version_of(name).map(|version| ((*name).to_owned(), version.to_owned()));
    PACKAGES.iter().filter_map(named).collect()
}
