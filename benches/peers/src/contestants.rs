//! Who takes part: executors, channels on an executor, the floor, and Python for scale.

use serde::{Deserialize, Serialize};

use crate::rows::{Field, Row};

/// What a contestant is in the comparison.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// looplet.
    Subject,
    /// A peer: the fastest of these sets the mark.
    Peer,
    /// What the bare work of the row costs, without an executor.
    Floor,
    /// asyncio: for scale.
    Scale,
}

/// One contestant.
#[derive(Clone, Copy)]
pub struct Contestant {
    /// Its name on the command line; of a channel `channel+executor`.
    pub id: &'static str,
    /// Its name in tables and pictures.
    pub label: &'static str,
    /// The executor under a channel.
    pub on: Option<&'static str>,
    pub role: Role,
    /// Whether this build has it.
    pub built: bool,
}

const fn peer(id: &'static str, label: &'static str, built: bool) -> Contestant {
    Contestant {
        id,
        label,
        on: None,
        role: Role::Peer,
        built,
    }
}

const fn channel(
    id: &'static str,
    label: &'static str,
    on: &'static str,
    built: bool,
) -> Contestant {
    Contestant {
        id,
        label,
        on: Some(on),
        role: Role::Peer,
        built,
    }
}

const LOOPLET: bool = cfg!(feature = "looplet");
const TOKIO: bool = cfg!(feature = "tokio");
const LINUX: bool = cfg!(target_os = "linux");

const SUBJECT: Contestant = Contestant {
    id: "looplet",
    label: "looplet",
    on: None,
    role: Role::Subject,
    built: LOOPLET,
};

const EXECUTORS: &[Contestant] = &[
    SUBJECT,
    peer("tokio-local-set", "tokio LocalSet", TOKIO),
    peer("tokio-current-thread", "tokio current_thread", TOKIO),
    peer(
        "local-executor",
        "LocalExecutor",
        cfg!(feature = "async-executor"),
    ),
    peer("local-pool", "LocalPool", cfg!(feature = "futures-pool")),
    peer("monoio", "monoio", cfg!(all(feature = "monoio", unix))),
    peer("compio", "compio", cfg!(feature = "compio")),
    peer("glommio", "glommio", LINUX && cfg!(feature = "glommio")),
    peer("kimojio", "kimojio", LINUX && cfg!(feature = "kimojio")),
];

const FLOOR: Contestant = Contestant {
    id: "floor",
    label: "floor",
    on: None,
    role: Role::Floor,
    built: true,
};

const PYTHONS: &[Contestant] = &[
    Contestant {
        id: "asyncio",
        label: "asyncio",
        on: None,
        role: Role::Scale,
        built: true,
    },
    Contestant {
        id: "uvloop",
        label: "uvloop",
        on: None,
        role: Role::Scale,
        built: true,
    },
];

const ASYNC_CHANNEL: bool = cfg!(feature = "async-channel");
const FLUME: bool = cfg!(feature = "flume");
const UNSYNC: bool = cfg!(feature = "async-unsync");
const LOCAL_CHANNEL: bool = cfg!(feature = "local-channel");

const CHANNELS: &[Contestant] = &[
    SUBJECT,
    channel(
        "async-unsync+looplet",
        "async-unsync",
        "looplet",
        UNSYNC && LOOPLET,
    ),
    channel(
        "async-unsync+tokio",
        "async-unsync",
        "tokio LocalSet",
        UNSYNC && TOKIO,
    ),
    channel(
        "local-channel+looplet",
        "local-channel",
        "looplet",
        LOCAL_CHANNEL && LOOPLET,
    ),
    channel(
        "local-channel+tokio",
        "local-channel",
        "tokio LocalSet",
        LOCAL_CHANNEL && TOKIO,
    ),
    channel("flume+looplet", "flume", "looplet", FLUME && LOOPLET),
    channel("flume+tokio", "flume", "tokio LocalSet", FLUME && TOKIO),
    channel(
        "tokio-mpsc+looplet",
        "tokio mpsc",
        "looplet",
        TOKIO && LOOPLET,
    ),
    channel("tokio-mpsc+tokio", "tokio mpsc", "tokio LocalSet", TOKIO),
    channel(
        "async-channel+looplet",
        "async-channel",
        "looplet",
        ASYNC_CHANNEL && LOOPLET,
    ),
    channel(
        "async-channel+tokio",
        "async-channel",
        "tokio LocalSet",
        ASYNC_CHANNEL && TOKIO,
    ),
];

