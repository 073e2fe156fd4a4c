//! Hooks: what is done at the phases of an instance's life.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::value::{Fault, Value};

/// A phase of an instance's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Right after the configuration was read.
    Asap,
    /// Before the root directory may change.
    PreJail,
    /// After that.
    PostJail,
    /// Inside the root directory, before sockets are bound.
    InJail,
    /// Before rights are given up.
    AsRoot,
    /// After that.
    AsUser,
    /// Before the application is loaded.
    PreApp,
    /// After that.
    PostApp,
    /// When the master begins its work.
    MasterStart,
    /// In each process that is forked.
    PostFork,
    /// In each worker, before it accepts.
    Accepting,
    /// In the first worker.
    Accepting1,
    /// In each worker, but not in those that replace it.
    AcceptingOnce,
    /// In the first worker, once.
    Accepting1Once,
    /// In each mule.
    AsMule,
    /// In each router.
    AsGateway,
    /// At the end.
    AtExit,
    /// When an emperor begins its work.
    EmperorStart,
    /// When it ends.
    EmperorStop,
    /// When it is told to reload its vassals.
    EmperorReload,
    /// In a vassal, when its emperor is gone.
    EmperorLost,
    /// In the emperor, for each vassal.
    AsEmperor,
}

/// Something to do at a phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// When.
    pub phase: Phase,
    /// What.
    pub act: HookAct,
    /// It comes from an `exec-…` option: after all from `hook-…`.
    pub late: bool,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum HookAct {
    /// Runs a shell command and waits for it; it must succeed.
    Exec(String),
    /// The same, and it may fail.
    SafeExec(String),
    /// Changes the directory.
    Cd(PathBuf),
    /// Ends the process with a code.
    Exit(i32),
    /// Writes a line to the log.
    Print(String),
    /// Writes a text to a file, in place of what was in it.
    Write(PathBuf, String),
    /// Writes a text to the end of a file.
    Append(PathBuf, String),
    /// Writes a text to a pipe that somebody reads; without a reader it is lost.
    WriteFifo(PathBuf, String),
    /// Writes a text to a pipe, waiting for somebody who reads.
    SpinningFifo(PathBuf, String),
    /// Waits until there is such a thing, for a minute at most.
    WaitFor(Awaited, PathBuf),
    /// Changes the environment of what is started from then on: `NAME=VALUE`, or `NAME` to remove it.
    PutEnv(String),
    /// Makes an empty file.
    Create(PathBuf),
    /// Removes a file.
    Unlink(PathBuf),
    /// Makes a directory.
    Mkdir(PathBuf),
    /// Sets the mode of a file.
    Chmod(PathBuf, u32),
    /// Sets the sticky bit of a file.
    Sticky(PathBuf),
    /// Gives a file to a user and a group.
    Chown(PathBuf, String, String),
    /// Sets the host name.
    Hostname(String),
    /// Gives a signal of the master one of uWSGI's functions.
    Signal(i32, String),
    /// Raises an alarm of uWSGI, of which there are none here.
    Alarm(String),
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Awaited {
    /// Anything with that name.
    Anything,
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A unix socket.
    Socket,
}

/// Actions that there are in uWSGI, with why there are none here.
const IMPOSSIBLE: [(&str, &str); 9] = [
    ("call", "functions of uWSGI's C code"),
    ("callint", "functions of uWSGI's C code"),
    ("callret", "functions of uWSGI's C code"),
    ("callintret", "functions of uWSGI's C code"),
    ("rpc", "remote procedure calls, which are not built"),
    ("retryrpc", "remote procedure calls, which are not built"),
    ("mount", "file systems: a service manager or container mounts them"),
    ("umount", "file systems: a service manager or container mounts them"),
    ("ifup", "network interfaces: a service manager or container sets them up"),
];

impl Hook {
    /// Reads `ACTION:ARGUMENT`.
    pub(crate) fn read(phase: Phase, value: &Value<'_>) -> Result<Self, Fault> {
        Ok(Self { phase, act: HookAct::read(&value.word()?)?, late: false })
    }

    /// Reads a shell command.
    pub(crate) fn exec(phase: Phase, value: &Value<'_>) -> Result<Self, Fault> {
        Ok(Self { phase, act: HookAct::Exec(value.word()?), late: true })
    }
}

impl HookAct {
    /// Reads `ACTION:ARGUMENT`.
    pub(crate) fn read(text: &str) -> Result<Self, Fault> {
        const USER: &str = "a file, a user and a group";
        let (name, argument) = text.split_once(':').unwrap_or((text, ""));
        let missing = |what: &str| Fault::bare(format!("the action {name} needs {what}"));
        let one = |what: &str| if argument.is_empty() { Err(missing(what)) } else { Ok(argument.to_owned()) };
        let two = |what: &str| argument.split_once(' ').ok_or_else(|| missing(what));
        let text =
            |end: &str| two("a file and a text").map(|(file, text)| (PathBuf::from(file), format!("{text}{end}")));
        let awaited = |kind| Ok(Self::WaitFor(kind, one("a file")?.into()));
        Ok(match name {
            "safeexec" => Self::SafeExec(one("a command")?),
            "writen" => text("\n").map(|(file, text)| Self::Write(file, text))?,
            "append" => text("").map(|(file, text)| Self::Append(file, text))?,
            "appendn" => text("\n").map(|(file, text)| Self::Append(file, text))?,
            "writefifo" => text("").map(|(file, text)| Self::WriteFifo(file, text))?,
            "spinningfifo" => text("").map(|(file, text)| Self::SpinningFifo(file, text))?,
            "wait_for_fs" => awaited(Awaited::Anything)?,
            "wait_for_file" => awaited(Awaited::File)?,
            "wait_for_dir" => awaited(Awaited::Directory)?,
            "wait_for_socket" => awaited(Awaited::Socket)?,
            "putenv" => Self::PutEnv(one("NAME=VALUE")?),
            "sticky" => Self::Sticky(one("a file")?.into()),
            "alarm" => Self::Alarm(one("an alarm")?),
            "exec" => Self::Exec(one("a command")?),
            "cd" | "chdir" => Self::Cd(one("a directory")?.into()),
            "exit" if argument.is_empty() => Self::Exit(0),
            "exit" => Self::Exit(argument.parse().map_err(|_| missing("a number"))?),
            "print" | "log" => Self::Print(one("a text")?),
            "write" => text("").map(|(file, text)| Self::Write(file, text))?,
            "create" | "creat" => Self::Create(one("a file")?.into()),
            "unlink" => Self::Unlink(one("a file")?.into()),
            "mkdir" => Self::Mkdir(one("a directory")?.into()),
            "chmod" => {
                let (file, mode) = two("a file and a mode")?;
                Self::Chmod(file.into(), u32::from_str_radix(mode, 8).map_err(|_| missing("a mode such as 640"))?)
            }
            "chown" | "chown2" => {
                let (file, rest) = two(USER)?;
                let (user, group) = rest.split_once(' ').ok_or_else(|| missing(USER))?;
                Self::Chown(file.into(), user.to_owned(), group.to_owned())
            }
            "hostname" => Self::Hostname(one("a name")?),
            "unix_signal" => {
                let (number, function) = two("a signal and a function")?;
                let number = number.parse().map_err(|_| missing("the number of a signal"))?;
                Self::Signal(number, function.to_owned())
            }
            other => {
                let problem = match IMPOSSIBLE.iter().find(|(name, _)| *name == other) {
                    Some((_, what)) => format!("the action {other} is not built: it is about {what}"),
                    None => format!("there is no action \"{other}\""),
                };
                return Err(Fault::new(
                    problem,
                    "write one of exec, safeexec, cd, exit, print, write, writen, append, appendn, writefifo, spinningfifo, create, \
                     unlink, mkdir, chmod, chown, sticky, hostname, putenv, wait_for_fs, wait_for_file, wait_for_dir, wait_for_socket",
                ));
            }
        })
    }
}

impl fmt::Display for HookAct {
    /// As it is written in a configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |f: &mut fmt::Formatter<'_>, name: &str, file: &Path, text: &str| {
            write!(f, "{name}:{} {}", file.display(), text.trim_end_matches('\n'))
        };
        match self {
            Self::Exec(command) => write!(f, "exec:{command}"),
            Self::SafeExec(command) => write!(f, "safeexec:{command}"),
            Self::Cd(path) => write!(f, "cd:{}", path.display()),
            Self::Exit(code) => write!(f, "exit:{code}"),
            Self::Print(text) => write!(f, "print:{text}"),
            Self::Write(path, line) => text(f, if line.ends_with('\n') { "writen" } else { "write" }, path, line),
            Self::Append(path, line) => text(f, if line.ends_with('\n') { "appendn" } else { "append" }, path, line),
            Self::WriteFifo(path, line) => text(f, "writefifo", path, line),
            Self::SpinningFifo(path, line) => text(f, "spinningfifo", path, line),
            Self::WaitFor(Awaited::Anything, path) => write!(f, "wait_for_fs:{}", path.display()),
            Self::WaitFor(Awaited::File, path) => write!(f, "wait_for_file:{}", path.display()),
            Self::WaitFor(Awaited::Directory, path) => write!(f, "wait_for_dir:{}", path.display()),
            Self::WaitFor(Awaited::Socket, path) => write!(f, "wait_for_socket:{}", path.display()),
            Self::PutEnv(change) => write!(f, "putenv:{change}"),
            Self::Create(path) => write!(f, "create:{}", path.display()),
            Self::Unlink(path) => write!(f, "unlink:{}", path.display()),
            Self::Mkdir(path) => write!(f, "mkdir:{}", path.display()),
            Self::Chmod(path, mode) => write!(f, "chmod:{} {mode:o}", path.display()),
            Self::Sticky(path) => write!(f, "sticky:{}", path.display()),
            Self::Chown(path, user, group) => write!(f, "chown:{} {user} {group}", path.display()),
            Self::Hostname(name) => write!(f, "hostname:{name}"),
            Self::Signal(number, function) => write!(f, "unix_signal:{number} {function}"),
            Self::Alarm(alarm) => write!(f, "alarm:{alarm}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions() {
        let read = |text| HookAct::read(text).map_err(|fault| fault.problem);
        insta::assert_debug_snapshot!(
            [
                "exec:echo a:b",
                "cd:/srv",
                "exit",
                "exit:3",
                "print:a b",
                "write:/a b c",
                "chmod:/a 640",
                "chmod:/a 9",
                "chown:/a www-data www-data",
                "chown:/a www-data",
                "mkdir:",
                "unix_signal:15 gracefully_kill_them_all",
                "writen:/a b c",
                "appendn:/a b",
                "chown2:/a 1 2",
                "wait_for_socket:/a",
                "mount:proc none /proc",
                "nonsense:1",
            ]
            .map(read)
        );
    }

    #[test]
    fn actions_are_shown_as_they_are_written() {
        for text in [
            "exec:echo a:b",
            "safeexec:false",
            "cd:/srv",
            "exit:3",
            "print:a b",
            "write:/a b c",
            "writen:/a b",
            "append:/a b",
            "appendn:/a b",
            "writefifo:/a b",
            "spinningfifo:/a b",
            "wait_for_fs:/a",
            "wait_for_file:/a",
            "wait_for_dir:/a",
            "wait_for_socket:/a",
            "putenv:A=b",
            "create:/a",
            "unlink:/a",
            "mkdir:/a",
            "chmod:/a 640",
            "sticky:/a",
            "chown:/a www-data 33",
            "hostname:a",
            "unix_signal:15 f",
            "alarm:a b",
        ] {
            assert_eq!(HookAct::read(text).map_err(|fault| fault.problem).unwrap().to_string(), text);
        }
    }
}
