//! The router: a process of its own that speaks HTTP to clients, holds the queue, and hands requests to idle cores.
//!
//! A request's way: [`listen`] accepts, [`connection`] drives hyper, [`gate`] reads the head by the decoder that workers
//! use too, [`exchange`] waits in the [`pool`] for an idle [`link`], sends the request over it and gives hyper the
//! [`answer`]. Everything runs on one thread, so what the tasks share is an `Rc` of [`shop::Shop`].

mod answer;
mod client;
mod connection;
mod counted;
mod crowd;
mod exchange;
mod failure;
mod file;
mod gate;
mod gauge;
mod gzip;
mod handshake;
mod http2;
mod lease;
mod link;
mod listen;
mod pace;
mod pool;
mod proxy;
mod rendezvous;
mod reply;
mod reserve;
mod run;
mod shop;
mod statics;
mod stream;
mod taking;
#[cfg(test)]
mod tests;
mod ticket;
mod tidy;
mod tunnel;
mod upload;

use std::os::fd::OwnedFd;

use rsgi_config::Config;

use crate::memory::meters::Meters;
use crate::tls;

pub use run::run;

/// What a router is born with.
#[derive(Debug)]
pub struct Job {
    /// Number of the router, 1 first.
    pub id: u32,
    /// The configuration, resolved.
    pub config: Config,
    /// Listening sockets in the order of `config.router.binds`, non-blocking.
    pub listeners: Vec<OwnedFd>,
    /// Certificates and keys as the master has read them.
    pub material: tls::Material,
    /// The router's end of its rendezvous: workers pass the far ends of their links over it.
    pub rendezvous: OwnedFd,
    /// Stream to the master ([`crate::control`]).
    pub control: OwnedFd,
    /// The instance's meters, when somebody reads them.
    pub meters: Option<Meters>,
}
