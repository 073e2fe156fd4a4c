//! What the fleet hears, what it wants done, and what a generation is to have.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::scale::{Elastic, Scale};
use crate::control::{Order, Report};
use crate::ending::Ending;
use crate::exit::Exit;

/// Version of configuration and code: 0 at the start, one more with each reload.
pub type Generation = u32;

/// What a generation wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Worker processes, at most.
    pub workers: u32,
    /// How their number changes; `None`: all run.
    pub elastic: Option<Elastic>,
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
    /// A reload brings it to serve only after its application has answered a check ([`Who::Probe`]).
    pub check: bool,
    /// Each worker loads the application itself (`lazy-apps`): one that is to leave stays until its successor has done so.
    pub lazy: bool,
    /// A reload replaces the workers one after the other, so that there is never more than one too many.
    pub rolling: bool,
}

/// A process of the fleet. The serial number is new with every birth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// A process that asks the application of a new generation once, before anybody serves from it.
    Probe(u64),
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
    /// A process that asks the application for one answer and ends.
    Probe,
}

impl Kind {
    /// The process of this kind with that serial number.
    #[must_use]
    pub const fn who(self, serial: u64) -> Who {
        match self {
            Self::Worker => Who::Worker(serial),
            Self::Mule => Who::Mule(serial),
            Self::Spooler => Who::Spooler(serial),
            Self::Probe => Who::Probe(serial),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Worker => "worker",
            Self::Mule => "mule",
            Self::Spooler => "spooler",
            Self::Probe => "probe",
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
            Self::Probe(serial) => Some((Kind::Probe, serial)),
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
    /// One that replaces the workers one after the other, whatever the plan says.
    WantRollingReload,
    /// The configuration of the next generation is ready (sockets bound), or could not be had.
    Prepared(Option<Plan>),
    /// A graceful stop was asked for; asked for twice it is no longer graceful.
    Stop,
    /// The same, but nobody has asked: it came about. However often, it stays graceful.
    End,
    /// A stop without waiting for anything.
    Quit,
    /// This worker is to make room for another one, for its age or because an operator says so.
    Relieve(Who),
    /// There are to be more workers, or fewer.
    Scale(Scale),
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
        /// It is a worker that loads the application, and serves when it is told to ([`Order::Begin`]).
        stands_by: bool,
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
    /// A reload has come to nothing, for this reason: the serving generation goes on.
    ReloadFailed(Generation, String),
    /// Nothing of the generation is left, or it never came to be: forget what was kept for it.
    Forget(Generation),
    /// Write a line to the log.
    Say(String),
    /// Write a warning to the log.
    Warn(String),
    /// A process has died: an error, in uWSGI's words.
    Alarm(String),
    /// Leave with this code: no process is left.
    Leave(Exit),
}
