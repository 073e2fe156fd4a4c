//! Hooks: what is done at the phases of an instance's life.

use std::path::PathBuf;

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
    /// Changes the directory.
    Cd(PathBuf),
    /// Ends the process with a code.
    Exit(i32),
    /// Writes a line to the log.
    Print(String),
    /// Writes a line to a file, which must not exist before; or to a pipe or device.
    Write(PathBuf, String),
    /// Makes an empty file.
    Create(PathBuf),
    /// Removes a file.
    Unlink(PathBuf),
    /// Makes a directory.
    Mkdir(PathBuf),
    /// Sets the mode of a file.
    Chmod(PathBuf, u32),
    /// Gives a file to a user and a group.
    Chown(PathBuf, String, String),
    /// Sets the host name.
    Hostname(String),
    /// Gives a signal of the master one of uWSGI's functions.
    Signal(i32, String),
}

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
        let (name, argument) = text.split_once(':').unwrap_or((text, ""));
        let missing = |what: &str| Fault::bare(format!("the action {name} needs {what}"));
        let one = |what: &str| if argument.is_empty() { Err(missing(what)) } else { Ok(argument.to_owned()) };
        let two = |what: &str| argument.split_once(' ').ok_or_else(|| missing(what));
        Ok(match name {
            "exec" => Self::Exec(one("a command")?),
            "cd" | "chdir" => Self::Cd(one("a directory")?.into()),
            "exit" if argument.is_empty() => Self::Exit(0),
            "exit" => Self::Exit(argument.parse().map_err(|_| missing("a number"))?),
            "print" | "log" => Self::Print(one("a text")?),
            "write" | "writefifo" => {
                let (file, text) = two("a file and a text")?;
                Self::Write(file.into(), text.to_owned())
            }
            "create" | "creat" => Self::Create(one("a file")?.into()),
            "unlink" => Self::Unlink(one("a file")?.into()),
            "mkdir" => Self::Mkdir(one("a directory")?.into()),
            "chmod" => {
                let (file, mode) = two("a file and a mode")?;
                Self::Chmod(file.into(), u32::from_str_radix(mode, 8).map_err(|_| missing("a mode such as 640"))?)
            }
            "chown" => {
                let (file, rest) = two("a file, a user and a group")?;
                let (user, group) = rest.split_once(' ').ok_or_else(|| missing("a file, a user and a group"))?;
                Self::Chown(file.into(), user.to_owned(), group.to_owned())
            }
            "hostname" => Self::Hostname(one("a name")?),
            "unix_signal" => {
                let (number, function) = two("a signal and a function")?;
                let number = number.parse().map_err(|_| missing("the number of a signal"))?;
                Self::Signal(number, function.to_owned())
            }
            other => {
                return Err(Fault::new(
                    format!("there is no action \"{other}\""),
                    "write one of exec, cd, exit, print, write, create, unlink, mkdir, chmod, chown, hostname",
                ));
            }
        })
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
                "mount:proc none /proc",
            ]
            .map(read)
        );
    }
}
