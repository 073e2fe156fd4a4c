//! Options, configuration sources and the resolved configuration of rsgi.
//!
//! Reads the command line, the environment and configuration files, and nothing else: no socket is opened, no process is
//! changed here. The way of an option: [`load`] → `source` (ordered entries with their origin) → `expand` → `apply` (its
//! row in `options` writes into the `draft`) → [`Config`].
#![forbid(unsafe_code)]

mod address;
mod apply;
mod arithmetic;
mod check;
mod command;
mod completions;
mod config;
mod diagnostic;
mod draft;
mod effective;
mod embed;
mod expand;
mod help;
mod hooks;
mod loggers;
mod lookup;
mod machine;
mod magic;
mod manual;
mod nearest;
mod network;
mod option;
mod option_list;
mod options;
mod origin;
mod pattern;
mod reference;
mod source;
#[cfg(test)]
mod tests;
mod throne;
mod timetable;
mod value;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub use address::{Address, AddressError};
pub use completions::{bash, fish, zsh};
pub use config::*;
pub use diagnostic::{ConfigError, Diagnostic, Severity};
pub use help::show_config;
pub use hooks::{Awaited, Hook, HookAct, Phase};
pub use loggers::{LogEncoder, LogRoute, LogStep, LogTarget, Logger};
pub use manual::manual;
pub use network::Network;
pub use option_list::option_list;
pub use origin::{Origin, Place, Span};
pub use pattern::paths_matching;
pub use reference::reference;
pub use timetable::{Cron, Daemon, Times};

use machine::Machine;
use source::{Halt, Reader, Stop};

/// What the command line and its files ask for.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one per process, and it is taken apart at once")]
pub enum Loaded {
    /// Run an instance.
    Run {
        /// What to run.
        config: Config,
        /// What to tell the user first.
        warnings: Vec<Diagnostic>,
        /// Texts of `print`, for the log.
        printed: Vec<String>,
    },
    /// Print a text and end.
    Print {
        /// The text, with its last newline.
        text: String,
        /// The exit code.
        exit_code: i32,
    },
    /// Talk to a running instance.
    Tool {
        /// How.
        tool: Tool,
        /// The words behind the subcommand.
        words: Vec<OsString>,
    },
    /// Tell the instance whose process id is in a file something, and end.
    Tell {
        /// What to tell.
        message: Message,
        /// The file.
        pidfile: PathBuf,
    },
}

/// A subcommand that talks to a running instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// `rsgi top`.
    Top,
    /// `rsgi stats`.
    Stats,
    /// `rsgi healthcheck`.
    Healthcheck,
    /// `rsgi reload`.
    Reload,
    /// `rsgi upgrade`.
    Upgrade,
}

/// What another instance is told by a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// `--stop`: SIGINT.
    Stop,
    /// `--reload`: SIGHUP.
    Reload,
    /// `--pause`, `--resume`: SIGTSTP.
    Pause,
}

/// Reads the environment, then `args` (without the program's name), then the files named there, as seen from `cwd`.
///
/// # Errors
/// Everything that is wrong, each with its place; the process should print it and end with [`ConfigError::exit_code`].
pub fn load(
    args: impl IntoIterator<Item = OsString>,
    env: impl IntoIterator<Item = (OsString, OsString)>,
    cwd: &Path,
) -> Result<Loaded, ConfigError> {
    let machine = Machine::here(env.into_iter().collect(), cwd);
    load_on(&machine, args.into_iter().collect())
}

/// [`load`] for a configuration that nobody vouches for: no command is run, nothing outside of `cwd` is read, and whatever is
/// asked of the machine has the same answer everywhere.
///
/// # Errors
/// As [`load`].
pub fn load_confined(
    args: impl IntoIterator<Item = OsString>,
    env: impl IntoIterator<Item = (OsString, OsString)>,
    cwd: &Path,
) -> Result<Loaded, ConfigError> {
    load_on(&Machine::confined(env.into_iter().collect(), cwd), args.into_iter().collect())
}

/// [`load`] for a machine that is known.
fn load_on(machine: &Machine, args: Vec<OsString>) -> Result<Loaded, ConfigError> {
    if let Some(done) = command::run(machine, &args) {
        return Ok(done);
    }
    let mut reader = Reader::new(machine);
    let read = reader.read_environment().and_then(|()| reader.read_arguments(args)).and_then(|()| reader.inherit());
    let mut diagnostics = std::mem::take(&mut reader.warnings);
    let fallback = source::first_value(&reader.entries, "fallback-config").map(PathBuf::from);
    match read {
        Ok(()) => {}
        Err(Halt::Error(error)) => {
            diagnostics.push(*error);
            return Err(ConfigError { diagnostics, fallback });
        }
        Err(Halt::Stop(stop)) => return Ok(stopped(stop)),
    }
    let mut applied = apply::apply(reader.entries, reader.asked, machine);
    diagnostics.append(&mut applied.messages);
    if diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        return Err(ConfigError { diagnostics, fallback });
    }
    if !applied.answers.is_empty() {
        return Ok(Loaded::Print { text: applied.answers.join("\n") + "\n", exit_code: 0 });
    }
    let config = Config { files: reader.files, ..applied.config };
    Ok(Loaded::Run { config, warnings: diagnostics, printed: applied.printed })
}

fn stopped(stop: Stop) -> Loaded {
    match stop {
        Stop::Help => Loaded::Print { text: help::help(), exit_code: 0 },
        Stop::Names => Loaded::Print { text: help::names(), exit_code: 0 },
        Stop::Version => Loaded::Print { text: format!("{}\n", env!("CARGO_PKG_VERSION")), exit_code: 0 },
        Stop::Tell(message, pidfile) => Loaded::Tell { message, pidfile },
        Stop::Exit(exit_code) => Loaded::Print { text: String::new(), exit_code },
    }
}