/// The rows that make sense in Python.
const PYTHON_ROWS: &[&str] = &[
    "yield",
    "yield_many",
    "spawn_join",
    "spawn_batch",
    "spawn_detached",
    "gather",
    "ping_pong",
    "chain_wake",
    "queue_1x1_64",
    "queue_1x1_1",
    "queue_4x4_64",
    "queue_4x4_1",
    "queue_unbounded",
    "timers_create_drop",
    "timers_hold_drop",
    "timers_fire",
    "sleep_lateness",
    "thread_round_trip",
    "thread_items",
    "start_end",
];

/// The executors in the rows of tools.
const WITH_TOOLS: &[&str] = &["looplet", "tokio-local-set", "local-executor", "monoio"];

/// The rows whose bare work can be done without an executor.
const WITH_FLOOR: &[&str] = &[
    "yield",
    "yield_many",
    "yield_10k",
    "yield_10k_shuffled",
    "yield_100k",
    "yield_100k_shuffled",
    "yield_1m",
    "yield_1m_shuffled",
    "spawn_join",
    "spawn_batch",
    "spawn_batch_cold",
    "spawn_detached",
    "ping_pong",
    "chain_wake",
    "timeout_ready",
    "timeout_yield",
    "mutex_free",
    "mutex_fought",
    "queue_1x1_64",
    "queue_1x1_1",
    "queue_4x4_64",
    "queue_4x4_1",
    "queue_unbounded",
    "timers_create_drop",
    "start_end",
];

/// kimojio numbers its tasks with 16 bits.
const KIMOJIO_TASKS: usize = 60_000;

/// Channels that only work inside one thread.
const LOCAL_ONLY: &[&str] = &["async-unsync", "local-channel"];

/// The executors: looplet first, then the peers.
pub fn executors() -> Vec<Contestant> {
    EXECUTORS.to_vec()
}

/// Why a contestant is known to fail in a row, where its own message does not say it.
pub fn known_reason(id: &str, row: &str) -> Option<&'static str> {
    match (id, row) {
        ("glommio", "timers_hold_drop") => Some("its wakers count no further than 32,767"),
        ("kimojio", "thread_round_trip") => Some("a wake from another thread panics"),
        _ => None,
    }
}

impl Contestant {
    /// How many of a row's tasks this contestant can keep alive at once.
    pub fn size_for(&self, row: &Row) -> usize {
        if self.id == "kimojio" && row.at_once {
            row.n.min(KIMOJIO_TASKS)
        } else {
            row.n
        }
    }
}

/// Everyone who takes part in rows of this field.
pub fn of(row: &Row) -> Vec<Contestant> {
    let mut all = match row.field {
        Field::Executors => executors(),
        Field::Tools => {
            let has_tools = |c: &Contestant| WITH_TOOLS.contains(&c.id);
            executors().into_iter().filter(has_tools).collect()
        }
        Field::Channels => CHANNELS.to_vec(),
        Field::ThreadChannels => {
            let crosses = |c: &&Contestant| !LOCAL_ONLY.contains(&c.label);
            CHANNELS.iter().filter(crosses).copied().collect()
        }
    };
    if WITH_FLOOR.contains(&row.id) {
        all.push(FLOOR);
    }
    if PYTHON_ROWS.contains(&row.id) {
        all.extend_from_slice(PYTHONS);
    }
    all
}
