//! What the core does for the plugin outside of requests: keeps log lines and reports for the case to look at.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard};

use rsgi_abi::host::{App, Services};
use rsgi_abi::types;

/// Names a core knows.
pub(crate) const KNOWN: &[&str] = &[
    "REQUEST_METHOD",
    "REQUEST_URI",
    "PATH_INFO",
    "QUERY_STRING",
    "SERVER_PROTOCOL",
    "SCRIPT_NAME",
    "SERVER_NAME",
    "SERVER_PORT",
    "REMOTE_ADDR",
    "CONTENT_TYPE",
    "CONTENT_LENGTH",
    "HTTP_HOST",
    "HTTP_USER_AGENT",
    "HTTP_ACCEPT",
    "HTTP_COOKIE",
    "HTTPS",
];

/// A report of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) id: Option<u32>,
    pub(crate) is_default: bool,
    pub(crate) mountpoint: String,
    pub(crate) name: String,
    pub(crate) error: String,
}

/// The services, with their memory.
#[derive(Debug)]
pub(crate) struct Host {
    lines: Mutex<Vec<(u32, String)>>,
    reports: Mutex<Vec<Report>>,
    controls: Mutex<Vec<u32>>,
    titles: Mutex<Vec<String>>,
    deadlines: Mutex<Vec<u32>>,
    pub(crate) processes: AtomicI64,
    pub(crate) cores: AtomicI64,
    pub(crate) worker: AtomicI64,
}

impl Host {
    pub(crate) const fn new() -> Self {
        Self {
            lines: Mutex::new(Vec::new()),
            reports: Mutex::new(Vec::new()),
            controls: Mutex::new(Vec::new()),
            titles: Mutex::new(Vec::new()),
            deadlines: Mutex::new(Vec::new()),
            processes: AtomicI64::new(1),
            cores: AtomicI64::new(1),
            worker: AtomicI64::new(0),
        }
    }

    /// Log lines so far, without their levels.
    pub(crate) fn log(&self) -> String {
        Self::of(&self.lines).iter().map(|(_, line)| format!("{line}\n")).collect()
    }

    /// Forgets the log.
    pub(crate) fn clear_log(&self) {
        Self::of(&self.lines).clear();
    }

    pub(crate) fn reports(&self) -> Vec<Report> {
        Self::of(&self.reports).clone()
    }

    pub(crate) fn controls(&self) -> Vec<u32> {
        Self::of(&self.controls).clone()
    }

    pub(crate) fn titles(&self) -> Vec<String> {
        Self::of(&self.titles).clone()
    }

    pub(crate) fn deadlines(&self) -> Vec<u32> {
        Self::of(&self.deadlines).clone()
    }

    fn of<T>(cell: &Mutex<T>) -> MutexGuard<'_, T> {
        cell.lock().expect("no panic while it was held")
    }
}

impl Services for Host {
    fn log(&self, level: u32, line: &[u8]) {
        let line = String::from_utf8_lossy(line).into_owned();
        eprintln!("[log {level}] {line}");
        Self::of(&self.lines).push((level, line));
    }

    fn app_loaded(&self, app: App<'_>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self::of(&self.reports).push(Report {
            id: app.id,
            is_default: app.is_default,
            mountpoint: text(app.mountpoint),
            name: text(app.name),
            error: text(app.error),
        });
    }

    fn register_signal(&self, number: u8, _target: &[u8]) -> bool {
        number != 4
    }

    fn control(&self, command: u32) -> bool {
        Self::of(&self.controls).push(command);
        true
    }

    fn set_title(&self, title: &str) {
        Self::of(&self.titles).push(title.to_owned());
    }

    /// 99 stands for a thread without a request.
    fn set_deadline(&self, seconds: u32) -> bool {
        Self::of(&self.deadlines).push(seconds);
        seconds != 99
    }

    fn query(&self, what: u32) -> i64 {
        match what {
            types::QUERY_WORKER => self.worker.load(Ordering::Relaxed),
            types::QUERY_MASTER_PID => 4242,
            types::QUERY_PROCESSES => self.processes.load(Ordering::Relaxed),
            types::QUERY_CORES => self.cores.load(Ordering::Relaxed),
            types::QUERY_BUFFER_SIZE => 65536,
            types::QUERY_STARTED => 1_700_000_000,
            types::QUERY_GENERATION => 0,
            types::QUERY_WORKER_REQUESTS => 7,
            types::QUERY_TOTAL_REQUESTS => 70,
            _ => -1,
        }
    }
}
