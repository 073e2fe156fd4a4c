//! What the stats tell, field by field in uWSGI's order.
//!
//! Source: uWSGI 2.0 "The uWSGI Stats Server", and its output.

use std::collections::BTreeMap;

use serde::Serialize;

/// The whole document.
#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Instance {
    /// Version of the server.
    pub version: &'static str,
    /// Connections that wait in the fullest listen queue.
    pub listen_queue: u32,
    /// How often a listen queue was found full.
    pub listen_queue_errors: u64,
    /// Signals of the framework that wait: there are none.
    pub signal_queue: u32,
    /// How much is waiting: the same as `listen_queue`.
    pub load: u32,
    /// Process id of the master.
    pub pid: u32,
    /// User of the master.
    pub uid: u32,
    /// Group of the master.
    pub gid: u32,
    /// Where the instance was started.
    pub cwd: String,
    /// Locks and the process that holds each, 0 for none.
    pub locks: Vec<BTreeMap<String, u32>>,
    /// Listening sockets: those of the workers, then those of the router.
    pub sockets: Vec<Socket>,
    /// Workers in the order of their numbers.
    pub workers: Vec<Worker>,
    /// Spoolers in the order of their numbers; left out without any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spoolers: Vec<Spooler>,
    /// Commands at set times in the order written; left out without any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub crons: Vec<Cron>,
    /// Mules in the order of their numbers; left out without any. uWSGI does not tell about them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mules: Vec<Mule>,
    /// The generation that serves: 0 at the start, one more with each attempt to reload. rsgi's own, as the next.
    pub generation: u32,
    /// What has become of reloads.
    pub reloads: Reloads,
}

/// Reloads so far.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Reloads {
    /// Those after which the new generation served.
    pub succeeded: u64,
    /// Those after which the generation before went on.
    pub failed: u64,
    /// The latest; left out before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<LastReload>,
}

/// The latest reload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastReload {
    /// The generation that it was to bring.
    pub generation: u32,
    /// Its end, seconds since the epoch.
    pub ended: u64,
    /// `succeeded` or `failed`.
    pub result: &'static str,
    /// Why it failed, in a few words.
    pub reason: String,
    /// What was said of the trouble: the traceback, the lines about the configuration.
    pub log: String,
}

/// A spooler.
#[derive(Debug, PartialEq, Serialize)]
pub struct Spooler {
    /// The directory of its tasks.
    pub dir: String,
    /// Its process, 0 when there is none at the moment.
    pub pid: u64,
    /// Tasks that all processes with the number have run.
    pub tasks: u64,
    /// Processes that have had the number, after the first.
    pub respawns: u64,
    /// 1 while it runs a task.
    pub running: u8,
}

/// A command at set times. The times are uWSGI's numbers: -1 is always, others below 0 their multiples.
#[derive(Debug, PartialEq, Serialize)]
pub struct Cron {
    /// Minutes.
    pub minute: i64,
    /// Hours.
    pub hour: i64,
    /// Days of the month.
    pub day: i64,
    /// Months.
    pub month: i64,
    /// Days of the week.
    pub week: i64,
    /// For the shell.
    pub command: String,
    /// 1 when it is not started again while it runs.
    pub unique: u8,
    /// The legion that it belongs to: there are none.
    pub legion: &'static str,
    /// The process of its last run, -1 when none runs.
    pub pid: i64,
    /// When that run began, seconds since the epoch; 0 when none runs.
    pub started_at: u64,
}

/// A mule.
#[derive(Debug, PartialEq, Serialize)]
pub struct Mule {
    /// Its number, 1 first.
    pub id: u32,
    /// Its process, 0 when there is none at the moment.
    pub pid: u64,
    /// `cheap` (no process), `busy` (working on a message) or `idle`.
    pub status: &'static str,
    /// Messages that all processes with the number are done with.
    pub messages: u64,
    /// Processes killed because a message took too long.
    pub harakiri_count: u64,
    /// Resident memory, bytes.
    pub rss: u64,
    /// Address space, bytes.
    pub vsz: u64,
    /// Birth of the present process, seconds since the epoch.
    pub last_spawn: u64,
    /// Processes that have had the number.
    pub respawn_count: u64,
}

/// A listening socket.
#[derive(Debug, PartialEq, Serialize)]
pub struct Socket {
    /// Address as bound.
    pub name: String,
    /// What is spoken on it.
    pub proto: &'static str,
    /// Connections that nobody has accepted yet.
    pub queue: u32,
    /// How many may wait.
    pub max_queue: u32,
    /// 1 for a `shared-socket`.
    pub shared: u8,
    /// 1 when answers can be handed to an offload thread.
    pub can_offload: u8,
}

/// A worker.
#[derive(Debug, PartialEq, Serialize)]
pub struct Worker {
    /// Its number, 1 first.
    pub id: u32,
    /// Its process, 0 when there is none at the moment.
    pub pid: u64,
    /// 1 when it takes new requests.
    pub accepting: u8,
    /// Requests of all processes that had the number.
    pub requests: u64,
    /// Requests of the present process.
    pub delta_requests: u64,
    /// Exceptions that left the application.
    pub exceptions: u64,
    /// Processes killed because a request passed its deadline.
    pub harakiri_count: u64,
    /// Signals of the framework handled.
    pub signals: u64,
    /// Signals of the framework that wait.
    pub signal_queue: u32,
    /// `cheap` (no process), `busy` (a core is in a request), `pause` (idle while the instance is paused) or `idle`.
    pub status: &'static str,
    /// Resident memory, bytes.
    pub rss: u64,
    /// Address space, bytes.
    pub vsz: u64,
    /// Time spent in requests, microseconds.
    pub running_time: u64,
    /// Birth of the present process, seconds since the epoch.
    pub last_spawn: u64,
    /// Processes that have had the number.
    pub respawn_count: u64,
    /// Bytes sent.
    pub tx: u64,
    /// Average time of a request, microseconds.
    pub avg_rt: u64,
    /// Its applications.
    pub apps: Vec<App>,
    /// Its cores; left out with `stats-no-cores`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores: Option<Vec<Core>>,
}

/// An application in a worker.
#[derive(Debug, PartialEq, Serialize)]
pub struct App {
    /// Its number, 0 first.
    pub id: u32,
    /// Number of the language's plugin under uWSGI: 0 is Python.
    pub modifier1: u8,
    /// Where it is mounted, empty for the root.
    pub mountpoint: String,
    /// Time that loading took, whole seconds.
    pub startup_time: u64,
    /// Requests answered in this worker.
    pub requests: u64,
    /// Exceptions that left it in this worker.
    pub exceptions: u64,
    /// Its own directory: applications have none.
    pub chdir: &'static str,
}

/// A core.
#[derive(Debug, PartialEq, Serialize)]
pub struct Core {
    /// Its number, 0 first.
    pub id: u32,
    /// Requests answered.
    pub requests: u64,
    /// Static files sent.
    pub static_requests: u64,
    /// Requests rerouted inside of the server.
    pub routed_requests: u64,
    /// Answers handed to an offload thread.
    pub offloaded_requests: u64,
    /// Answers that could not be sent to their end.
    pub write_errors: u64,
    /// Request bodies that could not be read to their end.
    pub read_errors: u64,
    /// 1 while it is in a request.
    pub in_request: u8,
    /// The variables of that request as `KEY=value`, and an empty text behind the last.
    pub vars: Vec<String>,
    /// When that request began.
    pub req_info: RequestInfo,
}

/// When a request began.
#[derive(Debug, PartialEq, Serialize)]
pub struct RequestInfo {
    /// Seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_start: Option<u64>,
}
