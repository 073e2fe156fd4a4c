//! The router: a process of its own that speaks HTTP to clients, holds the queue, and hands requests to idle cores.

use std::os::fd::OwnedFd;

use rsgi_config::Config;

/// What a router is born with.
#[derive(Debug)]
pub struct Job {
    /// Number of the router, 1 first.
    pub id: u32,
    /// The configuration, resolved.
    pub config: Config,
    /// Listening sockets in the order of `config.router.binds`, non-blocking.
    pub listeners: Vec<OwnedFd>,
    /// The router's end of its rendezvous: workers pass the far ends of their links over it.
    pub rendezvous: OwnedFd,
    /// Stream to the master ([`crate::control`]).
    pub control: OwnedFd,
}
