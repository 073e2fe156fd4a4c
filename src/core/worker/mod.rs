//! A worker: M cores (threads) that wait on one shared epoll set and answer requests through the plugin.

use std::os::fd::OwnedFd;

use rsgi_abi::host::Language;
use rsgi_config::Config;

use crate::exit::Exit;
use crate::memory::scoreboard::Scoreboard;

/// What a worker is born with.
#[derive(Debug)]
pub struct Job {
    /// Number of the worker, 1 first.
    pub id: u32,
    /// Generation of its zygote, 0 first.
    pub generation: u32,
    /// Process id of the master.
    pub master: u32,
    /// The configuration, resolved.
    pub config: Config,
    /// Listening sockets of the worker protocols, non-blocking.
    pub listeners: Vec<Listener>,
    /// One end of each router's rendezvous: a link's far end is passed over it as a descriptor.
    pub rendezvous: Vec<OwnedFd>,
    /// Stream to the master ([`crate::control`]).
    pub control: OwnedFd,
    /// The plugin, initialised, forked into this process; applications loaded unless loading is lazy.
    pub language: Language,
    /// The instance's scoreboard.
    pub board: Scoreboard,
}

/// A listening socket as workers and routers get it.
#[derive(Debug)]
pub struct Listener {
    /// The socket.
    pub socket: OwnedFd,
    /// What is spoken on it.
    pub protocol: rsgi_config::Protocol,
    /// Address as bound, for logs and `SERVER_PORT`: `127.0.0.1:3031`, `/run/app.sock`.
    pub name: String,
}
