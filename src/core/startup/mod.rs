//! The order of birth: title, log, detaching, limits, pid file, sockets, and only then the master's loop.
//!
//! Source: uWSGI 2.0, start-up order, with one change: every socket is bound before rights are dropped.

mod announce;
mod detach;
mod remarks;
mod sources;

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, umask};
use rsgi_config::{Config, Diagnostic, Phase};
use rsgi_sys::schedule::set_niceness;
use tracing::{info, warn};

use crate::hooks::{self, HookError};
use crate::logging;
use crate::logging::collector::{self, CollectorError};
use crate::master::make_pipes;
use crate::master::sockets::{BindError, Sockets};
use crate::master::vacuum::{Litter, write_pid};
use crate::privileges::{self, Rights, RightsError};
use crate::role::{Titled, title};
use crate::statics::{Statics, StaticsError};
use crate::tls::{self, Materials, TlsError};

pub use announce::addresses;
use announce::{banner, say};
use detach::open_log;
pub use sources::Sources;
pub(crate) use sources::adopt_passed_sockets;

/// An instance that is ready for its processes.
#[derive(Debug)]
pub struct Started {
    /// Where the configuration comes from.
    pub sources: Sources,
    /// The configuration that serves.
    pub config: Config,
    /// Its sockets.
    pub sockets: Sockets,
    /// Certificates and keys for its routers.
    pub materials: Materials,
    /// Start of the instance, seconds since the epoch.
    pub since: u64,
    pid_files: Vec<Litter>,
    waiting: Option<io::PipeWriter>,
}

/// uWSGI's warning, which holds for bodies that are not read ahead.
const SLOW_UPLOADS: &str = "*** WARNING: you have enabled harakiri without post buffering. A slow upload of more than 64 KiB \
                            counts as time of the request ***";

