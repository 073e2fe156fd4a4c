//! What the core does for the language plugin outside of requests, in the zygote and in its workers.

use std::ffi::OsStr;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use rsgi_abi::host::{
    App, LockAction, Locked, MessageError, Received, Recipient, Services, SignalSource, Sources, SpoolError,
};
use rsgi_abi::types::{self, Var};
use rsgi_config::Config;
use tracing::{info, warn};

use crate::aside::desk::desk;
use crate::aside::mule;
use crate::control::{Bell, Report};
use crate::identity::{self, identity};
use crate::locks::Locks;
use crate::logging::{self, Weight};
use crate::master::fleet::Kind;
use crate::memory::scoreboard::{Scoreboard, WorkerSlot};
use crate::memory::signals::{Signals, Source};
use crate::process::Instance;
use crate::stats::collect;
use crate::worker::{self, Listener};

/// The server as the plugin sees it.
pub(super) struct Server {
    instance: Instance,
    processes: u32,
    cores: u32,
    buffer_size: usize,
    board: Scoreboard,
    signals: Signals,
    /// Listening sockets of the workers. Forks have them under the same numbers.
    sockets: Vec<RawFd>,
    locks: Locks,
    /// Number of the next application, loaded or not.
    next_app: AtomicU32,
}

impl Server {
    pub(super) fn new(
        config: &Config,
        instance: Instance,
        board: Scoreboard,
        signals: Signals,
        listeners: &[Listener],
        locks: Locks,
    ) -> Self {
        let (processes, cores) = (config.workers.processes, config.workers.threads.max(1));
        let sockets = listeners.iter().map(|listener| listener.socket.as_raw_fd()).collect();
        let buffer_size = config.limits.buffer_size;
        Self { instance, processes, cores, buffer_size, board, signals, sockets, locks, next_app: AtomicU32::new(0) }
    }

    fn socket(&self, index: u32) -> Option<RawFd> {
        self.sockets.get(usize::try_from(index).ok()?).copied()
    }
}

impl Services for Server {
    fn log(&self, level: u32, text: &[u8]) {
        let weight = match level {
            types::LEVEL_PANIC => {
                let text = String::from_utf8_lossy(text);
                let (message, place) = text.rsplit_once('\n').unwrap_or((&text, "the plugin"));
                return logging::panics::record(message, place);
            }
            0 => Weight::Error,
            1 => Weight::Warning,
            _ => Weight::Info,
        };
        logging::record(weight, text);
    }

    fn app_loaded(&self, app: App<'_>) {
        let (name, mountpoint) = (String::from_utf8_lossy(app.name), String::from_utf8_lossy(app.mountpoint));
        match app.id {
            Some(id) => {
                self.board.publish_app(id, app.mountpoint, app.micros);
                self.next_app.store(id.saturating_add(1), Relaxed);
                info!("{}", ready_line(id, &name, &mountpoint, app.micros, app.is_default));
            }
            // The plugin has logged the reason; this is uWSGI's line, for whoever looks for it.
            None => {
                let number = self.next_app.fetch_add(1, Relaxed);
                warn!(
                    "unable to load app {number} (mountpoint='{mountpoint}') (callable not found or import error): {name}"
                );
            }
        }
    }

    fn control(&self, command: u32) -> bool {
        let report = match command {
            types::CONTROL_RELOAD => Report::WantsReload,
            types::CONTROL_STOP => Report::WantsStop,
            _ => return false,
        };
        identity().is_some_and(|identity| identity.report(report))
    }

    fn query(&self, what: u32) -> i64 {
        let worker = identity::number(Kind::Worker);
        match what {
            types::QUERY_WORKER => i64::from(worker),
            types::QUERY_MULE => i64::from(identity::number(Kind::Mule)),
            types::QUERY_SPOOLER => i64::from(identity::number(Kind::Spooler)),
            types::QUERY_MASTER_PID => i64::from(self.instance.master),
            types::QUERY_PROCESSES => i64::from(self.processes),
            types::QUERY_CORES => i64::from(self.cores),
            types::QUERY_WORKER_REQUESTS => {
                self.board.worker(worker).map_or(0, |slot| i64::try_from(slot.requests()).unwrap_or(i64::MAX))
            }
            types::QUERY_TOTAL_REQUESTS => i64::try_from(self.board.requests()).unwrap_or(i64::MAX),
            types::QUERY_STARTED => i64::try_from(self.instance.started).unwrap_or(i64::MAX),
            types::QUERY_BUFFER_SIZE => i64::try_from(self.buffer_size).unwrap_or(i64::MAX),
            types::QUERY_GENERATION => i64::from(self.instance.generation),
            types::QUERY_READY => {
                let mut workers = self.board.workers().filter_map(|id| self.board.worker(id));
                i64::from(workers.any(WorkerSlot::is_accepting))
            }
            types::QUERY_FIRST_QUEUE.. => self.socket(what - types::QUERY_FIRST_QUEUE).map_or(-1, waiting),
            types::QUERY_FIRST_SOCKET.. => self.socket(what - types::QUERY_FIRST_SOCKET).map_or(-1, i64::from),
            types::QUERY_FIRST_SPOOLER_PID.. => {
                let id = what - types::QUERY_FIRST_SPOOLER_PID + 1;
                desk().and_then(|desk| desk.spooler_pid(id)).and_then(|pid| i64::try_from(pid).ok()).unwrap_or(-1)
            }
            _ => -1,
        }
    }

