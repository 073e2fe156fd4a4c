//! What the core does for the language plugin outside of requests, in the zygote and in its workers.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use rsgi_abi::host::{App, MessageError, Received, Recipient, Services, Sources, SpoolError};
use rsgi_abi::types::{self, Var};
use rsgi_config::Config;
use tracing::{info, warn};

use crate::aside::desk::desk;
use crate::aside::mule;
use crate::control::Report;
use crate::identity::{self, identity};
use crate::logging::{self, Weight};
use crate::master::fleet::Kind;
use crate::memory::scoreboard::Scoreboard;
use crate::process::Instance;
use crate::worker;

/// The server as the plugin sees it.
pub(super) struct Server {
    instance: Instance,
    processes: u32,
    cores: u32,
    buffer_size: usize,
    board: Scoreboard,
    /// Number of the next application, loaded or not.
    next_app: AtomicU32,
}

impl Server {
    pub(super) fn new(config: &Config, instance: Instance, board: Scoreboard) -> Self {
        let (processes, cores) = (config.workers.processes, config.workers.threads.max(1));
        Self { instance, processes, cores, buffer_size: config.limits.buffer_size, board, next_app: AtomicU32::new(0) }
    }
}

impl Services for Server {
    fn log(&self, level: u32, text: &[u8]) {
        let weight = match level {
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
            types::QUERY_FIRST_SPOOLER_PID.. => {
                let id = what - types::QUERY_FIRST_SPOOLER_PID + 1;
                desk().and_then(|desk| desk.spooler_pid(id)).and_then(|pid| i64::try_from(pid).ok()).unwrap_or(-1)
            }
            _ => -1,
        }
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
