//! A host for the plugin: a server without sockets.

mod exchange;
mod fork;
mod host;
mod server;

pub(crate) use fork::in_child;
pub(crate) use server::{Request, Server, write};
