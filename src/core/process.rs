//! Starts a process in a role and hands it what it needs: configuration, numbers, descriptors by meaning.
//!
//! The document travels in a sealed memfd at descriptor 3; the descriptors it names follow from 4 up.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use command_fds::{CommandFdExt, FdMapping};
use rsgi_config::{Config, EnvChange, Protocol};
use serde::{Deserialize, Serialize};

use crate::aside::mailbox::{Addressee, End};
use crate::master::fleet::Kind;
use crate::memory::meters::Meters;
use crate::program::Program;
use crate::role::Role;
use crate::tls::Material;

const DOCUMENT: RawFd = 3;
const FIRST: RawFd = DOCUMENT + 1;

/// Length of the argument area that a started process gets, so that its title has room.
const TITLE_ROOM: usize = 200;

/// Facts of the instance that every process of it may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Process id of the master.
    pub master: u32,
    /// Start of the instance, seconds since the epoch.
    pub started: u64,
    /// Generation that the process belongs to, 0 first.
    pub generation: u32,
}

/// What a process is told at its start.
#[derive(Debug, Serialize, Deserialize)]
pub struct Handover {
    /// The role that the document was written for.
    pub role: Role,
    /// Number of the process among those of its role, 1 first.
    pub id: u32,
    /// The instance.
    pub instance: Instance,
    /// The configuration, resolved.
    pub config: Config,
    /// Certificates and keys; empty for all but routers.
    pub material: Material,
    meanings: Vec<Meaning>,
    /// Standard error leads to the master's collector.
    is_collected: bool,
}

/// What a handed-over descriptor is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Meaning {
    /// Messages between the master and a zygote ([`crate::zygote::message`]).
    Channel,
    /// Orders and reports ([`crate::control`]).
    Control,
    /// What is said while the generation comes up ([`crate::logging::memo`]).
    Memo,
    /// The scoreboard.
    Board,
    /// The signals of the application ([`crate::memory::signals`]).
    Signals,
    /// The locks of the application ([`crate::locks`]).
    Locks,
    /// What the instance counts for its metrics, when it does.
    Meters,
    /// The scoreboard of the processes of one kind beside the workers.
    AsideBoard(Kind),
    /// One end of a queue of messages to mules.
    Mailbox(Addressee, End),
    /// One end of a router's rendezvous; in the order of routers.
    Rendezvous,
    /// A listening socket of the workers, in the order of the configuration.
    Listener {
        /// What is spoken on it.
        protocol: Protocol,
        /// Address as bound.
        name: String,
    },
    /// Where request lines go in place of standard error.
    RequestLog,
    /// A listening socket of the router, in the order of `config.router.binds`.
    Bind,
}

/// Descriptors that a process was handed, by meaning.
#[derive(Debug)]
pub struct Descriptors(VecDeque<(Meaning, OwnedFd)>);

