//! How a process ended, as its parent saw it.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use nix::sys::wait::WaitStatus;
use serde::{Deserialize, Serialize};

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// With an exit code.
    Exited(i32),
    /// By a signal.
    Killed(i32),
    /// Nobody could see how.
    Unknown,
    /// It could not be started at all.
    Unborn,
}

impl Ending {
    /// The ending in a wait status; `None` when the process lives on (stopped, continued).
    #[must_use]
    pub const fn of(status: WaitStatus) -> Option<Self> {
        match status {
            WaitStatus::Exited(_, code) => Some(Self::Exited(code)),
            WaitStatus::Signaled(_, signal, _) => Some(Self::Killed(signal as i32)),
            _ => None,
        }
    }

    /// The ending of a command.
    #[must_use]
    pub fn of_command(status: ExitStatus) -> Self {
        let killed = status.signal().map(Self::Killed);
        status.code().map(Self::Exited).or(killed).unwrap_or(Self::Unknown)
    }

    /// The exit code, when there is one.
    #[must_use]
    pub const fn code(self) -> Option<i32> {
        match self {
            Self::Exited(code) => Some(code),
            Self::Killed(_) | Self::Unknown | Self::Unborn => None,
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exit code {code}"),
            Self::Killed(signal) => write!(f, "killed by signal {signal}"),
            Self::Unknown => f.write_str("cause unknown"),
            Self::Unborn => f.write_str("it could not be started"),
        }
    }
}
