//! Daemons that the master keeps alive.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use rsgi_config::{Config, Daemon};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::command;
use crate::ending::Ending;

/// Longest pause before a daemon that keeps ending is started again.
const LONGEST_PAUSE: Duration = Duration::from_secs(64);

/// A daemon that lived so long is not ending again and again.
const SETTLED: Duration = Duration::from_secs(10);

/// Time that daemons get to end without `reload-mercy`.
const MERCY: Duration = Duration::from_secs(10);

/// All daemons.
#[derive(Debug, Default)]
pub(super) struct Daemons {
    all: Vec<Attached>,
    /// Another program in this process has started them, and they are to notice nothing: the next reload leaves them alone.
    are_heirs: bool,
}

/// A daemon that changes its master.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Heir {
    command: String,
    pub(super) pid: u32,
    stop_signal: i32,
    /// It is to end, to be started anew.
    leaving: bool,
}

#[derive(Debug)]
struct Attached {
    daemon: Daemon,
    state: State,
    /// How long it rests when it ends soon.
    pause: Duration,
    /// Since when it is to end, to be started anew.
    leaving: Option<Instant>,
    /// Modification times of the files that start it anew.
    touched: Vec<Option<std::time::SystemTime>>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Its process is a child of ours, in a group of its own.
    Child { pid: u32, since: Instant },
    /// The process in its pid file lives.
    Known { pid: u32, next_look: Instant },
    /// It is started then.
    Resting { until: Instant },
}

/// What the end of a daemon means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was none of ours.
    Unknown,
    /// It is started again.
    Restart,
    /// The instance ends with it.
    EndAll,
}

impl Daemons {
    /// The daemons of the options, after the start or a reload. Those with a pid file go on; the others are told, or end and
    /// are started again.
    pub(super) fn renew(&mut self, config: &Config, now: Instant) {
        let (before, are_heirs) = (std::mem::take(&mut self.all), std::mem::take(&mut self.are_heirs));
        let mut kept = Vec::new();
        for mut attached in before {
            let is_wanted = config.daemons.contains(&attached.daemon);
            if is_wanted && are_heirs {
                kept.push(attached);
                continue;
            }
            match (attached.daemon.reload_signal, attached.daemon.pidfile.is_some()) {
                (Some(signal), _) if is_wanted => {
                    attached.signal(signal);
                    kept.push(attached);
                }
                (None, true) if is_wanted => kept.push(attached),
                (None, false) if is_wanted => {
                    attached.restart(now);
                    kept.push(attached);
                }
                // It lives by its pid file, beyond this instance.
                (_, true) => {}
                // Nobody starts it again.
                _ => attached.signal(attached.daemon.stop_signal),
            }
        }
        for daemon in &config.daemons {
            let known = kept.iter().position(|attached| attached.daemon == *daemon);
            let attached = known.map(|index| kept.swap_remove(index));
            self.all.push(attached.unwrap_or_else(|| Attached::new(daemon.clone(), config, now)));
        }
        self.look(config, now);
    }

    /// Those that run as children of this process.
    pub(super) fn heirs(&self) -> Vec<Heir> {
        let heir = |attached: &Attached| match attached.state {
            State::Child { pid, .. } => Some(Heir {
                command: attached.daemon.command.clone(),
                pid,
                stop_signal: attached.daemon.stop_signal,
                leaving: attached.leaving.is_some(),
            }),
            State::Known { .. } | State::Resting { .. } => None,
        };
        self.all.iter().filter_map(heir).collect()
    }

    /// The daemons of the options, with those that another program in this process has started.
    pub(super) fn adopt(config: &Config, heirs: Vec<Heir>, now: Instant) -> Self {
        let mut all: Vec<_> = config.daemons.iter().map(|daemon| Attached::new(daemon.clone(), config, now)).collect();
        for Heir { command, pid, stop_signal, leaving } in heirs {
            let is_it = |attached: &&mut Attached| {
                attached.daemon.command == command && matches!(attached.state, State::Resting { .. })
            };
            match all.iter_mut().find(is_it) {
                Some(attached) => {
                    attached.state = State::Child { pid, since: now };
                    attached.leaving = leaving.then_some(now);
                }
                None => command::signal(pid, stop_signal),
            }
        }
        Self { all, are_heirs: true }
    }

