//! One vassal's process, and the socket between it and its emperor.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use command_fds::{CommandFdExt, FdMapping};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{AccessFlags, Pid, access};
use rsgi_config::Config;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::sync::mpsc::UnboundedSender;
use tracing::warn;

use super::ceremony::located;
use super::court::{Event, Stamp};

/// Environment variable that tells a vassal the number of its socket.
pub const SOCKET: &str = "RSGI_EMPEROR_FD";
/// What a vassal says when it serves.
pub const LOYAL: u8 = b'l';
/// What a vassal says that lives, every `heartbeat` seconds.
pub const HEARTBEAT: u8 = b'h';

const NUMBER: i32 = 3;

/// The option that reads a file, by its ending; ini for endings that tell nothing.
fn format_of(path: &Path) -> &'static str {
    match path.extension().and_then(|ending| ending.to_str()).unwrap_or_default() {
        "xml" => "xml",
        "yaml" | "yml" => "yaml",
        "json" | "js" => "json",
        "toml" => "toml",
        _ => "ini",
    }
}

/// What is run for a vassal: the first wrapper that is there, else this program.
fn program(config: &Config) -> Command {
    let emperor = &config.emperor;
    let fallback = emperor.wrapper_fallback.iter().filter(|_| emperor.wrapper.is_some());
    let wrappers = emperor.wrapper_override.iter().chain(&emperor.wrapper).chain(fallback);
    let mut found = wrappers.map(|wrapper| located(&config.start_dir, wrapper)).filter(|wrapper| is_program(wrapper));
    match (found.next(), &emperor.wrapper) {
        (Some(wrapper), _) => Command::new(wrapper),
        // Not there: the kernel says so, and nothing runs that was not meant to.
        (None, Some(wrapper)) => Command::new(located(&config.start_dir, wrapper)),
        (None, None) => {
            let mut command = Command::new("/proc/self/exe");
            command.arg0("rsgi");
            command
        }
    }
}

/// Whether a program can be run: it is there, or its bare name is found on PATH.
fn is_program(program: &Path) -> bool {
    let runs = |path: &Path| access(path, AccessFlags::X_OK).is_ok() && path.is_file();
    match std::env::var_os("PATH") {
        Some(places) if program.is_relative() => std::env::split_paths(&places).any(|place| runs(&place.join(program))),
        _ => runs(program),
    }
}

/// A running vassal.
#[derive(Debug)]
pub struct Vassal {
    child: Option<tokio::process::Child>,
    socket: Option<UnixStream>,
    pid: u32,
    path: PathBuf,
}

impl Vassal {
    /// Starts the instance that `path` describes, in the file's directory; as the file's owner when the emperor is a tyrant.
    /// A vassal on demand gets its socket as standard input.
    ///
    /// # Errors
    /// When no process can be started.
    pub fn start(config: &Config, path: &Path, stamp: Stamp, door: Option<OwnedFd>) -> io::Result<Self> {
        let emperor = &config.emperor;
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = program(config);
        for (option, value) in &emperor.vassal_hooks {
            command.arg(format!("--{option}")).arg(value);
        }
        let more = |command: &mut Command, files: [(&str, &Vec<PathBuf>); 2]| {
            for (option, file) in
                files.into_iter().flat_map(|(option, files)| files.iter().map(move |file| (option, file)))
            {
                command.arg(option).arg(config.start_dir.join(file));
            }
        };
        // uWSGI's order: what comes later wins.
        more(&mut command, [("--inherit", &emperor.inherit_before), ("--include", &emperor.include_before)]);
        for (key, value) in &emperor.set {
            command.arg("--set").arg(format!("{key}={value}"));
        }
        // By an option, for files without one are read last.
        command.arg(format!("--{}", format_of(path))).arg(path);
        more(&mut command, [("--inherit", &emperor.inherit), ("--include", &emperor.include)]);
        if let Some(directory) = path.parent() {
            command.current_dir(directory);
        }
        // What made this process an emperor must not make its vassals emperors; the service manager knows us, not them.
        for name in [
            "UWSGI_EMPEROR",
            "RSGI_EMPEROR",
            "NOTIFY_SOCKET",
            "WATCHDOG_USEC",
            "WATCHDOG_PID",
            "LISTEN_FDS",
            "LISTEN_PID",
        ] {
            command.env_remove(name);
        }
        command.env(SOCKET, NUMBER.to_string());
        command.env("UWSGI_VASSALS_DIR", path.parent().unwrap_or(Path::new("/")));
        if emperor.tyrant {
            rsgi_sys::owner::run_as(&mut command, stamp.uid, stamp.gid);
        }
        command.process_group(0).stdin(door.map_or_else(Stdio::null, Stdio::from));
        let mapping = FdMapping { parent_fd: OwnedFd::from(theirs), child_fd: NUMBER };
        command.fd_mappings(vec![mapping]).map_err(io::Error::other)?;
        let child = tokio::process::Command::from(command).spawn()?;
        let pid = child.id().unwrap_or(0);
        Ok(Self { child: Some(child), socket: Some(UnixStream::from_std(ours)?), pid, path: path.to_owned() })
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its process id.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Reports what becomes of it. The socket stays open until the process has ended.
    pub fn watch(&mut self, serial: u64, sender: &UnboundedSender<Event>) {
        let (Some(mut child), Some(mut socket)) = (self.child.take(), self.socket.take()) else { return };
        let sender = sender.clone();
        tokio::task::spawn_local(async move {
            let mut byte = [0];
            let code = loop {
                tokio::select! {
                    status = child.wait() => break status.ok().and_then(|status| status.code()),
                    said = socket.read(&mut byte) => match said {
                        Ok(1..) if byte == [LOYAL] => drop(sender.send(Event::Loyal(serial))),
                        Ok(1..) if byte == [HEARTBEAT] => drop(sender.send(Event::Heartbeat(serial))),
                        Ok(1..) => {}
                        // It closed its end: nothing more to hear, its end is near.
                        Ok(0) | Err(_) => break child.wait().await.ok().and_then(|status| status.code()),
                    },
                }
            };
            let _ = sender.send(Event::Died(serial, code));
        });
    }

    /// Sends it a signal. A tyrant that is not root needs a capability for that.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.pid).ok().filter(|&pid| pid > 0)
            && kill(Pid::from_raw(pid), signal) == Err(Errno::EPERM)
        {
            let path = self.path.display();
            warn!(
                "[emperor] vassal {path} cannot be sent {signal}: an emperor with a uid needs cap = setgid,setuid,kill"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use caps::{CapSet, Capability, CapsHashSet};

    use super::*;

    /// Capabilities as those of an emperor that is not root and kept what it needs to be a tyrant.
    #[test]
    fn a_tyrants_vassal_inherits_no_capability_and_no_group() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let kept: CapsHashSet = [Capability::CAP_SETUID, Capability::CAP_SETGID].into_iter().collect();
        caps::set(None, CapSet::Inheritable, &kept).unwrap();
        caps::set(None, CapSet::Ambient, &kept).unwrap();
        caps::securebits::set_keepcaps(true).unwrap();
        let mut command = Command::new("cat");
        rsgi_sys::owner::run_as(command.arg("/proc/self/status"), 54321, 54322);
        let status = String::from_utf8(command.output().unwrap().stdout).unwrap();
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            (of("Uid"), of("Gid"), of("Groups")),
            ("54321 ".repeat(4).trim().into(), "54322 ".repeat(4).trim().into(), String::new())
        );
        for set in ["CapPrm", "CapEff", "CapInh", "CapAmb"] {
            assert_eq!(of(set), "0000000000000000", "{set}");
        }
    }
}
