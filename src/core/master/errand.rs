//! What somebody asks of the running master: by touching a file, by a letter in its pipe, by a signal.

use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rsgi_config::HookAct;
use tracing::{info, warn};

use super::fifo::Fifo;
use super::fleet::{Event, Who};
use super::fs_watch::FsWatch;
use super::minute::Now;
use super::{Master, command, fifo, lifetime};
use crate::control::Order;
use crate::hooks;
use crate::logging;

/// A wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Errand {
    /// A new generation.
    Reload,
    /// The same, one worker after the other.
    RollingReload,
    /// Move the log file away and begin a new one.
    RotateLog,
    /// Open the log file anew.
    ReopenLog,
    /// Run a shell command.
    Run(String),
    /// Raise a signal of the application.
    Raise(u8),
    /// Do what a hook says.
    Hook(HookAct),
    /// Finish what is held, then end.
    Stop,
    /// End at once.
    Quit,
    /// Take nothing new, or go on.
    Pause,
    /// Write the pid files again.
    WritePids,
    /// Tell of the workers in the log.
    Status,
    /// Read another pipe.
    Slot(usize),
    /// One worker more.
    Grow,
    /// One worker less.
    Shrink,
    /// No worker, until somebody asks.
    Rest,
    /// Look for vassals.
    Look,
    /// Understood, and not done here.
    Unknown(&'static str),
}

/// The next letters of the pipe; never, when there is none.
pub(super) async fn next(fifo: Option<&Fifo>) -> Vec<Errand> {
    match fifo {
        Some(fifo) => fifo.next().await,
        None => std::future::pending().await,
    }
}

impl Master {
    /// Watches what the serving generation wants watched.
    pub(super) fn renew_errands(&mut self) {
        let config = &self.started.config;
        self.touches.renew(config);
        self.fs_watch = FsWatch::renew(self.fs_watch.take(), config);
        self.crons.renew(config, Now::read());
        let is_idle = self.touches.is_empty() && self.crons.is_empty() && config.daemons.is_empty();
        let period = config.workers.check_interval.duration();
        if is_idle && !lifetime::is_wanted(&config.workers) && self.scaler.is_none() {
            self.clock = None;
        } else if self.clock.as_ref().is_none_or(|clock| clock.period() != period) {
            let mut clock = tokio::time::interval(period);
            // A look that is late says as much as two.
            clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            self.clock = Some(clock);
        }
        let mut paths = config.process.master_fifo.iter().map(|path| config.start_dir.join(path));
        let is_kept = self.fifo.as_ref().is_some_and(|fifo| paths.any(|path| path == fifo.path()));
        if !is_kept && (self.fifo.is_some() || !config.process.master_fifo.is_empty()) {
            self.open_fifo(0);
        }
    }

    /// Looks at workers, their load, watched files, set times and daemons.
    pub(super) fn look_around(&mut self) {
        self.look_at_workers();
        self.look_at_load();
        self.crons.look(&self.started.config, Now::read());
        self.daemons.look(&self.started.config, Instant::now());
        for (path, errand) in self.touches.look() {
            info!("*** {} has been touched... ***", path.display());
            self.run_errand(errand);
        }
    }

    pub(super) fn run_errand(&mut self, errand: Errand) {
        match errand {
            Errand::Reload | Errand::RollingReload if self.started.config.process.exit_on_reload => {
                self.queue.push_back(Event::Stop);
            }
            Errand::Reload => self.queue.push_back(Event::WantReload),
            Errand::RollingReload => self.queue.push_back(Event::WantRollingReload),
            Errand::Stop => self.queue.push_back(Event::Stop),
            Errand::Quit => self.queue.push_back(Event::Quit),
            Errand::ReopenLog => self.reopen_log(),
            Errand::RotateLog => {
                if !logging::collector::rotate() {
                    warn!("the log is not rotated: that takes log-master or log-maxsize");
                }
            }
            Errand::Run(command) => match command::start(&command, &self.started.config) {
                Ok(pid) => info!("running {command} (pid: {pid})"),
                Err(error) => warn!("{command}: cannot be run: {error}"),
            },
            Errand::Hook(HookAct::Exec(command) | HookAct::SafeExec(command)) => self.run_errand(Errand::Run(command)),
            Errand::Hook(act) => hooks::run_beside(&self.started.config, "touch", act),
            Errand::Raise(number) => self.ring(number),
            Errand::Pause => self.pause(),
            Errand::WritePids => {
                if let Err(error) = self.started.write_pid_files_again() {
                    warn!("{error}");
                }
            }
            Errand::Status => {
                info!("{}", self.fleet.status());
                self.count_requests();
            }
            Errand::Slot(slot) => self.open_fifo(slot),
            Errand::Grow => self.grow(),
            Errand::Shrink => self.shrink(),
            Errand::Rest if self.may_rest() => {
                info!("going cheap...");
                self.rest();
            }
            Errand::Rest => warn!("there is no worker that could rest now"),
            Errand::Look => warn!("the command E (a look of the emperor) means nothing here"),
            Errand::Unknown(what) => warn!("the command {what} means nothing here"),
        }
    }

    /// Reads the pipe number `slot` from now on; a wrong one changes nothing.
    fn open_fifo(&mut self, slot: usize) {
        match Fifo::open(&self.started.config, slot) {
            Ok(None) if slot == 0 => self.fifo = None,
            Ok(None) => warn!("there is no master-fifo number {slot}"),
            Ok(Some(fifo)) => {
                info!("active master fifo is now {}", fifo.path().display());
                self.fifo = Some(fifo);
            }
            Err(error) => warn!("master-fifo: {error}"),
        }
    }

    /// Takes nothing new from now on, or goes on.
    pub(super) fn pause(&mut self) {
        self.is_paused = !self.is_paused;
        if self.is_paused {
            info!("*** PAUSE (send SIGTSTP or the letter p again to go on) ***");
        } else {
            info!("*** the pause is over ***");
            self.look_out();
        }
        let served_by = self.servers.keys().filter(|who| matches!(who, Who::Router(_) | Who::Worker(_)));
        served_by.for_each(|who| self.tell_server(*who, self.pace()));
    }

    /// What a server that has just become ready is to be told, besides what it does anyway.
    pub(super) const fn pace(&self) -> Order {
        if self.is_paused { Order::Pause } else { Order::Resume }
    }
}

/// Makes the pipes of the options, at the start: later there may be no right to.
///
/// # Errors
/// The pipe that cannot be made, and why.
pub fn make_pipes(config: &rsgi_config::Config) -> Result<Vec<PathBuf>, (PathBuf, std::io::Error)> {
    let paths = config.process.master_fifo.iter().map(|path| config.start_dir.join(path));
    paths.map(|path| fifo::make(&path).map(|()| path.clone()).map_err(|error| (path, error))).collect()
}

/// Seconds since the epoch.
pub(super) fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
