//! What the fleet hears, what it wants done, and what a generation is to have.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::control::{Order, Report};
use crate::ending::Ending;
use crate::exit::Exit;

/// Version of configuration and code: 0 at the start, one more with each reload.
pub type Generation = u32;

/// What a generation wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Worker processes.
    pub workers: u32,
    /// Cores of each worker.
    pub cores: u32,
    /// Router processes.
    pub routers: u32,
    /// Mules.
    pub mules: u32,
    /// Spoolers.
    pub spoolers: u32,
    /// Generation whose routers serve this one: an earlier one when their part of the configuration is the same.
    pub routed_by: Generation,
    /// Time a process may take to leave before it is killed.
    pub mercy: Duration,
    /// The same for mules.
    pub mule_mercy: Duration,
    /// Pause before the next birth when processes die young again and again.
    pub pause: Duration,
    /// The instance must not run without an application.
    pub need_app: bool,
}

/// A process of the fleet. The serial number is new with every birth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// The zygote of a generation.
    Zygote(u64),
    /// A router.
    Router(u64),
    /// A worker.
    Worker(u64),
    /// A mule.
    Mule(u64),
    /// A spooler.
    Spooler(u64),
}

/// What a fork of a zygote becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A process that serves requests.
    Worker,
    /// A process that handles messages, or runs a program of its own.
    Mule,
    /// A process that runs the tasks in a directory.
    Spooler,
}

impl Kind {
    /// The process of this kind with that serial number.
    #[must_use]
    pub const fn who(self, serial: u64) -> Who {
        match self {
            Self::Worker => Who::Worker(serial),
            Self::Mule => Who::Mule(serial),
            Self::Spooler => Who::Spooler(serial),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Worker => "worker",
            Self::Mule => "mule",
            Self::Spooler => "spooler",
        })
    }
}

impl Who {
    /// What it became by a fork of its zygote, and its serial number; `None` when it was started by exec.
    #[must_use]
    pub const fn forked(self) -> Option<(Kind, u64)> {
        match self {
            Self::Worker(serial) => Some((Kind::Worker, serial)),
            Self::Mule(serial) => Some((Kind::Mule, serial)),
            Self::Spooler(serial) => Some((Kind::Spooler, serial)),
            Self::Zygote(_) | Self::Router(_) => None,
        }
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A process exists under this id.
    Born(Who, u32),
    /// It serves: a zygote has loaded, a router or worker has said so.
    Said(Who, Report),
    /// It has ended, or could not be born.
    Gone(Who, Ending),
    /// A graceful reload was asked for.
    WantReload,
    /// The configuration of the next generation is ready (sockets bound), or could not be had.
    Prepared(Option<Plan>),
    /// A graceful stop was asked for; asked for twice it is no longer graceful.
    Stop,
    /// A stop without waiting for anything.
    Quit,
    /// Time has passed.
    Tick,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start a zygote.
    StartZygote(Who, Generation),
    /// Start router `number`.
    StartRouter(Who, Generation, u32),
    /// Let `zygote` fork worker or mule `number`.
    Fork {
        /// The process to be.
        who: Who,
        /// Its generation.
        generation: Generation,
        /// Its number, 1 first.
        number: u32,
        /// The zygote that forks it.
        zygote: Who,
    },
    /// Tell a process something. A zygote leaves with either order; its workers stay.
    Tell(Who, Order),
    /// Kill a process.
    Kill(Who),
    /// No router of this generation comes any more: links that still wait for one are to be cut.
    Unroute(Generation),
    /// Prepare the next generation, then report [`Event::Prepared`].
    Prepare(Generation),
    /// The generation serves and is the only one that lasts.
    Serving(Generation),
    /// Nothing of the generation is left, or it never came to be: forget what was kept for it.
    Forget(Generation),
    /// Write a line to the log.
    Say(String),
    /// Write a warning to the log.
    Warn(String),
    /// Leave with this code: no process is left.
    Leave(Exit),
}
