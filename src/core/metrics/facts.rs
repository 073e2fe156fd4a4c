//! All that is told at one moment, as it was found.

use super::ledger::Ledger;
use super::proportion;
use crate::logging::usage::Usage;
use crate::memory::meters::{Door, Reading};

/// The state of an instance.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Version of the server.
    pub version: &'static str,
    /// Start of the instance, seconds since the epoch.
    pub started: u64,
    /// Requests are served.
    pub is_ready: bool,
    /// The generation that serves, 0 first.
    pub generation: u32,
    /// Where requests may come in.
    pub doors: Vec<Door>,
    /// What has been counted.
    pub reading: Reading,
    /// Client connections that are open.
    pub connections: u64,
    /// Requests that wait for a core in all routers.
    pub queue: u64,
    /// How long the first of them has waited, microseconds.
    pub queue_age: u64,
    /// Cores that are in a request, and cores that are not.
    pub cores: (u64, u64),
    /// Workers that there are to be, and those that serve.
    pub workers: (u64, u64),
    /// Workers of the serving generation, by number, and their processes.
    pub processes: Vec<(u32, u64)>,
    /// Exceptions that left the application, killed workers, births, deaths, reloads.
    pub ledger: Ledger,
    /// Listening sockets: address, connections that wait, and how many may.
    pub listeners: Vec<(String, u32, u32)>,
    /// Until when certificates last, by name, seconds since the epoch.
    pub certificates: Vec<(String, u64)>,
}

/// The memory of a worker, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Number of the worker.
    pub worker: u32,
    /// In RAM.
    pub resident: u64,
    /// In RAM, of shared pages its part; `None` where that cannot be seen.
    pub proportional: Option<u64>,
}

impl Facts {
    /// Looks at the memory of the workers. This takes its time: not for the master's own thread.
    #[must_use]
    pub fn memory(&self) -> Vec<Memory> {
        let of = |&(worker, pid): &(u32, u64)| {
            let resident = Usage::of(pid)?.rss;
            Some(Memory { worker, resident, proportional: proportion::of(pid) })
        };
        self.processes.iter().filter_map(of).collect()
    }
}