/// Why an instance could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be served.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// An emperor with an application of its own.
    #[error(
        "an emperor serves no application itself: move the sockets to a vassal's file, and leave only `emperor` here"
    )]
    BusyEmperor,
    /// Nobody else may run processes as other users.
    #[error(
        "emperor-tyrant: only root can run vassals as the owners of their files: start the emperor as root, or leave emperor-tyrant out"
    )]
    WeakTyrant,
    /// Nothing to listen on.
    #[error(
        "The -s/--socket option is missing and stdin is not a socket: name an address, for example --http :9090 or --socket 127.0.0.1:3031"
    )]
    NoSocket,
    /// A file that an option names cannot be written.
    #[error("{option}: {} cannot be written", path.display())]
    File {
        /// The option.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A hook has failed.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// The log cannot be collected as configured.
    #[error(transparent)]
    Log(#[from] CollectorError),
    /// A limit of the operating system.
    #[error("{0}: the limit cannot be set")]
    Limit(&'static str, #[source] nix::Error),
    /// A certificate or key that does not do.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Rights that cannot be given up.
    #[error(transparent)]
    Rights(#[from] RightsError),
    /// Static files cannot be served as configured.
    #[error(transparent)]
    Statics(#[from] StaticsError),
    /// The process cannot detach.
    #[error("daemonize: the process cannot detach")]
    Detach(#[source] io::Error),
}

/// Prepares an instance: everything up to its first process.
///
/// # Errors
/// The first thing that stands in the way. What was made until then is removed again where `vacuum` says so.
pub fn start(
    sources: Sources,
    mut config: Config,
    warnings: &[Diagnostic],
    printed: &[String],
) -> Result<Started, StartError> {
    let which = if config.emperor.sources.is_empty() { Titled::Master } else { Titled::Emperor };
    if let Some(title) = title(&config.process, which) {
        rsgi_sys::title::set(&title);
    }
    adopt_passed_sockets(&mut config);
    if !config.emperor.sources.is_empty() {
        // An emperor has one state to tell, whichever option asks for it.
        config.stats.address = config.emperor.stats.take().or(config.stats.address);
        // These are its vassals', and it has been said.
        config.stats.control = None;
        config.monitoring.metrics = None;
        let reload = &mut config.reload;
        [&mut reload.touch_workers, &mut reload.touch_aside, &mut reload.touch_chain].into_iter().for_each(Vec::clear);
    }
    if !has_socket(&config) {
        return Err(StartError::NoSocket);
    }
    let serves = !config.sockets.is_empty() || !config.router.binds.is_empty();
    if serves && !config.emperor.sources.is_empty() {
        return Err(StartError::BusyEmperor);
    }
    if config.emperor.tyrant && !config.emperor.sources.is_empty() && !nix::unistd::geteuid().is_root() {
        return Err(StartError::WeakTyrant);
    }
    // A user or group that does not exist is found out before anything is made.
    Rights::of(&config.process)?.check_jail()?;
    privileges::check_router(&config)?;
    // So is a wrong pattern. Routers and workers prepare it anew, each for itself.
    if config.process.chroot.is_none() {
        Statics::of(&config)?;
    }
    let waiting = open_log(&config)?;
    collector::start(&config)?;
    logging::dress(&config.log);
    say(warnings, printed);
    info!("{}", banner(&config));
    if config.show_config {
        for line in rsgi_config::show_config(&config).lines() {
            logging::line(line.as_bytes());
        }
    }
    hooks::run(&config, Phase::Asap)?;
    set_limits(&config)?;
    // While it may: a key is often for root only.
    let materials = tls::read(&config, None)?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut started =
        Started { sources, config, sockets: Sockets::default(), materials, since, pid_files: Vec::new(), waiting };
    let bound = started.write_pid_files(false).and_then(|()| started.make_pipes());
    let bound = bound.and_then(|()| Ok(before_sockets(&started.config)?));
    let bound = bound.and_then(|()| Ok(Sockets::bind(&started.config, [])?));
    started.sockets = match bound {
        Ok(sockets) => sockets,
        Err(error) => {
            started.clean_up(&Sockets::default());
            return Err(error);
        }
    };
    for line in addresses(&started.config, &started.sockets) {
        info!("{line}");
    }
    let given_up = give_up_rights(&started.config, &started.sockets).map_err(StartError::from);
    if let Err(error) = given_up.and_then(|()| Ok(hooks::run(&started.config, Phase::AsUser)?)) {
        started.clean_up(&started.sockets);
        return Err(error);
    }
    if nix::unistd::geteuid().is_root() && started.config.process.uid.is_none() {
        warn!("you are running rsgi as root: give it a user of its own with uid and gid");
    }
    remarks::remark(&started.config);
    if started.config.workers.harakiri.is_some() && started.config.limits.post_buffering == 0 {
        info!("{SLOW_UPLOADS}");
    }
    Ok(started)
}

impl Started {
    /// An instance that another program in this process has started.
    #[must_use]
    pub fn resume(sources: Sources, config: Config, since: u64, pid_files: Vec<Litter>) -> Self {
        let (sockets, materials) = (Sockets::default(), Materials::default());
        Self { sources, config, sockets, materials, since, pid_files, waiting: None }
    }

    /// The pid files that were written.
    #[must_use]
    pub fn pid_files(&self) -> &[Litter] {
        &self.pid_files
    }

    /// Every process serves: whoever waits for that may know.
    pub fn serving(&mut self) {
        if let Some(mut waiting) = self.waiting.take() {
            // The one who started us may be gone by now.
            let _ = waiting.write_all(b"!");
        }
        if self.pid_files.len() < 4
            && let Err(error) = self.write_pid_files(true)
        {
            warn!("{error}");
        }
    }

    /// Removes pid files and socket files, when `vacuum` says so.
    pub fn clean_up(&self, sockets: &Sockets) {
        if self.config.process.vacuum {
            let files = sockets.all().filter_map(|bound| bound.file.as_ref());
            files.chain(&self.pid_files).for_each(Litter::remove);
        }
    }

    /// Writes all pid files once more: somebody has removed them.
    ///
    /// # Errors
    /// The first that cannot be written.
    pub fn write_pid_files_again(&mut self) -> Result<(), StartError> {
        self.write_pid_files(false).and_then(|()| self.write_pid_files(true))
    }

    /// Makes the pipes of `master-fifo`, and gives them to the user that the master becomes.
    fn make_pipes(&self) -> Result<(), StartError> {
        let option = "master-fifo";
        let made = make_pipes(&self.config).map_err(|(path, source)| StartError::File { option, path, source })?;
        let rights = Rights::of(&self.config.process)?;
        if nix::unistd::geteuid().is_root() && !rights.is_met() {
            made.into_iter().try_for_each(|path| rights.own(path))?;
        }
        Ok(())
    }

    /// Writes the pid files of the start, or (`safe`) those that wait until the start has succeeded.
    fn write_pid_files(&mut self, safe: bool) -> Result<(), StartError> {
        let process = &self.config.process;
        let wanted = if safe {
            vec![("safe-pidfile", &process.safe_pidfile), ("safe-pidfile2", &process.safe_pidfile2)]
        } else {
            let emperors = if self.config.emperor.sources.is_empty() { &None } else { &self.config.emperor.pidfile };
            vec![("pidfile", &process.pidfile), ("pidfile2", &process.pidfile2), ("emperor-pidfile", emperors)]
        };
        let pid = std::process::id();
        for (option, path) in wanted {
            let Some(path) = path else { continue };
            let is_second = option.ends_with('2');
            let path = if is_second { self.config.inside(path) } else { self.config.start_dir.join(path) };
            let written = write_pid(&path, pid).map_err(|source| StartError::File { option, path, source })?;
            if let Some(written) = written.filter(|written| !self.pid_files.contains(written)) {
                self.pid_files.push(written);
            }
        }
        Ok(())
    }
}

fn has_socket(config: &Config) -> bool {
    let listens = !config.sockets.is_empty() || !config.router.binds.is_empty();
    listens || config.no_server || !config.emperor.sources.is_empty()
}

/// Sockets are bound, nothing foreign has been read: the moment to become somebody else. The socket files we made go to
/// that user, unless they were given to another.
fn give_up_rights(config: &Config, sockets: &Sockets) -> Result<(), RightsError> {
    let rights = Rights::of(&config.process)?;
    if config.process.no_new_privs == Some(true) {
        privileges::gain_nothing()?;
    }
    if rights.is_met() {
        return Ok(());
    }
    if config.process.chown_socket.is_none() && nix::unistd::geteuid().is_root() {
        sockets
            .all()
            .filter_map(|bound| bound.file.as_ref())
            .try_for_each(|file| rights.own(file.path().to_owned()))?;
    }
    if config.process.master_as_root { Ok(()) } else { rights.take() }
}

/// The master stays outside of a new root directory, so the phases around entering it are one moment here.
fn before_sockets(config: &Config) -> Result<(), HookError> {
    let jail = config.process.chroot.is_some().then_some(Phase::PostJail);
    let phases = [Some(Phase::PreJail), jail, Some(Phase::InJail), Some(Phase::AsRoot)];
    phases.into_iter().flatten().try_for_each(|phase| hooks::run(config, phase))
}

fn set_limits(config: &Config) -> Result<(), StartError> {
    if let Some(bits) = config.process.umask {
        umask(Mode::from_bits_truncate(bits));
    }
    if let Some(niceness) = config.workers.prio {
        set_niceness(niceness).map_err(|errno| StartError::Limit("prio", errno))?;
        info!("scheduler priority set to {niceness}");
    }
    let limits = [
        ("max-fd", Resource::RLIMIT_NOFILE, config.limits.max_fd),
        ("limit-as", Resource::RLIMIT_AS, config.limits.address_space.map(|mib| mib.saturating_mul(1 << 20))),
        ("limit-nproc", Resource::RLIMIT_NPROC, config.limits.nproc),
    ];
    for (option, resource, wanted) in limits {
        if let Some(wanted) = wanted {
            let (_, hard) = getrlimit(resource).map_err(|errno| StartError::Limit(option, errno))?;
            let set = setrlimit(resource, wanted, hard.max(wanted)).or_else(|_| setrlimit(resource, wanted, hard));
            set.map_err(|errno| StartError::Limit(option, errno))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_listen_on_is_refused() {
        assert!(!has_socket(&Config::default()));
        assert!(has_socket(&Config { no_server: true, ..Config::default() }));
        assert!(
            StartError::NoSocket.to_string().starts_with("The -s/--socket option is missing and stdin is not a socket")
        );
    }
}
