//! What an instance tells, as far as the tools show it. Unknown fields are passed over and missing ones are zero, so that the
//! stats of uWSGI can be shown as well.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use crate::control_socket::view::{Phase, Running};

/// An instance at a moment.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct View {
    /// `starting`, `serving`, `reloading`, `stopping`; empty when only the stats are known.
    pub mood: String,
    /// The same in a sentence.
    pub status: String,
    /// Start of the instance, seconds since the epoch; 0 when it is not known.
    pub since: u64,
    /// The stats document.
    pub stats: Stats,
    /// Requests that run.
    pub running: Vec<Running>,
}

/// The stats document.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Stats {
    /// Version of the server.
    pub version: String,
    /// Process id of the master.
    pub pid: u32,
    /// Listening sockets.
    pub sockets: Vec<Socket>,
    /// Workers.
    pub workers: Vec<Worker>,
    /// Spoolers.
    pub spoolers: Vec<Spooler>,
    /// Mules.
    pub mules: Vec<Mule>,
}

/// A listening socket.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Socket {
    /// Its address.
    pub name: String,
    /// What is spoken on it.
    pub proto: String,
    /// Connections that wait.
    pub queue: u64,
    /// How many may.
    pub max_queue: u64,
}

/// A worker.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Worker {
    /// Its number.
    pub id: u32,
    /// Its process, 0: none.
    pub pid: u64,
    /// 0 when it takes nothing new.
    pub accepting: u8,
    /// `idle`, `busy`, `cheap`…
    pub status: String,
    /// Requests answered.
    pub requests: u64,
    /// Exceptions that left the application.
    pub exceptions: u64,
    /// Processes killed for a request that took too long.
    pub harakiri_count: u64,
    /// Resident memory, bytes.
    pub rss: u64,
    /// Microseconds spent in requests that have ended.
    pub running_time: u64,
    /// Birth of the process, seconds since the epoch.
    pub last_spawn: u64,
    /// Processes that have had the number.
    pub respawn_count: u64,
    /// Bytes sent.
    pub tx: u64,
    /// Average time of a request, microseconds.
    pub avg_rt: u64,
    /// Its cores.
    pub cores: Vec<Core>,
}

/// A core.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Core {
    /// Its number.
    pub id: u32,
    /// 1 while it is in a request.
    pub in_request: u8,
    /// The variables of that request.
    pub vars: Vec<String>,
    /// When it began.
    pub req_info: RequestInfo,
}

/// When a request began.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct RequestInfo {
    /// Seconds since the epoch.
    pub request_start: Option<u64>,
}

/// A spooler.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Spooler {
    /// The directory of its tasks.
    pub dir: String,
    /// Its process.
    pub pid: u64,
    /// Tasks run.
    pub tasks: u64,
    /// 1 while it runs one.
    pub running: u8,
}

/// A mule.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Mule {
    /// Its number.
    pub id: u32,
    /// Its process.
    pub pid: u64,
    /// `idle`, `busy`, `cheap`.
    pub status: String,
    /// Messages done with.
    pub messages: u64,
    /// Resident memory, bytes.
    pub rss: u64,
}

impl View {
    /// What a stats document alone tells.
    #[must_use]
    pub fn of_stats(stats: Stats) -> Self {
        let now = seconds();
        let mut running = Vec::new();
        for worker in &stats.workers {
            for core in worker.cores.iter().filter(|core| core.in_request != 0) {
                let since = core.req_info.request_start.unwrap_or(now);
                running.push(Running {
                    worker: worker.id,
                    pid: u32::try_from(worker.pid).unwrap_or(0),
                    generation: 0,
                    core: core.id,
                    age: now.saturating_sub(since) * 1_000_000,
                    phase: Phase::Application,
                    place: None,
                    vars: core.vars.clone(),
                });
            }
        }
        Self { stats, running, ..Self::default() }
    }

    /// Requests that run in a worker. Those of an older generation are nobody's here.
    pub fn running_in(&self, worker: &Worker) -> impl Iterator<Item = &Running> {
        let (id, pid) = (worker.id, worker.pid);
        self.running.iter().filter(move |one| one.worker == id && u64::from(one.pid) == pid)
    }
}

/// What a request asks for: `GET /path`; a dash when its variables are not known.
#[must_use]
pub fn request_line(running: &Running) -> String {
    let value = |key: &str| {
        let value = |one: &String| one.strip_prefix(key)?.strip_prefix('=').map(str::to_owned);
        running.vars.iter().find_map(value).filter(|value| !value.is_empty())
    };
    let uri = value("REQUEST_URI").or_else(|| value("PATH_INFO"));
    match (value("REQUEST_METHOD"), uri) {
        (None, None) => "-".to_owned(),
        (method, uri) => format!("{} {}", method.unwrap_or_default(), uri.unwrap_or_default()),
    }
}

/// Seconds since the epoch.
#[must_use]
pub fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stats_of_uwsgi_are_understood() {
        let text = r#"{"version":"2.0.31","pid":9,"load":0,"workers":[{"id":1,"pid":10,"status":"busy","rss":0,
            "cores":[{"id":0,"in_request":1,"vars":["REQUEST_METHOD=GET","REQUEST_URI=/a?b",""],"req_info":{"request_start":1}},
                     {"id":1,"in_request":0,"vars":[],"req_info":{}}]}]}"#;
        let view = View::of_stats(serde_json::from_str(text).unwrap());
        assert_eq!(view.running.len(), 1);
        assert_eq!(request_line(&view.running[0]), "GET /a?b");
        assert!(view.running[0].age > 1_000_000 && view.running_in(&view.stats.workers[0]).count() == 1);
    }

    #[test]
    fn without_variables_nobody_knows_the_request() {
        let unknown = r#"{"worker":1,"pid":2,"generation":0,"core":0,"age":5,"phase":"sending"}"#;
        assert_eq!(request_line(&serde_json::from_str(unknown).unwrap()), "-");
    }
}
