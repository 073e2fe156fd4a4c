//! Shell commands that the master runs beside everything else.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Group, Pid, User};
use rsgi_config::{Config, Daemon};

use crate::process::set_environment;

/// Starts `command` in a shell and a process group of its own, with the environment of workers. Returns the process id; the
/// master reaps it as all its children.
pub(super) fn start(command: &str, config: &Config) -> io::Result<u32> {
    shell(command, config).spawn().map(|child| child.id())
}

/// The same for a daemon: where, as whom and with which input its keys say.
pub(super) fn start_as(daemon: &Daemon, config: &Config) -> io::Result<u32> {
    let mut shell = shell(&daemon.command, config);
    if let Some(directory) = &daemon.chdir {
        shell.current_dir(config.start_dir.join(directory));
    }
    if daemon.stdin {
        shell.stdin(Stdio::inherit());
    }
    if let Some(name) = &daemon.user {
        let user = user(name)?;
        shell.uid(user.0);
        if let (Some(group), None) = (user.1, &daemon.group) {
            shell.gid(group);
        }
    }
    if let Some(name) = &daemon.group {
        shell.gid(group(name)?);
    }
    shell.spawn().map(|child| child.id())
}

fn shell(command: &str, config: &Config) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command).stdin(Stdio::null()).process_group(0);
    set_environment(&mut shell, config);
    shell
}

/// A user's number and, where it has a name, its group.
fn user(name: &str) -> io::Result<(u32, Option<u32>)> {
    let known = match name.parse() {
        Ok(number) => return Ok((number, None)),
        Err(_) => User::from_name(name)?,
    };
    let user = known.ok_or_else(|| io::Error::other(format!("there is no user {name}")))?;
    Ok((user.uid.as_raw(), Some(user.gid.as_raw())))
}

fn group(name: &str) -> io::Result<u32> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let known = Group::from_name(name)?.ok_or_else(|| io::Error::other(format!("there is no group {name}")))?;
    Ok(known.gid.as_raw())
}

/// Sends a signal to a command and all that it has started in its group; one that is gone is no error.
pub(super) fn signal(pid: u32, signal: i32) {
    let (Ok(pid), Ok(signal)) = (i32::try_from(pid), Signal::try_from(signal)) else { return };
    if pid > 1 {
        let _ = killpg(Pid::from_raw(pid), signal);
    }
}
