//! A host for the plugin: a server without sockets.

mod exchange;
mod host;
mod server;

pub(crate) use exchange::{Answer, Feed};
pub(crate) use host::{Host, KNOWN};
pub(crate) use server::{Request, Server, write};
