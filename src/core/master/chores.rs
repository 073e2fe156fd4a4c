//! What is done beside the processes of an instance, for an emperor, which has vassals instead of a fleet: daemons, commands
//! at set times, watched files, the pipe.

use std::time::Instant;

use nix::errno::Errno;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use rsgi_config::Config;
use tracing::{info, warn};

use super::command;
use super::cron::Crons;
use super::daemons::{Daemons, Verdict};
use super::errand::{self, Errand};
use super::fifo::Fifo;
use super::fs_watch::{self, FsWatch};
use super::minute::Now;
use super::touch::Touches;
use crate::ending::Ending;

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Chores {
    touches: Touches,
    fs_watch: Option<FsWatch>,
    crons: Crons,
    daemons: Daemons,
    fifo: Option<Fifo>,
    /// Commands of `touch-exec` that run.
    commands: Vec<u32>,
    /// Strikes every `check-interval`, while somebody needs that.
    clock: Option<tokio::time::Interval>,
}

impl Chores {
    /// Begins with what the options want.
    pub(crate) fn begin(config: &Config) -> Self {
        let mut this = Self { fs_watch: FsWatch::renew(None, config), ..Self::default() };
        this.touches.renew(config);
        this.crons.renew(config, Now::read());
        this.daemons.renew(config, Instant::now());
        if !(this.touches.is_empty() && this.crons.is_empty() && config.daemons.is_empty()) {
            let mut clock = tokio::time::interval(config.workers.check_interval.duration());
            // A look that is late says as much as two.
            clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            this.clock = Some(clock);
        }
        if !config.process.master_fifo.is_empty() {
            this.open_fifo(config, 0);
        }
        this
    }

    /// What is asked next, over the pipe or by a touched file.
    pub(crate) async fn next(&mut self, config: &Config) -> Vec<Errand> {
        tokio::select! {
            errands = errand::next(self.fifo.as_ref()) => errands,
            _ = fs_watch::next(self.fs_watch.as_ref()) => vec![Errand::Reload],
            () = super::beat(self.clock.as_mut()) => self.look(config),
        }
    }

    /// Looks at watched files, set times and daemons.
    fn look(&mut self, config: &Config) -> Vec<Errand> {
        self.crons.look(config, Now::read());
        self.daemons.look(config, Instant::now());
        let touched = self.touches.look().into_iter();
        let said = touched.inspect(|(path, _)| info!("*** {} has been touched... ***", path.display()));
        said.map(|(_, errand)| errand).collect()
    }

    /// Starts a command of `touch-exec`.
    pub(crate) fn start(&mut self, text: &str, config: &Config) {
        match command::start(text, config) {
            Ok(pid) => {
                info!("running {text} (pid: {pid})");
                self.commands.push(pid);
            }
            Err(error) => warn!("{text}: cannot be run: {error}"),
        }
    }

    /// Reads the pipe number `slot` from now on; a wrong one changes nothing.
    pub(crate) fn open_fifo(&mut self, config: &Config, slot: usize) {
        match Fifo::open(config, slot) {
            Ok(None) => warn!("there is no master-fifo number {slot}"),
            Ok(Some(fifo)) => {
                info!("active master fifo is now {}", fifo.path().display());
                self.fifo = Some(fifo);
            }
            Err(error) => warn!("master-fifo: {error}"),
        }
    }

    /// A reload: daemons are told, or started anew.
    pub(crate) fn renew(&mut self, config: &Config) {
        self.daemons.renew(config, Instant::now());
    }

    /// Waits for commands and daemons that have ended, and for nobody else's children. Whether the instance ends with one.
    pub(crate) fn reap(&mut self) -> bool {
        self.commands.retain(|&pid| ended(pid).is_none());
        let runs = self.crons.runs().into_iter().map(|(_, pid, _)| pid).collect::<Vec<_>>();
        for (pid, ending) in runs.into_iter().filter_map(|pid| Some((pid, ended(pid)?))) {
            self.crons.ended(pid, ending, Now::read());
        }
        let heirs = self.daemons.heirs().into_iter().filter_map(|heir| Some((heir.pid, ended(heir.pid)?)));
        let verdicts = heirs.map(|(pid, ending)| self.daemons.ended(pid, ending, Instant::now()));
        // Each is to be heard, not only the first that matters.
        verdicts.filter(|verdict| *verdict == Verdict::EndAll).count() > 0
    }

    /// Ends the daemons, and waits until they are gone.
    pub(crate) fn dismiss(&mut self, config: &Config) {
        self.daemons.dismiss(config);
    }
}

/// How a child has ended; `None`: it runs.
fn ended(pid: u32) -> Option<Ending> {
    match waitpid(i32::try_from(pid).ok().map(Pid::from_raw)?, Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => None,
        Ok(status) => Ending::of(status),
        // By a signal that has no name.
        Err(_) => Some(Ending::Unknown),
    }
}