    fn document(&self, what: u32) -> Option<Vec<u8>> {
        match what {
            types::DOCUMENT_WORKERS => serde_json::to_vec(&collect::workers(self.board, true)).ok(),
            _ => None,
        }
    }

    fn lock(&self, action: LockAction, number: u32) -> Locked {
        self.locks.act(action, number)
    }

    fn set_deadline(&self, seconds: u32) -> bool {
        worker::deadline::set(seconds)
    }

    fn set_title(&self, title: &str) {
        rsgi_sys::title::set(title);
    }

    fn send_message(&self, to: Recipient<'_>, message: &[u8]) -> Result<(), MessageError> {
        desk().map_or(Err(MessageError::Nobody), |desk| desk.send(to, message))
    }

    fn receive_message(&self, from: Sources, timeout: Option<Duration>, buffer: &mut [u8]) -> Received {
        mule::receive(from, timeout, buffer)
    }

    fn in_farm(&self, farm: &[u8]) -> bool {
        mule::is_in_farm(farm)
    }

    fn spool(&self, vars: &[Var<'_>], body: &[u8]) -> Result<PathBuf, SpoolError> {
        desk().map_or(Err(SpoolError::Nowhere), |desk| desk.spool(vars, body))
    }

    fn spool_directory(&self, index: u32) -> Option<PathBuf> {
        desk()?.spool_directory(usize::try_from(index).ok()?)
    }

    fn set_spooler_frequency(&self, seconds: u32) -> bool {
        desk().is_some_and(|desk| desk.set_frequency(seconds))
    }

    fn register_signal(&self, number: u8, target: &[u8]) -> bool {
        self.signals.register(number, target)
    }

    fn signal_registered(&self, number: u8) -> bool {
        self.signals.target(number).is_some()
    }

    fn raise_signal(&self, number: u8) -> bool {
        identity().is_some_and(|identity| identity.raise(Bell(number)))
    }

    fn add_signal_source(&self, number: u8, source: SignalSource<'_>) -> bool {
        let source = match source {
            SignalSource::Timer(seconds, times) => Source::Timer { seconds: seconds.max(1), times },
            SignalSource::Cron(times) => Source::Cron(times),
            // The master may be in another directory.
            SignalSource::File(path) => match std::path::absolute(OsStr::from_bytes(path)) {
                Ok(path) => Source::File(path.into_os_string().into_vec()),
                Err(_) => return false,
            },
        };
        let is_added = self.signals.add(number, &source);
        // In the zygote nobody has to be told: the master looks when the generation serves.
        let _ = identity().is_some_and(|identity| identity.report(Report::HasSources));
        is_added
    }
}

/// Connections that wait in the queue of a listening socket; 0 where the kernel cannot tell.
fn waiting(listener: RawFd) -> i64 {
    rsgi_sys::backlog::of_number(listener).map_or(0, |backlog| backlog.waiting.into())
}

fn ready_line(id: u32, name: &str, mountpoint: &str, micros: u64, is_default: bool) -> String {
    let (seconds, millis) = (micros / 1_000_000, micros % 1_000_000 / 1000);
    let default = if is_default { " (default app)" } else { "" };
    format!("app {id} (mountpoint='{mountpoint}') {name} ready in {seconds}.{millis:03} s{default}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_is_told_in_one_line() {
        let line = ready_line(0, "shop.wsgi:application", "", 1_023_999, true);
        insta::assert_snapshot!(line, @"app 0 (mountpoint='') shop.wsgi:application ready in 1.023 s (default app)");
        insta::assert_snapshot!(ready_line(1, "b.py", "/b", 0, false), @"app 1 (mountpoint='/b') b.py ready in 0.000 s");
    }
}
