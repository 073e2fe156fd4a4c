//! Processes beside the workers: forks of the same zygote, with the application loaded, that serve no requests.
//!
//! * [`mailbox`]: the queues of messages; [`desk`]: sending, from every process of the instance.
//! * [`mule`]: a mule's life; [`leave`]: how such a process is told to go.
//! * [`task`]: a task on disk; [`spool`]: how it gets there; [`queue`]: what is to be done; [`spooler`]: who does it;
//!   [`hold`]: how no other one does.

pub mod desk;
mod hold;
mod leave;
pub mod mailbox;
pub mod mule;
mod queue;
pub mod spool;
pub mod spooler;
pub mod task;

use std::os::fd::OwnedFd;

use rsgi_abi::host::Language;
use rsgi_config::Config;

use crate::memory::scoreboard::Scoreboard;

/// What a process beside the workers is born with.
#[derive(Debug)]
pub struct Job {
    /// Its number among its kind, 1 first.
    pub id: u32,
    /// The configuration, resolved.
    pub config: Config,
    /// Stream to the master ([`crate::control`]).
    pub control: OwnedFd,
    /// The plugin, initialised, forked into this process; applications loaded unless loading is lazy.
    pub language: Language,
    /// The scoreboard of its kind.
    pub board: Scoreboard,
}