/// Why a process could not take over what it was handed.
#[derive(Debug, thiserror::Error)]
pub enum HandoverError {
    /// The process was not started by a master.
    #[error("the argument {} is for processes that rsgi starts itself", .0.argument())]
    NotOurs(Role, #[source] io::Error),
    /// The document cannot be read.
    #[error("the handover document is broken: was the rsgi binary replaced by another version while it started?")]
    Broken(#[from] serde_json::Error),
    /// A descriptor is missing.
    #[error("the handover lacks {0}")]
    Missing(&'static str),
}

/// Starts `program` in a role, with the changes of the environment that the configuration asks for.
/// Returns the process id; the caller reaps it.
///
/// # Errors
/// When the kernel's limits on processes, memory or descriptors forbid it.
pub fn start(
    program: &Program,
    role: Role,
    id: u32,
    instance: Instance,
    config: &Config,
    material: &Material,
    descriptors: Vec<(Meaning, OwnedFd)>,
) -> io::Result<u32> {
    let requests = crate::logging::collector::requests()?.map(|fd| (Meaning::RequestLog, fd));
    let (meanings, owned): (Vec<_>, Vec<_>) = descriptors.into_iter().chain(requests).unzip();
    let is_collected = crate::logging::collector::is_running();
    let (settings, material) = (config.clone(), material.clone());
    let document = Handover { role, id, instance, config: settings, material, meanings, is_collected };
    let document = rsgi_sys::memfd::sealed(c"rsgi-handover", &serde_json::to_vec(&document)?)?;
    let mappings = std::iter::once(document).chain(owned).zip(DOCUMENT..);
    let mappings: Vec<_> = mappings.map(|(parent_fd, child_fd)| FdMapping { parent_fd, child_fd }).collect();
    let end = mappings.last().map_or(DOCUMENT, |last| last.child_fd.saturating_add(1));
    let (mut command, _file) = program.command(end)?;
    command.arg0("rsgi").arg(role.argument()).arg(" ".repeat(TITLE_ROOM));
    // A debugger in the application wants to talk.
    let is_wanted = role == Role::Zygote && config.process.honour_stdin;
    command.stdin(if is_wanted { Stdio::inherit() } else { Stdio::null() });
    // Descriptors of socket activation are the master's alone (sd_listen_fds(3)).
    for name in ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"] {
        command.env_remove(name);
    }
    set_environment(&mut command, config);
    command.fd_mappings(mappings).map_err(io::Error::other)?;
    command.spawn().map(|child| child.id())
}

/// Environment variable that tells how often the instance was reloaded, as under uWSGI.
pub const RELOADS: &str = "UWSGI_RELOADS";

/// Environment variable with the name that the server was called by, as under uWSGI.
const ORIGINAL_NAME: &str = "UWSGI_ORIGINAL_PROC_NAME";

/// Gives `command` the environment that the options `env` and `unenv` ask for, and [`RELOADS`].
pub fn set_environment(command: &mut Command, config: &Config) {
    // First: what the configuration says in so many words counts more.
    for change in CHANGES.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        match change.split_once('=') {
            Some((name, value)) => command.env(name, value),
            None => command.env_remove(change),
        };
    }
    command.env(RELOADS, config.reloads.to_string());
    // By this some libraries know that they run under uWSGI.
    if let Some(name) = std::env::args_os().next().filter(|_| std::env::var_os(ORIGINAL_NAME).is_none()) {
        command.env(ORIGINAL_NAME, name);
    }
    for change in &config.env {
        match change {
            EnvChange::Set(name, value) => command.env(name, value),
            EnvChange::Unset(name) => command.env_remove(name),
        };
    }
}

/// What hooks have changed (`putenv`).
static CHANGES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Changes the environment of what this process starts from now on: `NAME=VALUE`, or `NAME` to remove it. Our own never
/// changes: threads may read it at any moment (setenv(3)).
pub fn change_environment(change: &str) {
    CHANGES.lock().unwrap_or_else(PoisonError::into_inner).push(change.to_owned());
}

/// Takes over what [`start`] has handed to this process.
///
/// # Errors
/// When this process was not started by [`start`] of the same version.
pub fn take_over(role: Role) -> Result<(Handover, Descriptors), HandoverError> {
    let not_ours = |error: io::Error| HandoverError::NotOurs(role, error);
    let document = rsgi_sys::inherit::take(DOCUMENT).map_err(|error| not_ours(io::Error::other(error)))?;
    let document = rsgi_sys::memfd::read(document).map_err(not_ours)?;
    let handover: Handover = serde_json::from_slice(&document)?;
    crate::logging::sink::set_collected(handover.is_collected);
    let mut descriptors = VecDeque::new();
    for (meaning, number) in handover.meanings.iter().zip(FIRST..) {
        let fd = rsgi_sys::inherit::take(number).map_err(|error| not_ours(io::Error::other(error)))?;
        if *meaning == Meaning::RequestLog {
            crate::logging::sink::set_requests(fd);
            continue;
        }
        descriptors.push_back((meaning.clone(), fd));
    }
    Ok((handover, Descriptors(descriptors)))
}

impl Descriptors {
    /// Takes the one descriptor with this meaning; `name` is for the error.
    ///
    /// # Errors
    /// When there is none.
    pub fn one(&mut self, meaning: &Meaning, name: &'static str) -> Result<OwnedFd, HandoverError> {
        let index = self.0.iter().position(|(found, _)| found == meaning);
        index.and_then(|index| self.0.remove(index)).map(|(_, fd)| fd).ok_or(HandoverError::Missing(name))
    }

    /// Maps the instance's meters, when somebody reads them.
    pub fn meters(&mut self) -> Option<Meters> {
        let (_, fd) = self.all(|meaning| (*meaning == Meaning::Meters).then_some(())).pop()?;
        Meters::map(fd.as_fd()).inspect_err(|errno| tracing::warn!("metrics will lack this process: {errno}")).ok()
    }

    /// Takes every descriptor whose meaning `pick` accepts, in order.
    pub fn all<T>(&mut self, pick: impl Fn(&Meaning) -> Option<T>) -> Vec<(T, OwnedFd)> {
        let (mut taken, mut left) = (Vec::new(), VecDeque::new());
        for (meaning, fd) in self.0.drain(..) {
            match pick(&meaning) {
                Some(found) => taken.push((found, fd)),
                None => left.push_back((meaning, fd)),
            }
        }
        self.0 = left;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any() -> OwnedFd {
        std::io::pipe().unwrap().0.into()
    }

    #[test]
    fn descriptors_are_taken_by_meaning_and_once() {
        let listener = |name: &str| Meaning::Listener { protocol: Protocol::Http, name: name.into() };
        let mut descriptors = Descriptors(VecDeque::from([
            (Meaning::Channel, any()),
            (listener("a"), any()),
            (Meaning::Board, any()),
            (listener("b"), any()),
        ]));
        let listeners = descriptors.all(|meaning| match meaning {
            Meaning::Listener { name, .. } => Some(name.clone()),
            _ => None,
        });
        assert_eq!(listeners.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!(descriptors.one(&Meaning::Board, "the scoreboard").is_ok());
        let again = descriptors.one(&Meaning::Board, "the scoreboard").unwrap_err();
        assert_eq!(again.to_string(), "the handover lacks the scoreboard");
    }

    #[test]
    fn a_role_without_handover_says_whose_it_is() {
        let error = take_over(Role::Zygote).unwrap_err();
        assert_eq!(error.to_string(), "the argument --rsgi-role=zygote is for processes that rsgi starts itself");
    }
}