    /// Starts what is to be started, and looks at pid files and touched files.
    pub(super) fn look(&mut self, config: &Config, now: Instant) {
        for attached in &mut self.all {
            attached.look(config, now);
        }
    }

    /// A child has ended: was it a daemon?
    pub(super) fn ended(&mut self, pid: u32, ending: Ending, now: Instant) -> Verdict {
        let is_it =
            |attached: &&mut Attached| matches!(attached.state, State::Child { pid: known, .. } if known == pid);
        let Some(attached) = self.all.iter_mut().find(is_it) else { return Verdict::Unknown };
        attached.ended(ending, now)
    }

    /// Ends them with the instance and waits until they are gone. Those with a pid file outlive it, as under uWSGI.
    pub(super) fn dismiss(&mut self, config: &Config) {
        let (begun, mercy) = (Instant::now(), mercy(config));
        let mut left: Vec<_> = std::mem::take(&mut self.all);
        left.retain(|attached| attached.daemon.pidfile.is_none());
        for attached in &left {
            attached.signal(attached.daemon.stop_signal);
        }
        let mut killed = false;
        while {
            left.retain(|attached| !attached.is_gone());
            !left.is_empty()
        } {
            if begun.elapsed() > mercy && !killed {
                killed = true;
                for attached in &left {
                    warn!("the daemon \"{}\" does not end, it is killed", attached.daemon.command);
                    attached.signal(nix::libc::SIGKILL);
                }
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Attached {
    fn new(daemon: Daemon, config: &Config, now: Instant) -> Self {
        let touched = daemon.touch.iter().map(|path| modified(&config.start_dir.join(path))).collect();
        Self { daemon, state: State::Resting { until: now }, pause: Duration::from_secs(1), leaving: None, touched }
    }

    fn look(&mut self, config: &Config, now: Instant) {
        let seen: Vec<_> = self.daemon.touch.iter().map(|path| modified(&config.start_dir.join(path))).collect();
        if seen != self.touched && seen.iter().any(Option::is_some) {
            info!("the daemon \"{}\" is started anew: a file was touched", self.daemon.command);
            self.restart(now);
        }
        self.touched = seen;
        match self.state {
            State::Child { .. } => {
                if self.leaving.is_some_and(|since| now.saturating_duration_since(since) > mercy(config)) {
                    warn!("the daemon \"{}\" does not end, it is killed", self.daemon.command);
                    self.signal(nix::libc::SIGKILL);
                }
            }
            State::Known { next_look, .. } if next_look > now => {}
            State::Known { pid, .. } => {
                let next_look = now + Duration::from_secs(self.daemon.period.max(1));
                if lives(pid) {
                    self.state = State::Known { pid, next_look };
                } else {
                    warn!("the daemon \"{}\" (pid: {pid}) is gone, it is started again", self.daemon.command);
                    self.start(config, now);
                }
            }
            State::Resting { until } if until > now => {}
            State::Resting { .. } => self.start(config, now),
        }
    }

    /// Ends it; it is started anew when it is gone.
    fn restart(&mut self, now: Instant) {
        self.signal(self.daemon.stop_signal);
        self.leaving = Some(now);
        if let State::Known { next_look, .. } = &mut self.state {
            *next_look = now;
        }
    }

    fn start(&mut self, config: &Config, now: Instant) {
        self.leaving = None;
        let pidfile = self.daemon.pidfile.as_ref().map(|path| config.start_dir.join(path));
        let period = Duration::from_secs(self.daemon.period.max(1));
        if let Some(pid) = pidfile.as_deref().and_then(read_pid).filter(|pid| lives(*pid)) {
            info!("the daemon \"{}\" lives (pid: {pid})", self.daemon.command);
            self.state = State::Known { pid, next_look: now + period };
            return;
        }
        match command::start_as(&self.daemon, config) {
            Ok(pid) => {
                info!("running the daemon \"{}\" (pid: {pid})", self.daemon.command);
                self.state = State::Child { pid, since: now };
                if let (Some(path), true) = (pidfile, self.daemon.stays) {
                    self.note(pid, &path);
                }
            }
            Err(error) => {
                warn!("the daemon \"{}\" cannot be run: {error}", self.daemon.command);
                self.rest(now);
            }
        }
    }

    fn note(&self, pid: u32, path: &PathBuf) {
        if let Err(error) = std::fs::write(path, format!("{pid}\n")) {
            warn!("the daemon \"{}\": {}: {error}", self.daemon.command, path.display());
        }
    }

    fn ended(&mut self, ending: Ending, now: Instant) -> Verdict {
        let command = &self.daemon.command;
        let State::Child { pid, since } = self.state else { return Verdict::Unknown };
        if self.leaving.is_some() {
            info!("the daemon \"{command}\" (pid: {pid}) has ended, it is started anew");
            self.state = State::Resting { until: now };
            return Verdict::Restart;
        }
        if self.daemon.control {
            warn!("the daemon \"{command}\" (pid: {pid}) has ended, {ending}: the instance ends with it");
            self.state = State::Resting { until: now + LONGEST_PAUSE };
            return Verdict::EndAll;
        }
        if self.daemon.pidfile.is_some() && !self.daemon.stays && ending.code() == Some(0) {
            // It has detached itself; its pid file tells where it is, as soon as it has written that.
            self.state = State::Resting { until: now + Duration::from_secs(1) };
            return Verdict::Restart;
        }
        warn!("the daemon \"{command}\" (pid: {pid}) has ended, {ending}: it is started again");
        if now.duration_since(since) >= SETTLED {
            self.pause = Duration::from_secs(1);
        }
        self.rest(now);
        Verdict::Restart
    }

    fn rest(&mut self, now: Instant) {
        self.state = State::Resting { until: now + self.pause };
        self.pause = (self.pause * 2).min(self.daemon.max_throttle.map_or(LONGEST_PAUSE, Duration::from_secs));
    }

    fn signal(&self, signal: i32) {
        match self.state {
            State::Child { pid, .. } => command::signal(pid, signal),
            State::Known { pid, .. } => {
                if let (Ok(pid), Ok(signal)) = (i32::try_from(pid), nix::sys::signal::Signal::try_from(signal)) {
                    let _ = kill(Pid::from_raw(pid), signal);
                }
            }
            State::Resting { .. } => {}
        }
    }

    /// Whether it has ended; children are waited for.
    fn is_gone(&self) -> bool {
        match self.state {
            State::Child { pid, .. } => {
                let Ok(pid) = i32::try_from(pid) else { return true };
                !matches!(waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG)), Ok(WaitStatus::StillAlive))
            }
            State::Known { pid, .. } => !lives(pid),
            State::Resting { .. } => true,
        }
    }
}

/// Time that a daemon gets to end.
fn mercy(config: &Config) -> Duration {
    config.workers.daemon_mercy.map_or(MERCY, rsgi_config::Seconds::duration)
}

fn modified(path: &Path) -> Option<std::time::SystemTime> {
    std::fs::metadata(path).and_then(|found| found.modified()).ok()
}

fn read_pid(path: &Path) -> Option<u32> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok().filter(|pid| *pid > 1)
}

/// Whether there is such a process, whoever owns it (kill(2) with signal 0). A dead child that was not waited for is none.
fn lives(pid: u32) -> bool {
    let Ok(pid) = i32::try_from(pid) else { return false };
    let _ = waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG));
    !matches!(kill(Pid::from_raw(pid), None), Err(Errno::ESRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(daemons: &[Daemon]) -> Config {
        Config { daemons: daemons.to_vec(), ..Config::default() }
    }

    fn daemon(command: &str) -> Daemon {
        Daemon {
            command: command.into(),
            pidfile: None,
            stays: false,
            control: false,
            period: 10,
            stop_signal: nix::libc::SIGTERM,
            reload_signal: None,
            touch: Vec::new(),
            chdir: None,
            user: None,
            group: None,
            stdin: false,
            max_throttle: None,
        }
    }

    fn pid(daemons: &Daemons) -> u32 {
        match daemons.all[0].state {
            State::Child { pid, .. } | State::Known { pid, .. } => pid,
            State::Resting { .. } => 0,
        }
    }

    #[test]
    fn it_is_started_again_and_rests_longer_and_longer() {
        let config = config(&[daemon("sleep 600")]);
        let (mut daemons, start) = (Daemons::default(), Instant::now());
        daemons.renew(&config, start);
        for pause in [1, 2, 4] {
            let first = pid(&daemons);
            assert_ne!(first, 0);
            command::signal(first, nix::libc::SIGKILL);
            waitpid(Pid::from_raw(first.cast_signed()), None).unwrap();
            assert_eq!(daemons.ended(first, Ending::Killed(9), start), Verdict::Restart);
            daemons.look(&config, start + Duration::from_millis(pause * 1000 - 1));
            assert_eq!(pid(&daemons), 0);
            daemons.look(&config, start + Duration::from_secs(pause));
            assert_ne!(pid(&daemons), first);
        }
        daemons.dismiss(&config);
        assert!(daemons.all.is_empty());
    }

    #[test]
    fn a_reload_starts_it_anew_when_it_is_gone() {
        let config = config(&[daemon("exec sleep 600")]);
        let (mut daemons, now) = (Daemons::default(), Instant::now());
        daemons.renew(&config, now);
        let first = pid(&daemons);
        daemons.renew(&config, now);
        assert_eq!(pid(&daemons), first, "it has not ended yet");
        let status = waitpid(Pid::from_raw(first.cast_signed()), None).unwrap();
        assert_eq!(daemons.ended(first, Ending::of(status).unwrap(), now), Verdict::Restart);
        daemons.look(&config, now);
        assert!(![0, first].contains(&pid(&daemons)));
        daemons.renew(&Config::default(), now);
        assert!(daemons.all.is_empty());
    }

    #[test]
    fn the_instance_ends_with_a_control_daemon() {
        let config = config(&[Daemon { control: true, ..daemon("exit 0") }]);
        let mut daemons = Daemons::default();
        daemons.renew(&config, Instant::now());
        let first = pid(&daemons);
        waitpid(Pid::from_raw(first.cast_signed()), None).unwrap();
        assert_eq!(daemons.ended(first, Ending::Exited(0), Instant::now()), Verdict::EndAll);
        assert_eq!(daemons.ended(1, Ending::Exited(0), Instant::now()), Verdict::Unknown);
    }

    #[test]
    fn one_with_a_pid_file_is_found_again_and_outlives_a_reload() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pid");
        let config = config(&[Daemon { pidfile: Some(path.clone()), stays: true, ..daemon("exec sleep 600") }]);
        let (mut daemons, now) = (Daemons::default(), Instant::now());
        daemons.renew(&config, now);
        let first = pid(&daemons);
        assert_eq!(read_pid(&path), Some(first));
        daemons.renew(&config, now);
        assert_eq!(pid(&daemons), first);
        let mut others = Daemons::default();
        others.renew(&config, now);
        assert_eq!(pid(&others), first, "known by its file");
        daemons.dismiss(&config);
        others.renew(&Config::default(), now);
        assert!(lives(first), "neither a stop nor a reload without it ends it");
        command::signal(first, nix::libc::SIGKILL);
        waitpid(Pid::from_raw(first.cast_signed()), None).unwrap();
    }

    #[test]
    fn one_that_does_not_end_is_killed_when_reload_mercy_is_over() {
        let directory = tempfile::tempdir().unwrap();
        let deaf = |name: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, "").unwrap();
            (daemon(&format!("trap '' TERM; rm {}; while :; do sleep 600; done", path.display())), path)
        };
        let start = |name| {
            let (daemon, path) = deaf(name);
            let mut config = config(&[daemon]);
            config.workers.daemon_mercy = Some(rsgi_config::Seconds(1));
            let mut daemons = Daemons::default();
            daemons.renew(&config, Instant::now());
            while path.exists() {
                std::thread::yield_now();
            }
            (daemons, config)
        };
        let (mut daemons, config) = start("stop");
        let begun = Instant::now();
        daemons.dismiss(&config);
        let took = begun.elapsed().as_secs();
        assert!((1..10).contains(&took), "{took}");
        // The same when it is to be started anew.
        let (mut daemons, mut config) = start("anew");
        config.workers.daemon_mercy = Some(rsgi_config::Seconds(20));
        let (first, now) = (pid(&daemons), Instant::now());
        daemons.renew(&config, now);
        daemons.look(&config, now + Duration::from_secs(19));
        assert!(lives(first));
        daemons.look(&config, now + Duration::from_secs(21));
        let status = waitpid(Pid::from_raw(first.cast_signed()), None).unwrap();
        assert_eq!(Ending::of(status), Some(Ending::Killed(9)));
    }
}
